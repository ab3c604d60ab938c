"""Before a topic goes live: what do its neighbours on the list lose, of which it takes a share?

All lines share the ordinary texts that may lie past them, so with each further one the others find less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...vocabulary import ForgetTarget
from ..background.background import Sides
from ..background.line import NEAR, Line
from ..encoders.encoder import Vectors
from ..evidence import LINE, MOST_LINE, SIMILARITY, THRESHOLD
from ..index.lines import SHARE, Backgrounds, has_line, shares
from ..templates import questions

# Of more lines one takes too little from each other to be worth the time.
MOST_LINES = 50
LEAST_FALL = 0.01

GetSides = Callable[[Sequence[ForgetTarget]], Mapping[str, Sides]]
"""The vectors of targets, by their ids; of those that it has."""


@dataclass(frozen=True, slots=True)
class LineCost:
    """The target that loses most by a change: what is found of its left-out texts without and with it."""

    target_id: str
    before: float
    after: float

    def __str__(self) -> str:
        fall = round(100 * (self.before - self.after))
        return (
            f"all lines share the ordinary texts that may be flagged, so others find less: most of all "
            f"{self.target_id!r}, by about {fall} points ({self.before:.0%} before, {self.after:.0%} now)"
        )


def measure_line_cost(
    targets: Sequence[ForgetTarget],
    listed: Sequence[ForgetTarget],
    get_sides: GetSides,
    backgrounds: Backgrounds,
) -> LineCost | None:
    """What the most affected of those ``listed`` loses when ``targets`` are added or replace others.

    By lines and similarity alone, each half of its texts with the other half. None where no other has a
    line, where nothing falls by ``LEAST_FALL``, or where there would be more than ``MOST_LINES``. It takes
    4 ms for each of the others.
    """
    changed = {target.id for target in targets}
    before = [target for target in listed if has_line(target)]
    kept = [target for target in before if target.id not in changed]
    after = [*kept, *(target for target in targets if has_line(target))]
    if not kept or len(after) > MOST_LINES:
        return None
    old, new = _shares(before), _shares(after)
    fallen = [target for target in kept if new[target.id] < old[target.id]]
    costs = _find_costs(fallen, get_sides(fallen), backgrounds, (old, new))
    worst = max(costs, key=lambda cost: cost.before - cost.after, default=None)
    return worst if worst and worst.before - worst.after >= LEAST_FALL else None


def _shares(targets: Sequence[ForgetTarget]) -> dict[str, float]:
    return {target.id: share for target, share in zip(targets, shares(targets), strict=True)}


def _find_costs(
    targets: Sequence[ForgetTarget],
    sides: Mapping[str, Sides],
    backgrounds: Backgrounds,
    shares_at: tuple[Mapping[str, float], Mapping[str, float]],
) -> Iterator[LineCost]:
    known = [target for target in targets if target.id in sides]
    halves: list[Sides] = []
    for target in known:
        inside, against = sides[target.id]
        own = inside[: len(inside) - len(questions(target))]
        halves += [(own[0::2], against), (own[1::2], against)]
    lines = backgrounds.full.fit(halves)  # together, which takes half the time
    for place, target in enumerate(known):
        two = slice(2 * place, 2 * place + 2)
        at = [SHARE * backgrounds.max_fpr * each[target.id] for each in shares_at]
        yield LineCost(target.id, *_find(lines[two], [half for half, _ in halves[two]], backgrounds, at))


def _find(
    lines: Sequence[Line], halves: Sequence[Vectors], backgrounds: Backgrounds, at: Sequence[float]
) -> Iterator[float]:
    """The share of each half that is found by the other's line, where ``at`` of ordinary texts may be."""
    unrelated = backgrounds.full.similarity
    for allowed in at:
        found = total = 0
        for line, half, left_out in zip(lines, halves, halves[::-1], strict=True):
            nearest = ((left_out @ half.T).max(axis=1) - unrelated) / (1 - unrelated)
            near = line.value(NEAR)
            past = (left_out @ line.normal + line.offset - near) / max(line.bound(allowed) - near, 1e-6)
            found += int((SIMILARITY * nearest + LINE * np.clip(past, 0, MOST_LINE) >= THRESHOLD).sum())
            total += len(left_out)
        yield found / total
