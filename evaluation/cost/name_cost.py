"""What the search for misspelt names costs, whatever is listed and whatever a prompt repeats.

    vllm-unlearn eval name-cost

Processor seconds at three sizes of a text, and the slope between the first and the last on logarithmic
scales (1 is linear); then the time and the memory of building the index of 10,000 names.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Sequence
from itertools import product
from math import log

import typer

from ...classifiers.names.fuzzy_names import FuzzyNames
from ...classifiers.text.word_frequency import preload

SIZES = (1_000, 4_000, 16_000)
TARGETS = 10_000
_SYLLABLES = list(map("".join, product("bcdfghjklmnprstvwz", "aeiou")))


def lists(chance: random.Random) -> dict[str, tuple[list[str], str]]:
    """By kind: the names that are listed, and what the text repeats."""
    letters = "bcdfghlmnprst"
    return {
        "5,000 names share two words": (
            [f"Maria Garcia {_word(chance)}" for _ in range(5_000)],
            "Mraia Garcia ",
        ),
        "169 names near by one letter": (
            [f"Jona{a} Kerb{b}" for a, b in product(letters, repeat=2)],
            "jonax kerbx ",
        ),
        "5,000 targets of one name": (["Maria Garcia"] * 5_000, "Mraia Garcia "),
        "one name misspelt again and again": (["Stephen King"], "Stephan Kimg "),
        "a title of 120 words": (["la lala " * 60], "la lala "),
        "10,000 names, words at random": (_names(chance), ""),
    }


def seconds(names: FuzzyNames, text: str) -> float:
    started = time.process_time()
    for _ in names.find(text):
        pass
    return time.process_time() - started


def slope(sizes: Sequence[int], times: Sequence[float]) -> float:
    return log(times[-1] / times[0]) / log(sizes[-1] / sizes[0])


def main() -> None:
    """Print seconds and slopes."""
    preload()
    chance = random.Random(0)
    for kind, (listed, repeated) in lists(chance).items():
        names = FuzzyNames((str(i), name) for i, name in enumerate(listed))
        texts = [repeated * n or _words(2 * n, chance) for n in SIZES]
        times = [seconds(names, text) for text in texts]
        shown = ", ".join(f"{spent:.3f}" for spent in times)
        typer.echo(f"{kind}: {shown} s, slope {slope(SIZES, times):.2f}")
    listed = _names(chance)
    started = time.process_time()
    FuzzyNames((str(i), name) for i, name in enumerate(listed))
    built = time.process_time() - started
    tracemalloc.start()
    names = FuzzyNames((str(i), name) for i, name in enumerate(listed))
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    typer.echo(f"{TARGETS:,} names: {built:.2f} s to build, {megabytes:.0f} MB")


def _names(chance: random.Random) -> list[str]:
    return [f"{_word(chance)} {_word(chance)}".title() for _ in range(TARGETS)]


def _words(count: int, chance: random.Random) -> str:
    return " ".join(_word(chance) for _ in range(count))


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_SYLLABLES, k=3))
