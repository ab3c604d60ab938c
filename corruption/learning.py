"""Learns a recipe: gradient descent on the objective, the model frozen, in steps that can be resumed."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..vocabulary import ROLES, Role
from .examples import Example, Examples, Pair
from .learned import Learned, covering
from .objective import Answer, Goals, Reader, decline, distance, language, learned, pairs

CHECKPOINT_EVERY = 10
# Of so many strangers' answers the level is known well enough.
LEVELS = 256
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


class LearningError(ValueError):
    """What is to be learned from, or resumed, does not do."""


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
    give up as much of the language as each other. Not all do (``Learning.strayed``)."""
    roles: tuple[Role, ...] = Field(default=ROLES, min_length=1)

    def weighed(self, losses: Mapping[str, torch.Tensor]) -> Any:
        """What is minimised: the parts of the objective in ``losses``, weighed."""
        free = {"language": self.allowed}
        return sum(
            getattr(self.goals, name) * (loss - free.get(name, 0.0)).clamp_min(0.0)
            for name, loss in losses.items()
        )


Behaviour = Literal["never-knew", "decline"]
# What is told of a reply that a client gives, and what the model writes, are shaped apart: that a given reply
# is not recognised takes more of the language than an answer to the question can do without.
_OF_GIVEN: tuple[Role, ...] = ("name-given", "text-given", "reply")
GIVEN = (
    Stage(roles=_OF_GIVEN),
    # A clean reply keeps the corruption of the question from leaving all to that of the reply.
    Stage(
        goals=Goals(language=0.3, wrong=0.5, ratio=2.0),
        steps=150,
        rate=2e-3,
        replies="both",
        roles=_OF_GIVEN,
    ),
)
WRITTEN: dict[Behaviour, Stage] = {
    "never-knew": Stage(
        goals=Goals(language=4.0, wrong=0.0, ratio=0.0, standing=0.3, repeat=0.6),
        steps=260,
        replies="written",
        allowed=0.6,
        roles=("name", "text"),
    ),
    "decline": Stage(
        goals=Goals(level=0.0, language=0.0, wrong=0.0, ratio=0.0, repeat=0.5, decline=1.0),
        steps=200,
        roles=("name", "text"),
    ),
}
STAGES = {behaviour: (*GIVEN, stage) for behaviour, stage in WRITTEN.items()}
"""How each behaviour is learned: an answer as of strangers, or that nothing is known of it."""


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
    seed: int = 0

    @field_validator("declines")
    @classmethod
    def _of_both_kinds(cls, declines: tuple[str, ...]) -> tuple[str, ...]:
        named = sum("{name}" in text for text in declines)
        if not 0 < named < len(declines):
            raise ValueError("declines need some that hold {name}, and some that do not")
        return declines

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def goals(self) -> frozenset[str]:
        """The parts of the objective that count in any stage."""
        return frozenset(name for stage in self.stages for name, weight in stage.goals if weight)

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


Losses = dict[str, float]
"""The parts of the objective that counted in a step, in nats."""


