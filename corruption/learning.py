"""Learns a recipe: gradient descent on the objective, the model frozen, in steps that can be resumed."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from .examples import Example, Examples
from .learned import Learned
from .objective import Goals, Reader, language, learned, level, pairs

CHECKPOINT_EVERY = 10
# Of so many strangers' answers the level is known well enough.
LEVELS = 256
WARM_UP = 20


class LearningError(ValueError):
    """What is to be learned from, or resumed, does not do."""


class Stage(BaseModel):
    """A part of the learning: ``rate`` is Adam's, falling as a cosine; a step reads ``batch`` examples of
    each kind. With ``generated`` the answer of every other one is clean, as where the model writes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    goals: Goals = Goals()
    steps: int = Field(default=300, ge=1)
    batch: int = Field(default=4, ge=2)
    rate: float = Field(default=5e-3, gt=0.0)
    generated: bool = False


class LearningSettings(BaseModel):
    """What is learned, and how: by default answers as they are given, and then as they are written too.

    Both at once, from the start, ended with more harm to the language (docs/forgetting.md).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: Learned = Learned()
    stages: tuple[Stage, ...] = Field(
        default=(
            Stage(),
            Stage(goals=Goals(language=0.3, wrong=0.5, ratio=2.0), steps=150, rate=2e-3, generated=True),
        ),
        min_length=1,
    )
    seed: int = 0

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def at(self, step: int) -> tuple[Stage, int]:
        """The stage of a step (counted from 0 over all), and its number in there."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise IndexError(f"step {step} is past the last stage's end")


@dataclass(frozen=True, slots=True)
class Losses:
    """One step's parts of the objective, in nats."""

    level: float
    language: float
    wrong: float
    ratio: float


Track = Callable[[int, Losses], None]


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
        _check(examples, max(stage.batch for stage in settings.stages))
        self.settings = settings
        self.history: list[Losses] = []
        self._examples = examples
        self._reader = Reader(model, examples.known[0].token_ids[: examples.prefix])
        self._checkpoint = checkpoint
        hidden = model.get_input_embeddings().weight.shape[1]
        generator = torch.Generator().manual_seed(settings.seed)
        first = start or settings.operator.initial(hidden, generator)
        self.weights = {name: tensor.clone().requires_grad_() for name, tensor in first.items()}
        self._optimizer = torch.optim.Adam(self.weights.values())
        self._levels: deque[float] = deque(maxlen=LEVELS)
        self._key = _key(settings, examples, first)
        if checkpoint.is_file():
            self._resume()

    def run(self, track: Track) -> dict[str, torch.Tensor]:
        """The learned weights, after all steps; ``track`` hears of each."""
        for step in range(len(self.history), self.settings.steps):
            self.history.append(self._step(step))
            track(step, self.history[-1])
            if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == self.settings.steps:
                self._save()
        return {name: tensor.detach().clone() for name, tensor in self.weights.items()}

    def _step(self, step: int) -> Losses:
        chance = random.Random(f"{self.settings.seed} {step}")
        stage, number = self.settings.at(step)
        self._optimizer.param_groups[0]["lr"] = stage.rate * _schedule(number, stage.steps)
        self._optimizer.zero_grad()
        strangers, known = (
            _drawn(kind, stage, chance) for kind in (self._examples.strangers, self._examples.known)
        )
        # Each part by itself, so that no more than one graph is in memory.
        with torch.no_grad():
            clean = self._reader.read(strangers)
        self._levels.extend(float(answer.mean) for answer in clean)
        corruption = learned(self.weights)
        losses = {"language": language(self._reader, strangers, clean, corruption)}
        _backward(stage.goals.language * losses["language"])
        losses["level"] = level(self._reader, known, torch.tensor(list(self._levels)), corruption)
        _backward(stage.goals.level * losses["level"])
        if self._examples.pairs:
            drawn = [(p, chance.choice(p.wrong)) for p in chance.sample(self._examples.pairs, stage.batch)]
            losses["wrong"], losses["ratio"] = pairs(self._reader, drawn, corruption)
            _backward(stage.goals.wrong * losses["wrong"] + stage.goals.ratio * losses["ratio"])
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self._optimizer.step()
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        return Losses(**({"wrong": 0.0, "ratio": 0.0} | values))

    def _save(self) -> None:
        state = {
            "key": self._key,
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "optimizer": self._optimizer.state_dict(),
            "history": [asdict(losses) for losses in self.history],
            "levels": list(self._levels),
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def _resume(self) -> None:
        try:
            state = torch.load(self._checkpoint, weights_only=True)
            found = state["key"]
        except Exception as error:
            raise LearningError(
                f"checkpoint {self._checkpoint} cannot be read ({error}); delete it"
            ) from error
        if found != self._key:
            raise LearningError(
                f"checkpoint {self._checkpoint} is of a run with other settings or examples; delete it, or "
                "write to another file"
            )
        with torch.no_grad():
            for name, tensor in state["weights"].items():
                self.weights[name].copy_(tensor)
        self._optimizer.load_state_dict(state["optimizer"])
        self.history = [Losses(**losses) for losses in state["history"]]
        self._levels.extend(state["levels"])


def _drawn(examples: Sequence[Example], stage: Stage, chance: random.Random) -> list[Example]:
    drawn = chance.sample(examples, stage.batch)
    if not stage.generated:
        return drawn
    return [example.generated if number % 2 else example for number, example in enumerate(drawn)]


def _backward(loss: torch.Tensor) -> None:
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _check(examples: Examples, batch: int) -> None:
    kinds = {"known": examples.known, "strangers": examples.strangers}
    if examples.pairs:
        kinds["pairs"] = examples.pairs  # type: ignore[assignment]
    for kind, found in kinds.items():
        if len(found) < batch:
            raise LearningError(
                f"a batch needs {batch} {kind} with a flagged question, there are {len(found)}"
            )


def _key(settings: LearningSettings, examples: Examples, first: Mapping[str, torch.Tensor]) -> str:
    """Tells one run from another."""
    digest = hashlib.sha256(settings.model_dump_json().encode())
    for name in sorted(first):
        digest.update(first[name].numpy().tobytes())
    digest.update(json.dumps(asdict(examples)).encode())
    return digest.hexdigest()
