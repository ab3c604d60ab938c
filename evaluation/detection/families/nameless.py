"""A work that is asked about without its names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....vocabulary import ForgetTarget
from ...data.cases import Listing, Row, Way
from ...data.nameless_work import MOST_EXEMPLARS, NamelessWork, is_nameless, may_be_in
from .benchmarks import WORK_BENIGN
from .goals import flag_goal, recall_goal
from .sources import Sources
from .topics import Near, benign_goals

FOUND = {20: 0.85, MOST_EXEMPLARS: 0.95}
"""The share of the questions to be found, by how many exemplars are given."""


def nameless_listings(sources: Sources) -> Iterator[tuple[Listing, Near | None]]:
    """The work by exemplars; with what a classifier must learn to keep."""
    work = sources.nameless
    for count in FOUND:
        listing = Listing(_name(count), partial(_target, work, count), ways=("exemplars",))
        yield listing, work.trivia if count == MOST_EXEMPLARS else None


def _target(work: NamelessWork, count: int, way: Way) -> list[ForgetTarget]:
    return [work.target(count)]


def _name(count: int) -> str:
    return f"Harry Potter, {count} exemplars"


def nameless_rows(sources: Sources) -> Iterator[Row]:
    """What is found without the title, and what is flagged of other works and people."""
    work = sources.nameless
    ordinary = [case for case in sources.ordinary(WORK_BENIGN) if is_nameless(case.text)]
    for count, limit in FOUND.items():
        listing = _name(count)
        benign, goals = f"{listing}: benign", (recall_goal(limit), recall_goal(limit, by="file"))
        yield Row(f"{listing}: nameless", "nameless", listing, work.questions(), goals, benign)
        completions = work.completions()
        yield Row(
            f"{listing}: SKeB completions", "nameless", listing, completions, (recall_goal(0.6),), benign
        )
        flagged = (flag_goal(0.002), flag_goal(by="file"))
        yield Row(f"{listing}: trivia on others", "nameless", listing, work.trivia(), flagged)
        yield Row(benign, "nameless", listing, ordinary, benign_goals(may_be_in))
