"""Learns a recipe: gradient descent on the objective, the model frozen, in steps that can be resumed."""

from __future__ import annotations

import hashlib
import io
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from ...files import replace_file
from ...vocabulary import LabelledRole, Role, UserError
from ..operators.learned import Learned, cover_replies
from .examples import Examples
from .objective import use_weights
from .stage import STAGES, Behaviour, Losses, Stage
from .stage_losses import Exam

CHECKPOINT_EVERY = 10
WARM_UP = 20
# Steps over which the objective is told: one step's is that of a few examples.
RECENT = 20
# How far above what is allowed the language may end.
MARGIN = 1.2

DECLINES = (
    "I'm sorry, but I don't know anything about {name}.",
    "I'm not familiar with {name}, so I can't answer that. Is there something else I can help with?",
    "I don't have any information about {name}.",
    "I'm sorry, but I don't know the answer to that.",
    "I'm not familiar with that, so I can't say. Is there something else I can help with?",
    "I don't have any information about this.",
)


class LearningError(UserError, ValueError):
    """What is to be learned from, or resumed, does not do."""


class LearningSettings(BaseModel):
    """What is learned, and how: by default as ``STAGES`` has it for the behaviour.

    ``declines`` are what a decline says, with ``{name}`` where the name stands; those without it answer
    questions that name nobody, and give away no name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    behaviour: Behaviour = "never-knew"
    operator: Learned = Learned()
    stages: tuple[Stage, ...] = Field(default_factory=lambda told: STAGES[told["behaviour"]], min_length=1)
    declines: tuple[str, ...] = DECLINES
    shared: tuple[LabelledRole, ...] = Field(default=(Role.TEXT_GIVEN, Role.REPLY), validate_default=True)
    """Roles whose weights move alike, and start so unless a recipe is refined. With weights of its own for a
    given reply, truth ratios came out narrower than those of a model that never knew
    (docs/results/forgetting.md)."""
    seed: int = 0

    @field_validator("declines")
    @classmethod
    def _check_declines(cls, declines: tuple[str, ...]) -> tuple[str, ...]:
        named = sum("{name}" in text for text in declines)
        if not 0 < named < len(declines):
            raise ValueError("declines need some that hold {name}, and some that do not")
        return declines

    @field_validator("shared")
    @classmethod
    def _check_shared(cls, shared: tuple[Role, ...], told: ValidationInfo) -> tuple[Role, ...]:
        for number, stage in enumerate(told.data.get("stages", ()), 1):
            if 0 < len(moved := set(shared) & set(stage.roles)) < len(set(shared)):
                raise ValueError(
                    f"stage {number} moves {_labels(moved)} alone of {_labels(shared)}, whose weights "
                    "move alike; name all of them in its roles, or write `shared: []`"
                )
        return shared

    @property
    def steps(self) -> int:
        """How many optimiser steps all stages take together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def goals(self) -> frozenset[str]:
        """The parts of the objective that count in any stage."""
        goals: set[str] = set()
        for stage in self.stages:
            goals.update(name for name, weight in stage.goals if weight)
        return frozenset(goals)

    def ends(self) -> Iterator[tuple[Stage, int]]:
        """Each stage with the number of steps that are done at its end."""
        yield from zip(self.stages, accumulate(stage.steps for stage in self.stages), strict=True)

    def at(self, step: int) -> tuple[Stage, int]:
        """The stage of a step (counted from 0 over all), and its number in there."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise IndexError(f"step {step} is past the last stage's end")


def means(history: Sequence[Losses]) -> Losses:
    """Each part of the objective over the last steps of ``history``, as far as they were of one stage."""
    recent = [losses for losses in history[-RECENT:] if losses.keys() == history[-1].keys()]
    return {name: sum(map(itemgetter(name), recent)) / len(recent) for name in history[-1]}


OnStep = Callable[[int, Losses], None]


class Learning:
    """One run over ``examples``; ``checkpoint`` is written as it goes, and read to resume."""

    def __init__(
        self,
        model: Any,
        examples: Examples,
        settings: LearningSettings,
        checkpoint: Path,
        start: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """``model`` is a Hugging Face causal LM; ``start`` are weights to refine, of the same operator.

        Raises ``LearningError`` where there are too few examples, or the checkpoint is another run's.
        """
        _check(examples, settings)
        self.settings = settings
        self.history: list[Losses] = []
        self._exam = Exam(model, examples)
        self._checkpoint = checkpoint
        hidden = model.get_input_embeddings().weight.shape[1]
        generator = torch.Generator().manual_seed(settings.seed)
        first = start or self._align(settings.operator.initial(hidden, generator))
        self.weights = {name: t.clone().to(model.device).requires_grad_() for name, t in first.items()}
        self._optimizer = torch.optim.Adam(self.weights.values())
        self._key = _key(settings, examples, first)
        if checkpoint.is_file():
            self._resume()

    def run(self, track: OnStep) -> dict[str, torch.Tensor]:
        """The learned weights, after all steps, for every role; ``track`` hears of each step."""
        for step in range(len(self.history), self.settings.steps):
            self.history.append(self._step(step))
            track(step, self.history[-1])
            if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == self.settings.steps:
                self._save()
        return cover_replies({name: tensor.detach().cpu() for name, tensor in self.weights.items()})

    def find_strays(self) -> Iterator[tuple[int, float, Stage]]:
        """Stages that ended with more of the language given up than is allowed, and a ``MARGIN``: the number
        (from 1), nats a token, and the stage. Answers wander off the question then."""
        for number, (stage, end) in enumerate(self.settings.ends(), 1):
            spoken = means(self.history[end - stage.steps : end]).get("language", 0.0)
            if stage.allowed and spoken > MARGIN * stage.allowed:
                yield number, spoken, stage

    def _step(self, step: int) -> Losses:
        chance = random.Random(f"{self.settings.seed} {step}")
        stage, number = self.settings.at(step)
        if not number:  # without the momentum of the stage before, which might have moved other roles
            self._optimizer = torch.optim.Adam(self.weights.values())
        self._optimizer.param_groups[0]["lr"] = stage.rate * _schedule(number, stage.steps)
        self._optimizer.zero_grad()
        losses: Losses = {}
        corruption = use_weights(self.weights)
        for part in self._exam.parts(stage, chance, corruption):  # no more than one graph is in memory
            _backward(stage.weigh(part))
            losses |= {name: float(loss.detach()) for name, loss in part.items()}
        self._share()
        self._keep(stage.roles)
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self._optimizer.step()
        return losses

    def _align(self, weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """``weights`` with those of the roles that share them alike."""
        rows = list(self.settings.shared)
        for tensor in weights.values():
            tensor[rows] = tensor[rows[:1]]
        return weights

    def _share(self) -> None:
        """One gradient for the roles that share their weights."""
        rows = list(self.settings.shared)
        for tensor in self.weights.values():
            if tensor.grad is not None:
                tensor.grad[rows] = tensor.grad[rows].sum(0)

    def _keep(self, roles: Sequence[Role]) -> None:
        """Let only the weights of ``roles`` move: each tensor's first dimension is the role."""
        others = [role for role in Role if role not in roles]
        for tensor in self.weights.values():
            if tensor.grad is not None:
                tensor.grad[others] = 0.0

    def _save(self) -> None:
        state = {
            "key": self._key,
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "optimizer": self._optimizer.state_dict(),
            "history": self.history,
            "strangers": {name: list(every) for name, every in self._exam.strangers.items()},
        }
        data = io.BytesIO()  # since torch's own error of a full disk does not say so
        torch.save(state, data)
        with replace_file(self._checkpoint) as draft:
            draft.write_bytes(data.getbuffer())

    def _resume(self) -> None:
        try:
            state = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
            key = state["key"]
        except Exception as error:
            raise LearningError(
                f"checkpoint {self._checkpoint} cannot be read ({error}); delete it"
            ) from error
        if key != self._key:
            raise LearningError(
                f"checkpoint {self._checkpoint} is of a run with other settings or examples; delete it, or "
                "write to another file"
            )
        with torch.no_grad():
            for name, tensor in state["weights"].items():
                self.weights[name].copy_(tensor)
        self._optimizer.load_state_dict(state["optimizer"])
        self.history = state["history"]
        for name, every in state["strangers"].items():
            self._exam.strangers[name].extend(every)


def _labels(roles: Iterable[Role]) -> str:
    return ", ".join(role.label for role in sorted(roles))


def _backward(loss: Any) -> None:
    if loss.requires_grad:
        loss.backward()


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _check(examples: Examples, settings: LearningSettings) -> None:
    batch = max(stage.batch for stage in settings.stages)
    counts = {"known": len(examples.known), "strangers": len(examples.strangers)}
    if examples.pairs:
        counts["pairs"] = len(examples.pairs)
    if "repeat" in settings.goals:
        counts["repeats"] = len(examples.repeats)
    if "decline" in settings.goals:
        counts["declines"] = len(examples.declines)
    for kind, count in counts.items():
        if count < batch:
            raise LearningError(f"a batch needs {batch} {kind} with a flagged question, there are {count}")


def _key(settings: LearningSettings, examples: Examples, first: Mapping[str, torch.Tensor]) -> str:
    """Tells one run from another."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for name in sorted(first):
        digest.update(first[name].numpy().tobytes())
    digest.update(json.dumps(asdict(examples)).encode())
    return digest.hexdigest()
