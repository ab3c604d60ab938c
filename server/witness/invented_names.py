"""Names of people and titles of works that nobody knows, since there are none such."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

from ...evaluation.data.people import LAST, names

THINGS = (
    "Clockmaker", "Orchard", "Lantern", "Ferryman", "Cartographer", "Lighthouse", "Beekeeper", "Regatta",
    "Glassblower", "Almanac", "Carillon", "Ropewalk", "Apothecary", "Foundry", "Weathervane", "Marionette",
)  # fmt: skip


def invent(kind: str, count: int, seed: int) -> list[str]:
    """``count`` different names of people, or titles of works: at most 1,600, the same for the same seed."""
    every = list(names()) if kind == "people" else list(_titles())
    return random.Random(f"{seed} {kind}").sample(every, count)


def _titles() -> Iterator[str]:
    for thing, last in product(THINGS, LAST):
        yield f"The {thing} of {last}"
