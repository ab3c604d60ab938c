"""How long detection takes: milliseconds a prompt, by its length, by the size of the index, and for a
conversation that grows.

Every repeat asks every index every length once, in turn, so that a slow moment of the machine falls
on all alike. Prompts are made up and never the same, so nothing is found in a cache but what a
conversation said before.
"""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ...classifiers.detector import Detector, Turns
from ...guard.configuration import EncoderSettings
from ..data.cases import WAYS, Way
from ..data.conversations import render
from ..data.people import names, synthetic_target
from ..detection.encoders import Workbench

TURNS = 10
TURN_TOKENS = 200
# English words a token, about.
WORDS_PER_TOKEN = 0.75
# Ordinary words, none of a target's: what a prompt says beside is what most traffic is like.
PEOPLE = ("a nurse", "my brother", "the teacher", "our manager", "a student", "the driver", "her doctor")
THINGS = ("a recipe", "the contract", "an essay", "the spreadsheet", "a poem", "the schedule", "a letter")
PLACES = ("at school", "in the office", "on the train", "at home", "in the garden", "by the lake")
SENTENCES = (
    "{person} asked me {number} times to finish {thing} {place} before the weather changed.",
    "Please explain how {person} could write {thing} of {number} words {place}.",
    "What should I pack for {number} days if {person} brings {thing} and it rains {place}?",
    "{person} thinks that the meeting {place} took {number} minutes too long because of {thing}.",
    "Write a short story in which {thing} is found {place} by {person} after {number} years.",
    "The report lists {number} reasons why {person} left {thing} {place}, and none is convincing.",
)
COLUMNS = ("what", "index", "tokens", "p50 ms", "p99 ms", "n")


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one kind of prompt against one index: milliseconds."""

    what: str
    targets: int
    tokens: int
    p50: float
    p99: float
    n: int


def prompt(tokens: int, chance: random.Random) -> str:
    """A prompt of about so many tokens that was never asked before."""
    sentences: list[str] = []
    while sum(len(sentence.split()) for sentence in sentences) < tokens * WORDS_PER_TOKEN:
        sentences.append(_sentence(chance))
    return " ".join(" ".join(sentences).split()[: max(1, round(tokens * WORDS_PER_TOKEN))])


def _sentence(chance: random.Random) -> str:
    return chance.choice(SENTENCES).format(
        person=chance.choice(PEOPLE),
        thing=chance.choice(THINGS),
        place=chance.choice(PLACES),
        number=chance.randrange(100_000),
    )


def measure(
    out: Path,
    encoder: EncoderSettings,
    sizes: Sequence[int],
    lengths: Sequence[int],
    repeats: int,
    way: Way = WAYS[1],
    console: Console | None = None,
) -> list[Latency]:
    """Measure, and write latency.json and latency.md to ``out``. Raises ``ValueError`` for an encoder
    that there is not."""
    console = console or Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    bench = Workbench.open(encoder, out / "cache")
    with console.status(f"indexing {', '.join(f'{size:,}' for size in sizes)} targets"):
        detectors = {size: _detector(size, way, bench) for size in sizes}
    bench.vectors.settle()
    times: dict[tuple[str, int, int], list[float]] = defaultdict(list)
    for number in track(range(repeats + 1), "asking", console=console, transient=True):
        for what, seconds in _round(detectors, lengths, random.Random(number)):
            if number:  # the first warms up
                times[what].append(1000 * seconds)
    latencies = [_latency(*what, every) for what, every in times.items()]
    _write(latencies, out, f"{encoder.model}, {encoder.threads} threads, targets given by {way}")
    return latencies


def _detector(size: int, way: Way, bench: Workbench) -> Detector:
    numbered = islice(enumerate(names()), size)
    targets = [synthetic_target(number, name, way) for number, name in numbered]
    return bench.detector(targets)


def _round(
    detectors: dict[int, Detector], lengths: Sequence[int], chance: random.Random
) -> Iterator[tuple[tuple[str, int, int], float]]:
    for size, detector in detectors.items():
        for tokens in lengths:
            yield ("prompt", size, tokens), _seconds(detector, prompt(tokens, chance))
            named = f"{prompt(tokens, chance)} Who is {next(names())}?"
            yield ("prompt that names a target", size, tokens), _seconds(detector, named)
    size = max(detectors)
    for tokens, seconds in _conversation(detectors[size], chance):
        yield ("conversation, its next turn", size, tokens), seconds


def _conversation(detector: Detector, chance: random.Random) -> Iterator[tuple[int, float]]:
    """Each turn sends all that was said before again, as a chat does."""
    messages: list[tuple[str, str]] = []
    for turn in range(TURNS):
        messages.append((("user", "assistant")[turn % 2], prompt(TURN_TOKENS, chance)))
        talk = render(messages)
        yield (turn + 1) * TURN_TOKENS, _seconds(detector, talk.text, list(talk.turns))


def _seconds(detector: Detector, text: str, turns: Turns | None = None) -> float:
    began = time.perf_counter()
    detector.detect(text, turns)
    return time.perf_counter() - began


def _latency(what: str, size: int, tokens: int, times: Sequence[float]) -> Latency:
    low, high = np.percentile(times, [50, 99])
    return Latency(what, size, tokens, float(low), float(high), len(times))


def _write(latencies: Sequence[Latency], out: Path, how: str) -> None:
    rows = [asdict(latency) for latency in latencies]
    (out / "latency.json").write_text(json.dumps({"how": how, "latencies": rows}, indent=1))
    lines = [f"# Latency\n\n{how}; a prompt's text alone, without the model's own time.\n"]
    lines += [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    for one in latencies:
        cells = (one.what, f"{one.targets:,}", f"{one.tokens:,}", f"{one.p50:.2f}", f"{one.p99:.2f}")
        lines.append(f"| {' | '.join(cells)} | {one.n} |")
    (out / "latency.md").write_text("\n".join(lines) + "\n")
