"""The detection benchmark: every row of the table, by every method, in every way to give a target.

Two halves that share nothing tune and report: even and odd people (sorted by name), authors, benign
rows and questions of MMLU and of quizzes. Thresholds, ours and the baselines', were chosen on the even
half; the figures are the odd half's unless the run says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ...classifiers.encoders.encoder_export import find_source
from ...classifiers.evidence import THRESHOLD
from ...guard.configuration import EncoderSettings
from ...vocabulary import ForgetTarget
from ..data.cases import Case, Listing, Row, Split, Way
from ..data.data_folder import DataError, DataFolder
from . import plots
from .baselines import MAX_FPR, Classifier, Nearest, Training
from .encoders import Workbench
from .errors import Error, errors, write_errors
from .families.sources import Sources
from .methods import Method, Names, Ours, Spans
from .outcomes import Figure, Key, Outcome, curve, figures, make_outcome, recall_at
from .report import Report, Time
from .table import FAMILIES, Table, make_table

# Cases between two steps of the progress bar.
CHUNK = 200
CALIBRATION = 20_000
# For each case of the sample so many prompts to choose the baselines' thresholds on.
CALIBRATION_PER_CASE = 40
CURVE_POINTS = (1e-4, 5e-4, 1e-3, 1e-2, 1e-1)
HALVES = "even people (sorted by name), authors, questions and benign rows tune; odd ones report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run. ``sample`` is the most cases of each group of a row, None for all; ``only`` names
    families of ``table.FAMILIES``; ``questions`` is a folder of what a model asked about the topics."""

    data_dir: Path
    out: Path
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    threshold: float = THRESHOLD
    sample: int | None = None
    only: tuple[str, ...] = ()
    split: Split = "report"
    baselines: bool = True
    plots: bool = True
    classifier_encoder: Path | None = None
    questions: Path | None = None
    seed: int = 0


