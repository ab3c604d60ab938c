"""Subjects of MMLU as topics to forget, as ECO takes them (arXiv 2406.07933, section 5.2): economics, physics
and law, beside the subjects that are near and must stay."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...vocabulary import ForgetTarget
from .data_folder import DataError, DataFolder
from .topics import FILE, TOPICS, Topic, mended

LETTERS = "ABCD"
CUE = "Answer:"


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A question with four choices, of which the one at ``answer`` is right."""

    subject: str
    text: str
    choices: tuple[str, ...]
    answer: int

    @property
    def stretch(self) -> str:
        """The question and its choices as they are asked."""
        shown = [f"{letter}. {choice}" for letter, choice in zip(LETTERS, self.choices, strict=True)]
        return "\n".join([self.text, *shown])

    @property
    def asked(self) -> str:
        """The whole prompt, with the choices."""
        return f"{self.stretch}\n{CUE}"


@dataclass(frozen=True, slots=True)
class TopicSet:
    """What is asked about a topic and about what is near it; ``exemplars`` are other questions about it."""

    topic: Topic
    exemplars: Sequence[ChoiceQuestion]
    forget: Sequence[ChoiceQuestion]
    near: Sequence[ChoiceQuestion]

    @property
    def target(self) -> ForgetTarget:
        """The topic as it is listed: by its name and its exemplars."""
        texts = tuple(dict.fromkeys(question.text for question in self.exemplars))
        return ForgetTarget(id=self.topic.name, kind="topic", name=self.topic.name, exemplars=texts)


@dataclass(frozen=True, slots=True)
class TopicData:
    """A set a topic, and questions of subjects that are of none."""

    sets: Sequence[TopicSet]
    other: Sequence[ChoiceQuestion]

    @property
    def groups(self) -> Mapping[str, Sequence[ChoiceQuestion]]:
        """What is asked, by a name of each part."""
        groups: dict[str, Sequence[ChoiceQuestion]] = {}
        for one in self.sets:
            groups[one.topic.name] = one.forget
            groups[f"near {one.topic.name}"] = one.near
        return {**groups, "other subjects": self.other}


def load(
    data: DataFolder,
    exemplars: int,
    sample: int | None = None,
    max_chars: int | None = None,
    seed: int = 0,
) -> TopicData:
    """Read MMLU's test questions; at most ``sample`` of each part are asked, none of them an exemplar, and of
    them and their choices together at most ``max_chars`` characters.

    Raises ``DataError`` where the file is missing, or has no questions of a topic.
    """
    rows = [_question(row) for row in data.rows(FILE)]
    asked = [row for row in rows if max_chars is None or len(row.stretch) <= max_chars]
    sets = []
    for topic in TOPICS:
        about = _draw(rows, topic.subjects, seed)
        if len(about) <= exemplars:
            raise DataError(
                f"{FILE} has {len(about)} questions of {topic.name}: too few for {exemplars} exemplars"
            )
        listed = about[:exemplars]
        forget = [row for row in _draw(asked, topic.subjects, seed) if row not in listed]
        sets.append(TopicSet(topic, listed, forget[:sample], _draw(asked, topic.near, seed)[:sample]))
    taken = {subject for topic in TOPICS for subject in topic.subjects + topic.near}
    others = tuple({row.subject for row in rows} - taken)
    return TopicData(sets, _draw(asked, others, seed)[:sample])


def _draw(rows: Sequence[ChoiceQuestion], subjects: Sequence[str], seed: int) -> list[ChoiceQuestion]:
    """The questions of some subjects, each once, in an order that ``seed`` decides."""
    chosen = list(dict.fromkeys(row for row in rows if row.subject in subjects))
    random.Random(seed).shuffle(chosen)
    return chosen


def _question(row: Mapping[str, Any]) -> ChoiceQuestion:
    choices = tuple(mended(str(choice)).strip() for choice in row["choices"])
    return ChoiceQuestion(row["subject"], mended(row["question"]).strip(), choices, int(row["answer"]))
