"""The nouns of the detection benchmark: a case, what is counted over cases, a row of the table."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ...vocabulary import ForgetTarget

Part = Literal["tuning", "report"]
Split = Literal["tuning", "report", "all"]
Way = Literal["name", "exemplars", "passages"]

WAYS: tuple[Way, ...] = ("name", "exemplars", "passages")
PARTS: tuple[Part, Part] = ("tuning", "report")
SPLITS: dict[str, Split] = {"tuning": "tuning", "report": "report", "all": "all"}


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt, and what is known about it.

    ``subject`` is the id of the target that it is about, None where it is about no listed one.
    ``labels`` say where it comes from (its file, language, attack). ``mention`` is the range of
    ``text`` where the subject is named, on rows that ask whether it is covered.
    """

    text: str
    subject: str | None = None
    part: Part = "report"
    labels: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[tuple[int, int], ...] | None = None
    mention: tuple[int, int] | None = None

    def label(self, **labels: str) -> Case:
        """The same case with more labels."""
        return replace(self, labels={**self.labels, **labels})


@dataclass(frozen=True, slots=True)
class Goal:
    """What is counted over a row's cases, and what the share should come to; with ``way``, only where
    targets are given in that way.

    ``own`` counts a case as a hit if its own subject is flagged, ``any`` if anything is. ``limit``
    None states a figure without a goal. With ``by``, each value of that label has a figure of its
    own. With ``against``, the figure is what the share loses against that row's.
    """

    name: str
    counts: Literal["own", "any"]
    limit: float | None = None
    at_least: bool = True
    by: str | None = None
    only: Callable[[Case], bool] | None = None
    against: str | None = None
    way: Way | None = None

    def met(self, value: float) -> bool | None:
        """Whether a share, or a loss, meets the goal; None where there is none."""
        if self.limit is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: cases judged against the targets of ``listing``.

    ``negatives`` names the row whose cases are the false positives in this row's curve. ``spans``
    asks for the characters covered and not for a score.
    """

    name: str
    family: str
    listing: str
    cases: Sequence[Case]
    goals: tuple[Goal, ...]
    negatives: str | None = None
    spans: bool = False
    note: str = ""

    def draw(self, split: Split, sample: int | None, seed: int) -> Row:
        """The row with the cases of one split alone, at most ``sample`` of each group of labels."""
        cases = [case for case in self.cases if split in ("all", case.part)]
        return replace(self, cases=stratify(cases, sample, seed))


@dataclass(frozen=True, slots=True)
class Listing:
    """A named list of forget targets, as it is given in each way.

    ``retained`` are texts of the tuning half about none of them, for a method that must be trained;
    None where training one for this list is not worth the time.
    """

    name: str
    targets: Callable[[Way], Sequence[ForgetTarget]]
    ways: tuple[Way, ...] = WAYS
    retained: Callable[[], Sequence[str]] | None = None


def part_of(number: int) -> Part:
    """Even numbers tune, odd ones report."""
    return PARTS[number % 2]


def stratify(cases: Sequence[Case], sample: int | None, seed: int) -> list[Case]:
    """At most ``sample`` cases of each group of equal labels, in their order."""
    if sample is None:
        return list(cases)
    groups: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        groups[tuple(sorted(case.labels.items()))].append(number)
    drawn: set[int] = set()
    for numbers in groups.values():
        drawn.update(random.Random(seed).sample(numbers, min(sample, len(numbers))))
    return [cases[number] for number in sorted(drawn)]
