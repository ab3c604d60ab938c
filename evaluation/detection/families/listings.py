"""The lists of targets that the rows are judged against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from ...data.cases import Case, Listing
from ...data.datasets import TOFU_SIZES
from .many_targets import MANY, many_listing
from .nameless import nameless_listings
from .namesakes import WITH_COUNTEREXAMPLES, counterexamples
from .sources import Sources
from .topics import Near, topic_listings

TRAINED_BENIGN = 2_000


def listings(sources: Sources) -> Iterator[Listing]:
    """Every listing that a row may name; their targets are read when they are asked for."""
    tofu, rwku, largest = sources.tofu, sources.rwku, TOFU_SIZES[-1]
    for size in TOFU_SIZES[:-1]:
        yield tofu.listing(size)
    unlisted = partial(tofu.retain_questions, largest)
    yield replace(tofu.listing(largest), retained=lambda: _texts_to_retain(sources, unlisted()))
    yield replace(rwku.listing(), retained=lambda: _texts_to_retain(sources, _about_no_person(sources)))
    yield from sources.people.listings()
    yield sources.work.listing()
    yield Listing(WITH_COUNTEREXAMPLES, lambda way: rwku.targets(way, counterexamples(sources)))
    for count in MANY:
        yield many_listing(sources, count)
    for listing, rows in chain(topic_listings(sources), nameless_listings(sources)):
        yield replace(listing, retained=rows and partial(_beside, sources, rows))


def _beside(sources: Sources, rows: Near) -> list[str]:
    return _texts_to_retain(sources, rows())


def _about_no_person(sources: Sources) -> list[Case]:
    return [case for case in sources.rwku.neighbours() if case.labels["names"] == "none"]


def _texts_to_retain(sources: Sources, near: Sequence[Case]) -> list[str]:
    """As many near texts of the tuning half as benign ones."""
    texts = [case.text for case in near if case.part == "tuning"]
    return texts + [case.text for case in sources.calibration(max(len(texts), TRAINED_BENIGN))]
