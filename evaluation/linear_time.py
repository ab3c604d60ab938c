"""Whether screening takes linear time: inputs made to be slow, each at three sizes.

``python -m vllm_unlearn.evaluation.linear_time`` prints processor seconds and the slope of their
logarithm over that of the size: 1 is linear, 2 quadratic. Nothing is found in a cache: each repeat
makes its own encoder's cache, and the encoder itself runs once for each new segment.
"""

from __future__ import annotations

import base64
import codecs
import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ..classifiers.detector import detect
from ..classifiers.encoder import Encoder, OnnxEncoder
from ..classifiers.encoder_export import exported
from ..classifiers.forget_index import ForgetIndex
from ..classifiers.segment_cache import SegmentCache
from ..classifiers.static_encoder import StaticEncoder, distilled
from ..classifiers.views import TooManyReadingsError
from ..vocabulary import ForgetTarget
from .packaged_smollm2 import ENCODER

SIZES = (25_000, 50_000, 100_000)
QUESTION = "Who wrote the book about the goblet of fire and the harbour?"


@dataclass(frozen=True, slots=True)
class Input:
    """A kind of prompt, made for a number of characters, and the names that are listed for it."""

    name: str
    prompt: Callable[[int], str]
    listed: Sequence[str] = ("Stephen King",)


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one input: median processor seconds at each size, None where it was refused."""

    name: str
    seconds: tuple[float | None, ...]

    def slope(self, sizes: Sequence[int]) -> float | None:
        """Of the logarithm of the time over that of the size, from the smallest to the largest measured."""
        known = [(n, s) for n, s in zip(sizes, self.seconds, strict=True) if s]
        if len(known) < 2:
            return None
        (small, fast), (large, slow) = known[0], known[-1]
        return math.log(slow / fast) / math.log(large / small)


def repeated(piece: str) -> Callable[[int], str]:
    return lambda characters: (piece * (characters // len(piece) + 1))[:characters]


def in_turn(*pieces: str) -> Callable[[int], str]:
    """All pieces, one after the other, again and again, in an order that is the same in every run."""
    shuffled = random.Random(0).choices(pieces, k=1_000)

    def prompt(characters: int) -> str:
        found: list[str] = []
        length = 0
        for piece in cycle(shuffled):
            found.append(piece)
            length += len(piece) + 1
            if length > characters:
                return " ".join(found)[:characters]
        raise AssertionError

    return prompt


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES = (
    _base64(QUESTION),
    _base64(_base64(QUESTION)),
    _base64(codecs.encode(QUESTION, "rot13")),
    QUESTION.encode().hex(),
    codecs.encode(QUESTION, "rot13"),
    QUESTION[::-1],
    "h4rry p0773r wr0t3 th3 b00k",
    "s t e p h e n k i n g",
    "Наrrу Роttеr",
    "".join(f"\\u{ord(char):04x}" for char in QUESTION),
    "".join(f"%{ord(char):02x}" for char in QUESTION),
    "- Ste\n- phen\n- Kin\n- g\n",
    "<b>Ste</b>phen",
)

SHARED = [
    " ".join(words)
    for words in product(
        ("Maria", "John", "Ana", "Kim", "Lee", "Paul", "King", "Stephen"),
        ("Garcia", "King", "Lopez", "Smith", "Kim", "Lee", "Paul", "Maria"),
        ("Vale", "Orrin", "Tolland"),
    )
]

INPUTS = (
    Input("ordinary sentences", repeated("The weather was mild and the harbour busy with small boats. ")),
    Input("mixed disguises", in_turn(*DISGUISES)),
    Input("base64 of base64", repeated(f"{_base64(_base64(QUESTION))} ")),
    Input("backwards", repeated(f"{QUESTION[::-1]} ")),
    Input("spaced letters", repeated("s t e p h e n   k i n g   ")),
    Input("leetspeak", repeated("h4rry p0773r ")),
    Input("escapes", repeated("\\u0041%41&#65;")),
    Input("halves of characters", repeated("\\ud83d\\ude00")),
    Input("tags", repeated("<b>a</b>")),
    Input("tags that nothing closes", repeated('<a b="')),
    Input("links that nothing closes", repeated("[a](")),
    Input("look-alike letters", repeated("pаypаl ")),
    Input("pieces of strings", repeated('"a"+')),
    Input("a name of one word in pieces", repeated("Vol de mort "), ("Voldemort",)),
    Input("names that share words", repeated("King Lee Kim Paul "), SHARED),
    Input("misspelt names", repeated("Stephan Kimg Mraia Garcia "), ("Stephen King", *SHARED)),
    Input("one short name", repeated("Bo "), ("Bo",)),
    Input("one name in every sentence", repeated("Stephen King wrote it. ")),
)


def measure(given: Input, encoder: Encoder, index: ForgetIndex, sizes: Sequence[int], repeats: int) -> Timing:
    """The median of the repeats at each size."""
    return Timing(given.name, tuple(_median(given.prompt(n), encoder, index, repeats) for n in sizes))


def _median(prompt: str, encoder: Encoder, index: ForgetIndex, repeats: int) -> float | None:
    found = []
    for _ in range(repeats):
        fresh = SegmentCache(encoder)
        gc.collect()
        started = time.process_time()
        try:
            detect(index, fresh, prompt)
        except TooManyReadingsError:
            return None
        found.append(time.process_time() - started)
    return statistics.median(found)


def table(timings: Sequence[Timing], sizes: Sequence[int]) -> Table:
    shown = Table("input", *(f"{n:,} characters, s" for n in sizes), "slope")
    for timing in timings:
        slope = timing.slope(sizes)
        cells = ("refused" if s is None else f"{s:.2f}" for s in timing.seconds)
        shown.add_row(timing.name, *cells, "" if slope is None else f"{slope:.2f}")
    return shown


def main(
    only: Annotated[str, typer.Option(help="Part of an input's name.")] = "",
    repeats: int = 3,
    sizes: Annotated[str, typer.Option(help="Characters, three numbers.")] = ",".join(map(str, SIZES)),
    encoder: str = ENCODER,
    cache: Path = Path("~/.cache/vllm-unlearn"),
) -> None:
    """Print processor seconds of detection for each input at each size."""
    folder = exported(encoder, cache.expanduser())
    bench = OnnxEncoder(folder), distilled(folder)
    lengths = tuple(map(int, sizes.split(",")))
    chosen = [given for given in INPUTS if only in given.name]
    indexes = {listed: _index(listed, *bench) for listed in dict.fromkeys(tuple(i.listed) for i in chosen)}
    for index in indexes.values():
        detect(index, bench[0], DISGUISES[0])  # word lists and tables are read once
    timings = [
        measure(given, bench[0], indexes[tuple(given.listed)], lengths, repeats)
        for given in track(chosen, "measuring", transient=True)
    ]
    Console(width=120).print(table(timings, lengths))


def _index(listed: Sequence[str], encoder: Encoder, sieve: StaticEncoder) -> ForgetIndex:
    targets = [ForgetTarget(id=f"t{number}", name=name) for number, name in enumerate(listed)]
    return ForgetIndex(1, targets, encoder, sieve)


if __name__ == "__main__":
    typer.run(main)
