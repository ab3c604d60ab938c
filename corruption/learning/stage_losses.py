"""How far a corruption is from each goal, on examples that are drawn."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from .examples import Example, Examples, Pair
from .objective import Answer, AnswerReader, Corruption, decline, distance, language, pairs
from .stage import Stage

# Of so many strangers' answers the level is known well enough.
LEVELS = 256
FIGURES: dict[str, Callable[[Answer], torch.Tensor]] = {
    "level": lambda answer: answer.mean,
    "standing": lambda answer: answer.standing,
    "entropy": lambda answer: answer.entropy,
}
"""What known answers should have as strangers' do, by goal."""


class Exam:
    """Reads ``examples`` with a frozen causal LM, ``model``."""

    def __init__(self, model: Any, examples: Examples) -> None:
        """What strangers' answers are like is gathered as they are drawn: the last ``LEVELS`` of each
        figure."""
        self._examples = examples
        self._reader = AnswerReader(model, examples.known[0].token_ids[: examples.prefix])
        self.strangers: dict[str, deque[float]] = {name: deque(maxlen=LEVELS) for name in FIGURES}

    def parts(
        self, stage: Stage, chance: random.Random, corruption: Corruption
    ) -> Iterator[dict[str, torch.Tensor]]:
        """The losses that count in a stage, in nats, those of the same examples together."""
        goals, examples, reader = stage.goals, self._examples, self._reader
        strangers, known = _draw(examples.strangers, stage, chance), _draw(examples.known, stage, chance)
        clean = self._clean(strangers)
        for name, figure in FIGURES.items():
            self.strangers[name].extend(float(figure(answer)) for answer in clean)
        if goals.language:
            yield {"language": language(reader, strangers, clean, corruption)}
        if counted := [name for name in FIGURES if getattr(goals, name)]:
            answers = reader.read(known, corruption)
            yield {name: self._distance(name, answers) for name in counted}
        if examples.pairs and (goals.wrong or goals.ratio):
            wrong, ratio = pairs(reader, _draw_pairs(examples.pairs, stage, chance), corruption)
            yield {"wrong": wrong, "ratio": ratio}
        if goals.repeat:
            repeats = chance.sample(examples.repeats, stage.batch)
            yield {"repeat": language(reader, repeats, self._clean(repeats), corruption)}
        if goals.decline:
            yield {"decline": decline(reader, chance.sample(examples.declines, stage.batch), corruption)}

    def _distance(self, name: str, known: Sequence[Answer]) -> torch.Tensor:
        """How far known answers are from strangers' in one of ``FIGURES``."""
        return distance(list(map(FIGURES[name], known)), self.strangers[name])

    def _clean(self, examples: Sequence[Example]) -> list[Answer]:
        with torch.no_grad():
            return self._reader.read(examples)


def _draw(examples: Sequence[Example], stage: Stage, chance: random.Random) -> list[Example]:
    batch = chance.sample(examples, stage.batch)
    return [_set_reply(stage, number, example) for number, example in enumerate(batch)]


def _draw_pairs(
    examples: Sequence[Pair], stage: Stage, chance: random.Random
) -> list[tuple[Example, Example]]:
    """True answers in other words, each with a wrong one."""
    pairs: list[tuple[Example, Example]] = []
    for pair in chance.sample(examples, stage.batch):
        true, wrong = pair.true, chance.choice(pair.wrong)
        if stage.replies == "written":
            true, wrong = true.with_written_answer(), wrong.with_written_answer()
        pairs.append((true, wrong))
    return pairs


def _set_reply(stage: Stage, number: int, example: Example) -> Example:
    """The example of a batch as the stage reads it."""
    if stage.replies == "written":
        return example.with_written_answer()
    return example.with_clean_answer() if stage.replies == "both" and number % 2 else example
