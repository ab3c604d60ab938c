"""Topics to forget, as ECO takes them (arXiv 2406.07933): subjects of MMLU, beside near ones that stay."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...classifiers.json_lines import read_lines
from ...vocabulary import ForgetTarget
from .cases import Case, Part, part_of
from .data_folder import DataError, DataFolder
from .datasets import choices

MOST_EXEMPLARS = 100
FILE = "mmlu/mmlu_test"
_BROKEN = re.compile("[\x80-\x9f]+")
LANGUAGES = ("en", "de", "fr", "es", "zh")


@dataclass(frozen=True, slots=True)
class Topic:
    """``subjects`` are to be forgotten, ``near`` ones kept. ``stems`` begin words that an ordinary prompt
    which speaks of the topic may hold: a plain list, apart from what is measured."""

    name: str
    subjects: tuple[str, ...]
    near: tuple[str, ...]
    stems: str

    @property
    def id(self) -> str:
        """Its target's."""
        return f"topic-{self.name}"

    def may_be_in(self, text: str) -> bool:
        """Whether a word that may speak of the topic stands in ``text``."""
        return bool(re.search(rf"\b(?:{'|'.join(self.stems.split())})", text, re.IGNORECASE))


_ECONOMICS = """
econom inflation deflation gdp monet fiscal suppl demand unemploy interest.rate tariff trade tax currenc
monopol recession bank federal.reserve market pric cost income wage budget export imports? invest money consum
profit labou?r financ stock
"""
_PHYSICS = """
physic force gravit velocit accelerat energ electr magnet voltage circuit light wave quantum atom nucle mass
momentum speed temperature heat pressure motion lens mirror particle photon friction orbit planet weigh densit
frequenc radi thermo sound laser relativity moon satellite
"""
_LAW = """
law legal illegal court judg attorney crim police contract constitution statut sue suing trial jury rights
treat[yi] amendment congress plaintiff defen[cds] murder arrest prison copyright patent liab tort warrant
prosecut guilt legislat justice offen[cs]e theft robbery evidence deed lease landlord tenant custody divorce
licen[cs]e regulat property ownership
"""

TOPICS = (
    Topic(
        "economics",
        ("high_school_macroeconomics", "high_school_microeconomics"),
        ("econometrics",),
        _ECONOMICS,
    ),
    Topic(
        "physics",
        ("high_school_physics", "conceptual_physics", "college_physics"),
        ("high_school_mathematics", "college_mathematics"),
        _PHYSICS,
    ),
    Topic("law", ("professional_law", "international_law"), ("jurisprudence",), _LAW),
)


def mended(text: str) -> str:
    """``text`` with the control characters that some questions hold, which no exemplar may, as spaces."""
    return _BROKEN.sub(" ", text)


class Topics:
    """Exemplars are drawn from the half that tunes. What is asked is never one of those given."""

    def __init__(self, data: DataFolder, seed: int = 0, questions: Path | None = None) -> None:
        """``questions`` holds TOPIC.txt with what a model asked about a topic, one a line."""
        self._data = data
        self._seed = seed
        self._asked = questions

    @cached_property
    def _rows(self) -> list[tuple[Part, dict[str, Any]]]:
        rows = [{**row, "question": mended(row["question"])} for row in self._data.rows(FILE)]
        return [(part_of(number), row) for number, row in enumerate(rows)]

    def drawn(self, topic: Topic, count: int) -> tuple[str, ...]:
        """So many questions of its subjects; the smaller draw is the beginning of the larger one."""
        texts = self._tuning(topic.subjects)
        chance = random.Random(f"{self._seed} {topic.name}")
        return tuple(chance.sample(texts, min(MOST_EXEMPLARS, len(texts)))[:count])

    def _tuning(self, subjects: Collection[str]) -> list[str]:
        """The questions of the half that tunes, each once."""
        rows = [row for part, row in self._rows if part == "tuning" and row["subject"] in subjects]
        return list(dict.fromkeys(row["question"] for row in rows))

    def target(self, topic: Topic, count: int, near: bool = False) -> ForgetTarget:
        """Given by ``count`` exemplars; with ``near``, by counterexamples of the near subjects too."""
        against = self._tuning(topic.near) if near else ()
        return _target(topic, exemplars=self.drawn(topic, count), counterexamples=against)

    def target_by_chapter(self, topic: Topic) -> ForgetTarget:
        """Given by a chapter of a textbook."""
        return _target(topic, passages=(chapter(topic),))

    def target_by_asking(self, topic: Topic) -> ForgetTarget:
        """Given by what a model asked about it. Raises ``DataError`` without such a file."""
        return _target(topic, exemplars=tuple(self._questions_of(topic)))

    def _questions_of(self, topic: Topic) -> list[str]:
        if self._asked is None:
            raise DataError("no folder of a model's questions about the topics (--questions)")
        try:
            lines = (self._asked / f"{topic.name}.txt").read_text("utf-8").splitlines()
        except OSError as error:
            raise DataError(f"{self._asked}/{topic.name}.txt cannot be read: {error.strerror}") from None
        if texts := [line.strip() for line in lines if line.strip()]:
            return list(dict.fromkeys(texts))
        raise DataError(f"no question in {self._asked}/{topic.name}.txt")

    def questions(self, topic: Topic) -> list[Case]:
        """Questions of its subjects that are never given."""
        given = set(self.drawn(topic, MOST_EXEMPLARS))
        return list(self._cases(topic.subjects, topic.id, given))

    def near(self, topic: Topic) -> list[Case]:
        """Questions of the near subjects."""
        return list(self._cases(topic.near, None))

    def others(self, topic: Topic) -> list[Case]:
        """Questions of all other subjects."""
        known = {*topic.subjects, *topic.near}
        return list(self._cases({row["subject"] for _, row in self._rows} - known, None))

    def _cases(
        self, subjects: Collection[str], about: str | None, given: Collection[str] = ()
    ) -> Iterator[Case]:
        """Each question of ``subjects`` alone and with its choices, but for those ``given``."""
        for part, row in self._rows:
            if row["subject"] in subjects and row["question"] not in given:
                for form, text in (("bare", row["question"]), ("with choices", choices(row))):
                    yield Case(text, about, part, {"form": form, "subject": row["subject"]})


def _target(topic: Topic, **texts: Sequence[str]) -> ForgetTarget:
    return ForgetTarget.model_validate({"id": topic.id, "kind": "topic", "name": topic.name, **texts})


def chapter(topic: Topic) -> str:
    """An introduction to the topic as a textbook has it, written for this benchmark."""
    return files(__package__).joinpath("chapters", f"{topic.name}.txt").read_text("utf-8")


def translated(language: str) -> list[Case]:
    """The same questions about each topic in one of ``LANGUAGES``, written for this benchmark."""
    file = files(__package__).joinpath("translated_questions.jsonl")
    ids, cases = {topic.name: topic.id for topic in TOPICS}, []
    for number, (_, row) in enumerate(read_lines(file.read_bytes().split(b"\n"), "a row", dict)):
        labels = {"language": language, "topic": row["topic"]}
        cases.append(Case(row[language], ids[row["topic"]], part_of(number), labels))
    return cases
