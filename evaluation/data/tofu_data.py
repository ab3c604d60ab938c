"""TOFU's questions and answers as the forgetting benchmark asks them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...vocabulary import ForgetTarget
from .data_folder import DataError, DataFolder
from .datasets import TOFU_QUESTIONS, TOFU_SIZES, Tofu

# The authors that the reference models both know, and those after them that neither does.
KNOWN_AUTHORS = 43
FORGOTTEN_AUTHORS = 20
RETAIN = "retain"
GOLDEN = (5**0.5 - 1) / 2

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer, wrong answers, and a paraphrase of the right one.

    Real authors and world facts have no paraphrase: their answer stands for it.
    """

    text: str
    answer: str
    perturbed: tuple[str, ...]
    paraphrase: str

    @property
    def candidates(self) -> tuple[str, ...]:
        """Every answer whose likelihood is asked for: the true one, its paraphrase, the wrong ones."""
        return (self.answer, self.paraphrase, *self.perturbed)


@dataclass(frozen=True, slots=True)
class TofuData:
    """``utility`` holds, by name, the sets that must stay as they were; ``strangers`` as many questions
    as are forgotten, about authors that neither model has seen; ``biographies`` all answers about each
    target, by its name, whatever is asked."""

    size: str
    targets: Sequence[ForgetTarget]
    forget: Sequence[Question]
    utility: Mapping[str, Sequence[Question]]
    strangers: Sequence[Question]
    biographies: Mapping[str, Sequence[str]]


def load(data: DataFolder, size: str, sample: int | None = None, seed: int = 0) -> TofuData:
    """Read the questions of one forget set, and at most ``sample`` of each set, evenly spread.

    Raises ``DataError`` where a file is missing, ``ValueError`` for a size that there is not.
    """
    if size not in TOFU_SIZES:
        raise ValueError(f"there is no forget set {size!r}; there are {', '.join(TOFU_SIZES)}")
    forget = spread(_questions(data, f"{size}_perturbed"), sample)
    listing = Tofu(data).listing(size)
    return TofuData(
        size,
        listing.targets("exemplars"),
        forget,
        {
            RETAIN: spread(_questions(data, "retain_perturbed"), sample),
            "real authors": spread(_questions(data, "real_authors_perturbed"), sample),
            "world facts": spread(_questions(data, "world_facts_perturbed"), sample),
        },
        _strangers(data, len(forget), seed),
        {target.name: target.passages for target in listing.targets("passages")},
    )


def spread(items: Sequence[Item], count: int | None) -> list[Item]:
    """At most ``count`` items, one of each of as many stretches; every one for None.

    Where in its stretch follows the golden ratio: a plain stride would ask every author the same questions.
    """
    if count is None or count >= len(items):
        return list(items)
    stretch = len(items) // count
    starts = (place * len(items) // count for place in range(count))
    return [items[start + int(stretch * (place * GOLDEN % 1))] for place, start in enumerate(starts)]


def _questions(data: DataFolder, name: str) -> list[Question]:
    return [_question(row) for row in data.rows(f"tofu/{name}")]


def _question(row: Mapping[str, Any]) -> Question:
    perturbed = tuple(row.get("perturbed_answer", ()))
    return Question(row["question"], row["answer"], perturbed, row.get("paraphrased_answer", row["answer"]))


def _strangers(data: DataFolder, count: int, seed: int) -> list[Question]:
    rows = data.rows("tofu/full")
    unseen = rows[TOFU_QUESTIONS * KNOWN_AUTHORS : len(rows) - TOFU_QUESTIONS * FORGOTTEN_AUTHORS]
    if len(unseen) < count:
        raise DataError(f"tofu/full has {len(unseen)} questions about unseen authors, {count} are needed")
    return [_question(row) for row in random.Random(seed).sample(unseen, count)]