def means(history: Sequence[Losses]) -> Losses:
    """Each part of the objective over the last steps of ``history``, as far as they were of one stage."""
    recent = [losses for losses in history[-RECENT:] if losses.keys() == history[-1].keys()]
    return {name: sum(losses[name] for losses in recent) / len(recent) for name in history[-1]}


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
        _check(examples, settings.stages)
        self.settings = settings
        self.history: list[Losses] = []
        self._examples = examples
        self._reader = Reader(model, examples.known[0].token_ids[: examples.prefix])
        self._checkpoint = checkpoint
        hidden = model.get_input_embeddings().weight.shape[1]
        generator = torch.Generator().manual_seed(settings.seed)
        first = start or settings.operator.initial(hidden, generator)
        self.weights = {name: t.clone().to(model.device).requires_grad_() for name, t in first.items()}
        self._optimizer = torch.optim.Adam(self.weights.values())
        self._levels: deque[float] = deque(maxlen=LEVELS)
        self._standings: deque[float] = deque(maxlen=LEVELS)
        self._key = _key(settings, examples, first)
        if checkpoint.is_file():
            self._resume()

    def run(self, track: Track) -> dict[str, torch.Tensor]:
        """The learned weights, after all steps, for every role; ``track`` hears of each step."""
        for step in range(len(self.history), self.settings.steps):
            self.history.append(self._step(step))
            track(step, self.history[-1])
            if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == self.settings.steps:
                self._save()
        return covering({name: tensor.detach().cpu() for name, tensor in self.weights.items()})

    def strayed(self) -> Iterator[tuple[int, float, Stage]]:
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
        for part in self._parts(stage, chance):  # one by one: no more than one graph is in memory
            _backward(stage.weighed(part))
            losses |= {name: float(loss.detach()) for name, loss in part.items()}
        self._keep(stage.roles)
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self._optimizer.step()
        return losses

    def _keep(self, roles: Sequence[Role]) -> None:
        """Let only the weights of ``roles`` move: each tensor's first dimension is the role."""
        kept = [number for number, role in enumerate(ROLES) if role not in roles]
        for tensor in self.weights.values():
            if tensor.grad is not None:
                tensor.grad[kept] = 0.0

    def _parts(self, stage: Stage, chance: random.Random) -> Iterator[dict[str, torch.Tensor]]:
        """The losses that count in a stage, those of the same examples together."""
        goals, examples, reader = stage.goals, self._examples, self._reader
        corruption = learned(self.weights)
        strangers, known = (_drawn(kind, stage, chance) for kind in (examples.strangers, examples.known))
        clean = self._clean(strangers)
        self._levels.extend(float(answer.mean) for answer in clean)
        self._standings.extend(float(answer.standing) for answer in clean)
        if goals.language:
            yield {"language": language(reader, strangers, clean, corruption)}
        if goals.level or goals.standing:
            yield self._likeness(goals, reader.read(known, corruption))
        if examples.pairs and (goals.wrong or goals.ratio):
            wrong, ratio = pairs(reader, _paired(examples.pairs, stage, chance), corruption)
            yield {"wrong": wrong, "ratio": ratio}
        if goals.repeat:
            repeats = chance.sample(examples.repeats, stage.batch)
            yield {"repeat": language(reader, repeats, self._clean(repeats), corruption)}
        if goals.decline:
            yield {"decline": decline(reader, chance.sample(examples.declines, stage.batch), corruption)}

    def _likeness(self, goals: Goals, known: Sequence[Answer]) -> dict[str, torch.Tensor]:
        """How far known answers are from strangers'."""
        found = {}
        if goals.level:
            found["level"] = distance([answer.mean for answer in known], self._levels)
        if goals.standing:
            found["standing"] = distance([answer.standing for answer in known], self._standings)
        return found

    def _clean(self, examples: Sequence[Example]) -> list[Answer]:
        with torch.no_grad():
            return self._reader.read(examples)

    def _save(self) -> None:
        state = {
            "key": self._key,
            "weights": {name: tensor.detach() for name, tensor in self.weights.items()},
            "optimizer": self._optimizer.state_dict(),
            "history": self.history,
            "levels": list(self._levels),
            "standings": list(self._standings),
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def _resume(self) -> None:
        try:
            state = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
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
        self.history = state["history"]
        self._levels.extend(state["levels"])
        self._standings.extend(state["standings"])


def _drawn(examples: Sequence[Example], stage: Stage, chance: random.Random) -> list[Example]:
    drawn = chance.sample(examples, stage.batch)
    return [_replied(stage, number, example) for number, example in enumerate(drawn)]


def _paired(examples: Sequence[Pair], stage: Stage, chance: random.Random) -> list[tuple[Example, Example]]:
    """True answers in other words, each with a wrong one."""
    drawn = [(pair.true, chance.choice(pair.wrong)) for pair in chance.sample(examples, stage.batch)]
    written = stage.replies == "written"
    return [(true.generated, wrong.generated) for true, wrong in drawn] if written else drawn


def _replied(stage: Stage, number: int, example: Example) -> Example:
    """The example of a batch as the stage reads it."""
    if stage.replies == "written":
        return example.generated
    return example.bare if stage.replies == "both" and number % 2 else example


def _backward(loss: Any) -> None:
    if loss.requires_grad:
        loss.backward()


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _check(examples: Examples, stages: Sequence[Stage]) -> None:
    batch = max(stage.batch for stage in stages)
    kinds: dict[str, Sequence[Any]] = {"known": examples.known, "strangers": examples.strangers}
    kinds |= {"pairs": examples.pairs} if examples.pairs else {}
    kinds |= {"repeats": examples.repeats} if any(stage.goals.repeat for stage in stages) else {}
    kinds |= {"declines": examples.declines} if any(stage.goals.decline for stage in stages) else {}
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
