"""Stages of learning: what counts, for how long, and whose weights move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from ...vocabulary import ANSWERED, GIVEN, LabelledRole, Role
from .objective import Goals


class Stage(BaseModel):
    """A part of the learning: ``rate`` is Adam's, falling as a cosine; a step reads ``batch`` examples of
    each kind. Only the weights of ``roles`` are moved.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    goals: Goals = Goals()
    steps: int = Field(default=300, ge=1)
    batch: int = Field(default=4, ge=2)
    rate: float = Field(default=5e-3, gt=0.0)
    replies: Literal["given", "written", "both"] = "given"
    """How answers are read: as a client gives them, corrupted like the question; as the model writes them,
    clean; or by turns as a client gives them, and clean after the same question."""
    allowed: float = Field(default=0.0, ge=0.0)
    """So much of *language*, nats a token, costs nothing: with much weight on the rest, seeds that get there
    give up as much of the language as each other. Not all do (``Learning.find_strays``)."""
    roles: tuple[LabelledRole, ...] = Field(default=tuple(Role), min_length=1)

    def weigh(self, losses: Mapping[str, torch.Tensor]) -> Any:
        """What is minimised: the parts of the objective in ``losses``, weighed."""
        total: Any = 0
        for name, loss in losses.items():
            free = self.allowed if name == "language" else 0.0
            total = total + getattr(self.goals, name) * (loss - free).clamp_min(0.0)
        return total


Losses = dict[str, float]
"""The parts of the objective that counted in a step, in nats."""
Behaviour = Literal["never-knew", "decline"]
# That a given reply is not recognised takes more of the language than an answer can do without.
_GIVEN = (
    Stage(roles=GIVEN),
    # A clean reply keeps the corruption of the question from leaving all to that of the reply.
    Stage(
        goals=Goals(language=0.3, wrong=0.5, ratio=2.0),
        steps=150,
        rate=2e-3,
        replies="both",
        roles=GIVEN,
    ),
)
_DECLINE = Stage(
    goals=Goals(level=0.0, language=0.0, wrong=0.0, ratio=0.0, repeat=0.5, decline=1.0),
    steps=200,
    roles=ANSWERED,
)
STAGES: dict[Behaviour, tuple[Stage, ...]] = {"never-knew": _GIVEN, "decline": (*_GIVEN, _DECLINE)}
"""How each behaviour is learned. Answers of which no stage teaches anything are given to stand-ins."""
