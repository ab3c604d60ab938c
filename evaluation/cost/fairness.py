"""How long short prompts take to screen beside four long ones: milliseconds, on one event loop.

Every round asks every arrangement in turn, so that a slow moment of the machine falls on all alike. Prompts
are made up and never the same. ``vllm-unlearn eval fairness OUT --encoder E``
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from ...classifiers.detector import Detector
from ...classifiers.encoders.encoder import BatchingEncoder, OnnxEncoder
from ...classifiers.encoders.segment_cache import SegmentCache
from ...classifiers.encoders.vector_cache import VectorCache
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.work import Work
from ...guard.configuration import EncoderSettings
from ...guard.encoders import Encoders
from ...guard.load import turns
from ...guard.load.lanes import Lanes, Width
from ..data.people import EXEMPLARS, JOBS, PRIZES, TOWNS, names, synthetic_target
from .latency import prompt

LONG, SHORT = 8_000, 20
LONG_AT_ONCE = 4
ROUNDS, SHORT_A_ROUND = 8, 20
EVERY_SECONDS = 0.02
UNBOUNDED = 2**40
# Before: one pool for all, and the encoder takes whole requests.
ONE_POOL = (Width(float("inf"), 32),)


def mix(tokens: int, chance: random.Random) -> str:
    """A prompt of about so many tokens; it ends with sentences that the first pass leaves to the encoder."""
    ends = [_near(chance) for _ in range(max(1, tokens // 200))]
    return " ".join([prompt(tokens - 10 * len(ends), chance), *ends])


def _near(chance: random.Random) -> str:
    return chance.choice(EXEMPLARS).format(
        name=f"cousin {chance.randrange(10**6)}",
        job=chance.choice(JOBS),
        town=chance.choice(TOWNS),
        prize=chance.choice(PRIZES),
    )


class Arrangement:
    """Lanes and an encoder, with an index."""

    def __init__(self, encoder: OnnxEncoder, index: ForgetIndex, before: bool) -> None:
        self._lanes = Lanes(UNBOUNDED, ONE_POOL) if before else Lanes(UNBOUNDED)
        batching = BatchingEncoder(encoder, UNBOUNDED) if before else BatchingEncoder(encoder)
        self._detector = Detector(index, SegmentCache(batching))
        self._turns = sys.getswitchinterval() if before else turns.SECONDS

    async def screen(self, tokens: int, text: str) -> float:
        """Seconds until a prompt is decided on."""
        began = time.perf_counter()
        await self._lanes.run(tokens, Work(), self._detector.detect, text)
        return time.perf_counter() - began

    async def round(self, long: int, chance: random.Random) -> tuple[list[float], list[float]]:
        """Seconds of each short prompt while ``long`` ones are screened, and of each long one."""
        turns.SECONDS = self._turns
        beside = [asyncio.create_task(self.screen(LONG, mix(LONG, chance))) for _ in range(long)]
        asked: list[asyncio.Task[float]] = []
        while len(asked) < SHORT_A_ROUND and not (beside and all(task.done() for task in beside)):
            asked.append(asyncio.create_task(self.screen(SHORT, mix(SHORT, chance))))
            await asyncio.sleep(EVERY_SECONDS)
        return [await task for task in asked], [await task for task in beside]


def measure(out: Path, settings: EncoderSettings, targets: int) -> str:
    """The table, also written to fairness.md in ``out``. Raises ``EncoderError``."""
    encoders = Encoders(settings)
    encoder = encoders.full
    vectors = VectorCache(encoder, out / "fairness.vectors")
    numbered = islice(enumerate(names()), targets)
    listed = [synthetic_target(number, name, "exemplars") for number, name in numbered]
    index = ForgetIndex(1, listed, vectors, sieve=encoders.sieve, backgrounds=encoders.backgrounds)
    vectors.settle()
    every = {how: Arrangement(encoder, index, how == "before") for how in ("before", "now")}
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in track(range(ROUNDS + 1), "asking", console=Console(stderr=True), transient=True):
        for how, arrangement in every.items():
            for long in (0, LONG_AT_ONCE):
                short, beside = asyncio.run(arrangement.round(long, random.Random(number)))
                if number:  # the first warms up
                    times[how, f"short, beside {long} long"] += short
                    times[how, f"long, {long} at once"] += beside
    text = _table(times)
    (out / "fairness.md").write_text(text)
    return text


def _table(times: dict[tuple[str, str], list[float]]) -> str:
    lines = ["| arrangement | prompts | p50 ms | p90 ms | most | n |", "|" + " --- |" * 6]
    for (how, what), every in times.items():
        if every:
            low, high, most = np.percentile(every, [50, 90, 100]) * 1000
            lines.append(f"| {how} | {what} | {low:.1f} | {high:.1f} | {most:.1f} | {len(every)} |")
    return "\n".join(lines) + "\n"


def main(out: Path, encoder: str = EncoderSettings().model, targets: int = 1_000) -> None:
    """Measure, and show the table."""
    out.mkdir(parents=True, exist_ok=True)
    typer.echo(measure(out, EncoderSettings(model=encoder), targets))
