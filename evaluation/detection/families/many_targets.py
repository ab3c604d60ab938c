"""Ever more targets beside the same ten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from ....vocabulary import ForgetTarget
from ...data.cases import Case, Listing, Row, Way
from ...data.datasets import Rwku
from ...data.people import names, synthetic_target
from .goals import flag_goal, loss_goal, recall_goal
from .sources import Sources

MANY = (10, 100, 1_000, 10_000)
MANY_BENIGN = 20_000


def many_target_rows(sources: Sources) -> Iterator[Row]:
    """The same questions and the same benign prompts at every size."""
    questions = list(_questions(sources.rwku))
    benign = [replace(case, labels={}) for case in sources.ordinary(MANY_BENIGN)]
    note = f"{len(set(islice(names(), max(MANY)))):,} made-up names"
    for count in MANY:
        listing, negatives = f"{count:,} targets", f"{count:,} targets: benign"
        lost = [loss_goal(f"{MANY[0]} targets")] if count > MANY[0] else []
        yield Row(listing, "many", listing, questions, (recall_goal(), *lost), negatives)
        yield Row(negatives, "many", listing, benign, (flag_goal(0.0005),), note=note)


def _questions(rwku: Rwku) -> Iterator[Case]:
    """About those who are listed at every size: five that tune and five that report."""
    ten = set(islice(rwku.people.values(), MANY[0]))
    for case in chain(rwku.probes(1), rwku.probes(2)):
        if case.subject in ten:
            yield replace(case, labels={})


def many_listing(sources: Sources, count: int) -> Listing:
    """``count`` targets: RWKU's people first, then made-up ones."""

    def targets(way: Way) -> Sequence[ForgetTarget]:
        real = sources.rwku.targets(way, {})
        synthetic = islice(enumerate(names()), max(0, count - len(real)))
        return [*real[:count], *(synthetic_target(number, name, way) for number, name in synthetic)]

    return Listing(f"{count:,} targets", targets)
