"""How strong a learned corruption of given replies should be: searched after learning, on its examples.

ECO searches the strength of its noise (arXiv 2406.07933, section 3.3); here one number scales what the
learned weights change. Learning ends too strong: it also reads replies that are clean after a corrupted
question, which no client can give, so that not all is left to the reply's corruption. The search reads
replies as a client gives them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .exam import Exam
from .examples import Examples
from .learned import scaled
from .objective import learned
from .stage import OF_GIVEN, Losses, Stage

STRENGTHS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
# Examples of each kind that are read at once, and how often: the same for each strength.
BATCH = 16
BATCHES = 3

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Tried:
    """A strength, the parts of the objective that it had, and what was minimised, in nats."""

    strength: float
    losses: Losses
    weighed: float


def read_as_given(stages: Sequence[Stage]) -> Stage | None:
    """The last stage that moves the weights of given replies, if any does, with replies as a client gives
    them: its goals are what a strength is chosen by."""
    for stage in reversed(stages):
        if stage.replies != "written" and set(stage.roles).intersection(OF_GIVEN):
            return stage.model_copy(update={"replies": "given"})
    return None


def search(
    model: Any,
    examples: Examples,
    stage: Stage,
    weights: Weights,
    strengths: Sequence[float],
    seed: int,
    track: Callable[[Tried], None] = lambda tried: None,
) -> list[Tried]:
    """Every one of ``strengths`` for the weights of given replies, the best first; ``track`` hears of each.
    ``model`` is a frozen Hugging Face causal LM."""
    found = []
    for strength in strengths:
        exam = Exam(model, examples)  # each is held against the same strangers
        found.append(_tried(exam, stage, weights, strength, seed))
        track(found[-1])
    return sorted(found, key=lambda tried: tried.weighed)


def _tried(exam: Exam, stage: Stage, weights: Weights, strength: float, seed: int) -> Tried:
    corruption = learned(scaled(weights, strength, OF_GIVEN))
    drawn = stage.model_copy(update={"batch": min(BATCH, exam.fewest)})
    sums: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for number in range(BATCHES):
            chance = random.Random(f"{seed} strength {number}")
            for part in exam.parts(drawn, chance, corruption):
                sums |= {name: sums.get(name, 0.0) + loss / BATCHES for name, loss in part.items()}
    return Tried(strength, {name: float(loss) for name, loss in sums.items()}, float(stage.weighed(sums)))
