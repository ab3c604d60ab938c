"""Whether the guard takes linear time: inputs made to be slow, each at three sizes.

``vllm-unlearn eval linear-time`` prints processor seconds and the slope of their
logarithm over that of the size: 1 is linear, 2 quadratic. Nothing is found in a cache: each repeat
makes its own encoder's cache, and the encoder itself runs once for each new segment.
"""

from __future__ import annotations

import gc
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from transformers import AutoTokenizer
from vllm import SamplingParams
from vllm.sampling_params import StructuredOutputsParams

from ...classifiers.detector import Detector
from ...classifiers.disguises.views import TooManyReadingsError
from ...classifiers.encoders.segment_cache import SegmentCache
from ...classifiers.forget_index import ForgetIndex
from ...guard.configuration import CorruptionSettings, EncoderSettings, Settings
from ...guard.constraints.cipher import Cipher
from ...guard.constraints.constraints import Constraints
from ...guard.constraints.open_names import SearchTooLongError
from ...guard.constraints.stand_ins import Group, Restoration, StandIns
from ...guard.encoders import Encoders
from ...guard.guard import Guard
from ...guard.rewriter import Rewriter
from ...guard.store.store import Store
from ...vocabulary import ForgetTarget
from ..models.packaged_smollm2 import ENCODER, prepare
from .slow_inputs import ANSWERS, CONSTRAINTS, DISGUISES, PROMPTS

SIZES = (25_000, 50_000, 100_000)
# How much of an answer comes at once.
TOKEN = 4


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: ``prepare`` makes, for a size, what is then run once by the clock."""

    part: str
    name: str
    prepare: Callable[[int], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one case: median processor seconds at each size, None where it was refused."""

    case: Case
    seconds: tuple[float | None, ...]

    def slope(self, sizes: Sequence[int]) -> float | None:
        """Of the logarithm of the time over that of the size, from the smallest to the largest measured."""
        known = [(n, s) for n, s in zip(sizes, self.seconds, strict=True) if s]
        if len(known) < 2:
            return None
        (small, fast), (large, slow) = known[0], known[-1]
        return math.log(slow / fast) / math.log(large / small)


def detection(encoders: Encoders) -> Iterator[Case]:
    """Prompts are screened."""
    encoder, indexes = encoders.full, dict[tuple[str, ...], ForgetIndex]()
    for slow in PROMPTS:
        listed = tuple(slow.listed)
        if listed not in indexes:
            targets = [ForgetTarget(id=f"t{n}", name=name) for n, name in enumerate(listed)]
            indexes[listed] = ForgetIndex(
                1, targets, encoder, sieve=encoders.sieve, backgrounds=encoders.backgrounds
            )
            Detector(indexes[listed], encoder).detect(DISGUISES[0])  # word lists and tables are read once

        def prepare(size: int, make: Any = slow.make, index: ForgetIndex = indexes[listed]) -> Any:
            text, detector = make(size), Detector(index, SegmentCache(encoder))
            return lambda: detector.detect(text)

        yield Case("prompt", slow.name, prepare)


def constraints(guard: Guard, screen: Rewriter) -> Iterator[Case]:
    """Constraints are read, and what is listed in them is exchanged."""
    for slow in CONSTRAINTS:

        def prepare(size: int, make: Any = slow.make) -> Any:
            params = SamplingParams(structured_outputs=StructuredOutputsParams(**make(size)))
            return lambda: _screen(params, guard, screen)

        yield Case("constraint", slow.name, prepare)


def _screen(params: SamplingParams, guard: Guard, screen: Rewriter) -> None:
    read = Constraints(params)
    read.read()
    read.screen(guard, screen, guard.names)


def answers() -> Iterator[Case]:
    """Stand-ins in an answer give way to the client's words."""
    cipher = Cipher("a key")
    words = ["the", "great", "gatsby"], ["j", "r", "r", "tolkien"], ["村上春樹"]
    stand_ins = StandIns(cipher, map(Group, words))
    for slow in ANSWERS:

        def prepare(size: int, make: Any = slow.make) -> Any:
            text = cipher.replace(make(size))
            return lambda: _restore(text, stand_ins)

        yield Case("answer", slow.name, prepare)


def _restore(text: str, stand_ins: StandIns) -> None:
    restoration, waiting = Restoration(stand_ins), ""
    for place in range(0, len(text), TOKEN):
        waiting += text[place : place + TOKEN]
        waiting = waiting[restoration.decide(waiting, False).done :]


def measure(case: Case, sizes: Sequence[int], repeats: int) -> Timing:
    """The median of the repeats at each size."""
    return Timing(case, tuple(_median(case, size, repeats) for size in sizes))


def _median(case: Case, size: int, repeats: int) -> float | None:
    seconds = []
    for _ in range(repeats):
        run = case.prepare(size)
        gc.collect()
        gc.disable()  # a full collection now and then would be counted to whichever size it falls on
        started = time.process_time()
        try:
            run()
        except (SearchTooLongError, TooManyReadingsError):
            return None
        finally:
            gc.enable()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def table(timings: Sequence[Timing], sizes: Sequence[int]) -> Table:
    shown = Table("part", "input", *(f"{n:,} characters, s" for n in sizes), "slope")
    for timing in timings:
        slope = timing.slope(sizes)
        cells = ("refused" if s is None else f"{s:.2f}" for s in timing.seconds)
        shown.add_row(timing.case.part, timing.case.name, *cells, "" if slope is None else f"{slope:.2f}")
    return shown


def main(
    only: Annotated[str, typer.Option(help="Part of an input's name.")] = "",
    repeats: int = 3,
    sizes: Annotated[str, typer.Option(help="Characters, three numbers.")] = ",".join(map(str, SIZES)),
    encoder: str = ENCODER,
    cache: Path = Path("~/.cache/vllm-unlearn"),
) -> None:
    """Print processor seconds for each input at each size."""
    cache = cache.expanduser()
    settings, lengths = EncoderSettings(model=encoder, cache_dir=cache), tuple(map(int, sizes.split(",")))
    screen = Rewriter(CorruptionSettings(apply="tokens"), None, torch.float32, 512)
    screen.attach(AutoTokenizer.from_pretrained(prepare(cache / "smollm2")))
    with tempfile.TemporaryDirectory() as store:
        guard = _guard(f"sqlite:///{store}/forget.db", settings)
        cases = [*detection(Encoders(settings)), *constraints(guard, screen), *answers()]
        chosen = [case for case in cases if only in f"{case.part} {case.name}"]
        timings = [measure(case, lengths, repeats) for case in track(chosen, "measuring", transient=True)]
        guard.close()
    Console(width=120).print(table(timings, lengths))


def _guard(url: str, encoder: EncoderSettings) -> Guard:
    store = Store.create(url)
    store.forget([ForgetTarget(id="t0", name="Stephen King")])
    return Guard(Settings(store=url, encoder=encoder))
