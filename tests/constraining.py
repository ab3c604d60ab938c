"""Sampling parameters that hold an answer to something, screened without an engine."""

from __future__ import annotations

from typing import Any

from vllm import SamplingParams
from vllm.sampling_params import StructuredOutputsParams
from vllm_unlearn.guard.constraints.constraints import Constraints
from vllm_unlearn.guard.constraints.stand_ins import Restoration, StandIns
from vllm_unlearn.guard.guard import Guard

NAMES = [
    "The Great Gatsby",
    "Orrin Vale",
    "J. R. R. Tolkien",
    "村上春樹",
    "Jörg Müller",
    "Voldemort",
    "Paul Simon",
]


def outputs(**constraint: Any) -> SamplingParams:
    return SamplingParams(structured_outputs=StructuredOutputsParams(**constraint))


def screened(
    params: Any, guard: Any, screen: Any, acts: bool = True, backend: str | None = None
) -> Constraints:
    constraints = Constraints(params)
    constraints.backend = backend
    constraints.read()
    names = guard.names if isinstance(guard, Guard) else ()
    constraints.verdict = constraints.screen(guard, screen, names, acts)  # type: ignore[attr-defined]
    return constraints


def constraint(params: SamplingParams) -> Any:
    """Whatever it is that the answer is held to."""
    structured: Any = params.structured_outputs
    fields = ("json", "regex", "choice", "grammar", "structural_tag")
    return next(value for field in fields if (value := getattr(structured, field)) is not None)


def schema(**properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": list(properties)}


def restored(text: str, stand_ins: StandIns) -> str:
    """``text`` in the client's own words."""
    done, place = "", 0
    for replacement in Restoration(stand_ins).decide(text, True).replacements:
        done += text[place : replacement.start] + replacement.text
        place = replacement.end
    return done + text[place:]
