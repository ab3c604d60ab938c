"""What many targets with texts cost a segment that goes through, and what one more costs.

    vllm-unlearn eval target-cost OUT

Processor milliseconds, of all threads together. Segments are ordinary prompts of one sentence that are not
flagged. Their words were met before and no vector is remembered: as ordinary traffic comes. A change is
timed as a replica makes it: a part of its index, with the new target's texts encoded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, starmap
from pathlib import Path
from typing import Annotated, TypeVar, cast, get_args

import numpy as np
import typer

from ...classifiers.calibration.ordinary_prompts import ORDINARY_PROMPTS
from ...classifiers.detector import Detector
from ...classifiers.encoders.encoder import Encoder, Vectors
from ...classifiers.encoders.segment_cache import SegmentCache
from ...classifiers.encoders.vector_cache import VectorCache
from ...classifiers.forget_index import ForgetIndex
from ...classifiers.text.segments import sentences
from ...guard.configuration import EncoderSettings
from ...guard.encoders import Encoders
from ...vocabulary import Kind, UserError
from ..data.people import names, synthetic_target

TARGETS = 10_000
ROUNDS = 5
COLUMNS = ("what", "mean ms", "median", "quartiles", "99 %", "n")

Result = TypeVar("Result")


class Counted:
    """An encoder that knows whether it was asked."""

    def __init__(self, encoder: Encoder) -> None:
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self.asked = False
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Encoder.encode``."""
        self.asked = True
        return self._encoder.encode(texts)


def measure(
    out: Path,
    settings: EncoderSettings,
    targets: int = TARGETS,
    rounds: int = ROUNDS,
    kind: Kind = "work",
) -> str:
    """The table, of targets of one ``kind``; the last ``rounds`` of ``targets`` are added one by one. Keeps
    their vectors in ``out``. Raises ``EncoderError``."""
    encoders = Encoders(settings)
    vectors = VectorCache(encoders.full, out / f"targets-{encoders.full.fingerprint[:12]}.vectors")
    numbered = enumerate(islice(names(), targets))
    every = [synthetic_target(number, name, "exemplars") for number, name in numbered]
    listed = [target.model_copy(update={"kind": kind}) for target in every]
    kept, more = listed[:-rounds], listed[-rounds:]
    index = ForgetIndex(1, kept, vectors, sieve=encoders.sieve, backgrounds=encoders.backgrounds)
    vectors.settle()
    times = {**_segments(index, encoders.full, rounds), "one more target": []}
    for one in more:
        times["one more target"].append(_timed(partial(index.change, 2, [one]))[0])
    head = f"{len(kept):,} targets, {index.sizes['exemplars']:,} texts, {index.lines.size:,} lines"
    rule = "|" + " --- |" * len(COLUMNS)
    return "\n".join([head, "", f"| {' | '.join(COLUMNS)} |", rule, *starmap(_line, times.items())])


def _segments(index: ForgetIndex, encoder: Encoder, rounds: int) -> dict[str, list[float]]:
    """What segments took that are not flagged, those apart that were encoded."""
    texts = [text for text in ORDINARY_PROMPTS if len(sentences(text)) == 1]
    times: dict[str, list[float]] = {"a segment": [], "… that is not encoded": [], "… that is": []}
    for number in range(rounds + 1):
        counted = Counted(encoder)
        detector = Detector(index, SegmentCache(counted))
        for text in texts:
            counted.asked = False
            taken, matches = _timed(partial(detector.detect, text))
            if number and not matches:  # the first round meets the words
                times["a segment"].append(taken)
                times["… that is" if counted.asked else "… that is not encoded"].append(taken)
    return times


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Processor milliseconds, and what came of it."""
    began = time.process_time()
    result = work()
    return 1000 * (time.process_time() - began), result


def _line(what: str, every: Sequence[float]) -> str:
    if not every:
        return f"| {what} | | | | | 0 |"
    low, median, high, most = np.percentile(every, [25, 50, 75, 99])
    mean = sum(every) / len(every)
    return f"| {what} | {mean:.2f} | {median:.2f} | {low:.2f} to {high:.2f} | {most:.2f} | {len(every)} |"


def main(
    out: Annotated[Path, typer.Argument(help="Where the targets' vectors are kept.")],
    encoder: Annotated[
        str, typer.Option(help="The encoder's folder, or package:...")
    ] = EncoderSettings().model,
    targets: Annotated[int, typer.Option(min=ROUNDS + 1, help="How many are listed.")] = TARGETS,
    kind: Annotated[
        str, typer.Option(help="Of which kind; a line is drawn for works, not for entities.")
    ] = "work",
) -> None:
    """Measure, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    if kind not in get_args(Kind):
        raise UserError(f"--kind is one of {', '.join(get_args(Kind))}, not {kind!r}")
    typer.echo(measure(out, EncoderSettings(model=encoder), targets, kind=cast(Kind, kind)))