def evaluate(options: Options, console: Console | None = None) -> Report:
    """Run the table and write results.json, results.md, errors.jsonl, errors.md and plots to
    ``options.out``.

    Raises ``DataError`` where data that was asked for by name is missing, ``plots.PlotError``
    without matplotlib, ``ValueError`` for an encoder or a family that there is not.
    """
    if unknown := set(options.only) - set(FAMILIES):
        raise ValueError(f"no family {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
    if options.plots:
        plots.require()
    options.out.mkdir(parents=True, exist_ok=True)
    console = console or Console(stderr=True)
    with console.status("reading the data"):
        sources = Sources(DataFolder(options.data_dir), options.seed, options.questions)
        table = make_table(sources, options.only)
    return _Run(options, sources, table, console).report()


class _Run:
    """One run: encoders, what the methods have scored so far, and the errors."""

    def __init__(self, options: Options, sources: Sources, table: Table, console: Console) -> None:
        self.options = options
        self.sources = sources
        self.left_out = list(table.left_out)
        self.rows = list(_draw(table.rows, options))
        self.listings = table.listings
        self.cache = options.out / "cache"
        self.bench = Workbench.open(options.encoder, self.cache)
        self.outcomes: dict[Key, Outcome] = {}
        self.errors: list[Error] = []
        self.times: list[Time] = []
        self.progress = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                                 TimeElapsedColumn(), console=console)  # fmt: skip

    def report(self) -> Report:
        """Run all, and write it; what there is after each listing, so that a run that is stopped shows it."""
        began = time.monotonic()
        report = self._write(began)
        try:
            with self.progress:
                for listing in self.listings.values():
                    for way in listing.ways:
                        self._judge(listing, way)
                        report = self._write(began)
        finally:  # an interrupted run has encoded much that the next one need not
            self.bench.vectors.settle()
        if self.options.plots:
            plots.plot(self.outcomes, self.options.out)
        return report

    def _write(self, began: float) -> Report:
        shares: list[Figure] = []
        for outcome in self._in_order():
            shares += figures(outcome, self.outcomes)
        report = Report(
            self._description(time.monotonic() - began),
            shares,
            list(self._curves()),
            self.left_out,
            self.times,
            {row.name: row.note for row in self.rows if row.note},
        )
        report.write(self.options.out)
        write_errors(self.errors, self.options.out)
        return report

    def _judge(self, listing: Listing, way: Way) -> None:
        rows = [row for row in self.rows if row.listing == listing.name]
        if not rows:
            return
        task = self.progress.add_task(f"{listing.name}, by {way}: indexing", total=None)
        targets = listing.targets(way)
        by_id = {target.id: target for target in targets}
        for method in self._methods(listing, way, targets):
            within = [row for row in rows if not row.spans or isinstance(method, Spans)]
            total = sum(len(row.cases) for row in within)
            name = f"{listing.name}, by {way}: {method.name}"
            self.progress.update(task, description=name, total=total, completed=0)
            began = time.monotonic()
            for row in within:
                outcome = self._outcome(method, row, way, task)
                self.outcomes[outcome.key] = outcome
                if method.name == "ours":
                    self.errors += errors(outcome, by_id)
            if total:
                self.times.append(Time(listing.name, way, method.name, total, time.monotonic() - began))
        self.progress.update(task, visible=False)

    def _outcome(self, method: Method, row: Row, way: Way, task: Any) -> Outcome:
        judge = method.coverage if row.spans and isinstance(method, Spans) else method.scores
        scores: list[dict[str, float]] = []
        for first in range(0, len(row.cases), CHUNK):
            cases = row.cases[first : first + CHUNK]
            scores += judge(cases)
            self.progress.advance(task, len(cases))
        return make_outcome(row, way, method.name, method.threshold, scores)

    def _methods(self, listing: Listing, way: Way, targets: Sequence[ForgetTarget]) -> Iterator[Method]:
        bench, threshold = self.bench, self.options.threshold
        yield Ours(targets, bench.vectors, bench.prompts, bench.sieve, threshold, bench.backgrounds)
        if not self.options.baselines:
            return
        yield Ours(targets, bench.vectors, bench.unsieved, None, threshold, bench.backgrounds)
        yield Names(targets)
        try:
            benign = self._calibration()
        except DataError as error:
            self.left_out.append(f"baselines with a threshold, for {listing.name}: {error}")
            return
        nearest = Nearest(targets, bench.vectors, bench.whole)
        nearest.fit(benign)
        yield nearest
        if listing.retained and way == "exemplars":
            training = Training.of(targets, listing.retained(), self.options.seed)
            folder = self.options.classifier_encoder or Path(find_source(self.options.encoder.model))
            classifier = Classifier(folder, training, self.cache)
            classifier.fit(benign)
            yield classifier

    def _calibration(self) -> list[Case]:
        return self.sources.calibration(self._calibration_size)

    @property
    def _calibration_size(self) -> int:
        sample = self.options.sample
        return min(CALIBRATION, CALIBRATION_PER_CASE * sample) if sample else CALIBRATION

    def _in_order(self) -> Iterator[Outcome]:
        """The outcomes in the order of the table's rows."""
        for row in self.rows:
            yield from (outcome for key, outcome in self.outcomes.items() if key.row == row.name)

    def _curves(self) -> Iterator[dict[str, Any]]:
        for outcome in self._in_order():
            if (other := plots.negatives_of(outcome, self.outcomes)) is not None:
                points = curve(outcome.own, other.best)
                yield {
                    **outcome.key._asdict(),
                    "negatives": other.row.name,
                    "recall_at": {f"{share:g}": recall_at(points, share) for share in CURVE_POINTS},
                }

    def _description(self, seconds: float) -> dict[str, Any]:
        options = self.options
        return {
            "split": f"{options.split} ({HALVES})",
            "threshold": f"ours {options.threshold:g} for all; the baselines' at {MAX_FPR:.2%} of "
            f"{self._calibration_size:,} benign prompts of the tuning half",
            "recall": "a case counts if its own subject is flagged; the classifier knows no subjects",
            "sample": f"{options.sample or 'all'} cases of each group",
            "seed": options.seed,
            "encoder": f"{options.encoder.model} ({self.bench.prompts.fingerprint[:12]})",
            "families": ", ".join(options.only or FAMILIES),
            "seconds": round(seconds),
        }


def _draw(rows: Sequence[Row], options: Options) -> Iterator[Row]:
    """The rows as sampled, where a case is left; what others are compared against is not sampled."""
    bases: set[str | None] = set()
    for row in rows:
        bases.update(goal.against for goal in row.goals)
    for row in rows:
        sample = None if row.name in bases else options.sample
        if (drawn := row.draw(options.split, sample, options.seed)).cases:
            yield drawn
