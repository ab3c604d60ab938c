"""What came of a row: its cases' scores by one method, and the figures that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..data.cases import Case, Goal, Row, Way
from .methods import ANY_TARGET

Scores = npt.NDArray[np.float32]

Z_95 = 1.959964


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); 0 to 1 of nothing."""
    if not n:
        return 0.0, 1.0
    share, squared = hits / n, Z_95**2
    middle = share + squared / (2 * n)
    spread = Z_95 * sqrt(share * (1 - share) / n + squared / (4 * n * n))
    low, high = ((middle + sign * spread) / (1 + squared / n) for sign in (-1, 1))
    return (0.0 if not hits else low), (1.0 if hits == n else high)


class Key(NamedTuple):
    """Names an outcome."""

    row: str
    way: Way
    method: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scores of a row's cases: of their own subject, and the highest, with whose it is."""

    row: Row
    way: Way
    method: str
    threshold: float
    own: Scores
    best: Scores
    who: Sequence[str]

    @property
    def key(self) -> Key:
        """The row, way and method of this outcome."""
        return Key(self.row.name, self.way, self.method)

    def scores(self, goal: Goal) -> Scores:
        """The scores that a goal is about."""
        return self.own if goal.counts == "own" else self.best

    def share(self, goal: Goal, group: str = "") -> tuple[int, int]:
        """Hits, and the cases that the goal is about; with ``group`` of that value of its label."""
        concerns = np.array([_concerns(goal, case, group) for case in self.row.cases], dtype=bool)
        return int((self.scores(goal)[concerns] >= self.threshold).sum()), int(concerns.sum())


def make_outcome(
    row: Row, way: Way, method: str, threshold: float, scores: Sequence[Mapping[str, float]]
) -> Outcome:
    """From the scores by target. What cannot tell which target it is counts as the case's own."""
    own = np.zeros(len(scores), dtype=np.float32)
    best = np.zeros(len(scores), dtype=np.float32)
    who: list[str] = []
    for number, (case, by_target) in enumerate(zip(row.cases, scores, strict=True)):
        own[number] = by_target.get(case.subject or "", by_target.get(ANY_TARGET, 0.0))
        name, best[number] = max(by_target.items(), key=lambda item: item[1], default=("", 0.0))
        who.append(name)
    return Outcome(row, way, method, threshold, own, best, who)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the table. ``value`` is a share of ``n`` cases, or by how much a share fell against
    ``against``'s; ``low`` to ``high`` its 95 % interval (of this row's share)."""

    row: str
    family: str
    figure: str
    group: str
    way: Way
    method: str
    hits: int
    n: int
    value: float
    low: float
    high: float
    limit: float | None
    at_least: bool
    met: bool | None
    against: str | None


def figures(outcome: Outcome, all_outcomes: Mapping[Key, Outcome]) -> Iterator[Figure]:
    """The figures of one outcome; those against a row that was not run are left out."""
    for goal in outcome.row.goals:
        if goal.way not in (None, outcome.way):
            continue
        base = all_outcomes.get(Key(goal.against, outcome.way, outcome.method)) if goal.against else None
        if goal.against and not base:
            continue
        for group in _groups(goal, outcome.row.cases):
            hits, n = outcome.share(goal, group)
            if n:
                yield _figure(outcome, goal, group, hits, n, base)


def _figure(outcome: Outcome, goal: Goal, group: str, hits: int, n: int, base: Outcome | None) -> Figure:
    value, (low, high) = hits / n, wilson(hits, n)
    if base:
        before, count = base.share(replace(goal, by=None))
        start = before / count if count else 0.0
        value, low, high = start - value, start - high, start - low
    row = outcome.row
    return Figure(row.name, row.family, goal.name, group, outcome.way, outcome.method, hits, n, value, low,
                  high, goal.limit, goal.at_least, goal.met(value), goal.against)  # fmt: skip


def _groups(goal: Goal, cases: Sequence[Case]) -> list[str]:
    if goal.by is None:
        return [""]
    return sorted({case.labels[goal.by] for case in cases if goal.by in case.labels})


def _concerns(goal: Goal, case: Case, group: str) -> bool:
    if goal.only and not goal.only(case):
        return False
    return goal.by is None or case.labels.get(goal.by) == group


class Point(NamedTuple):
    """A place on a curve: what a threshold recalls and flags."""

    threshold: float
    recall: float
    false_positives: float


def curve(positive: Scores, negative: Scores) -> list[Point]:
    """Recall against false positives at every threshold that changes either, the highest first."""
    levels = np.unique(np.concatenate([positive, negative]))[::-1]
    ordered, other = np.sort(positive), np.sort(negative)
    recall = 1 - np.searchsorted(ordered, levels) / max(1, len(ordered))
    flagged = 1 - np.searchsorted(other, levels) / max(1, len(other))
    return [Point(*map(float, values)) for values in zip(levels, recall, flagged, strict=True)]


def recall_at(points: Sequence[Point], false_positives: float) -> float:
    """The most that can be recalled while at most so many are flagged."""
    return max((p.recall for p in points if p.false_positives <= false_positives), default=0.0)
