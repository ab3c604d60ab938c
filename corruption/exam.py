"""How far a corruption is from each goal, on examples that are drawn."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from .examples import Example, Examples, Pair
from .objective import Answer, Corruption, Goals, Reader, decline, distance, language, pairs
from .stage import Stage

# Of so many strangers' answers the level is known well enough.
LEVELS = 256


class Exam:
    """Reads ``examples`` with a frozen causal LM, ``model``."""

    def __init__(self, model: Any, examples: Examples) -> None:
        """What strangers' answers are like is gathered as they are drawn: the last ``LEVELS`` of each
        figure."""
        self._examples = examples
        self._reader = Reader(model, examples.known[0].token_ids[: examples.prefix])
        self.levels: deque[float] = deque(maxlen=LEVELS)
        self.standings: deque[float] = deque(maxlen=LEVELS)

    @property
    def fewest(self) -> int:
        """So many examples there are of each kind that there is any of."""
        examples = self._examples
        kinds = (examples.known, examples.strangers, examples.pairs, examples.repeats, examples.declines)
        return min(len(kind) for kind in kinds if kind)

    def parts(
        self, stage: Stage, chance: random.Random, corruption: Corruption
    ) -> Iterator[dict[str, torch.Tensor]]:
        """The losses that count in a stage, in nats, those of the same examples together."""
        goals, examples, reader = stage.goals, self._examples, self._reader
        strangers, known = (_drawn(kind, stage, chance) for kind in (examples.strangers, examples.known))
        clean = self._clean(strangers)
        self.levels.extend(float(answer.mean) for answer in clean)
        self.standings.extend(float(answer.standing) for answer in clean)
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
            found["level"] = distance([answer.mean for answer in known], self.levels)
        if goals.standing:
            found["standing"] = distance([answer.standing for answer in known], self.standings)
        return found

    def _clean(self, examples: Sequence[Example]) -> list[Answer]:
        with torch.no_grad():
            return self._reader.read(examples)


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
