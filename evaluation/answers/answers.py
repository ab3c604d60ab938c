"""What a served model's answers tell of what is listed: without a guard, with the prompt guard, with both.

    vllm-unlearn eval answers DATA --adapter TOFU-FULL

Figures: listed names in answers to questions that do not hold them, passages recited, benign answers changed,
the marks of changed answers, tokens that wait, cost. The model is SmolLM2-135M from its package, and with
``--adapter`` also one that learned TOFU's authors. Each is served three times at once, asked in turn.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import vllm
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from transformers import AutoTokenizer

from ...classifiers.encoders.encoder import Encoder
from ...guard.configuration import EncoderSettings
from ...guard.encoders import Encoders
from ..data.data_folder import DataFolder
from ..data.datasets import Rwku
from ..detection import plots
from ..models.checkpoints import checkpoint
from ..models.packaged_smollm2 import ENCODER, prepare
from . import cost, figures, holding, questions
from .figures import Figure
from .questions import Names, Questions
from .report import AnswersReport
from .said import Sheet, Track, ask, ask_again_alone
from .served import Served, serve
from .verbatim import MOST, Passages

PARTS = ("names", "passages", "benign", "held", "cost")
NAME_TOKENS, RECITED_TOKENS, BENIGN_TOKENS = 40, 80, 40


@dataclass(frozen=True, slots=True)
class AnswersOptions:
    """What is measured, of what, and how much of it."""

    data_dir: Path
    out: Path
    adapter: Path | None = None
    parts: tuple[str, ...] = PARTS
    sample: int = 40
    benign: int = 100
    texts: int = 60
    rounds: int = 4
    encoder: str = ENCODER
    plots: bool = True


def evaluate(options: AnswersOptions) -> None:
    """Measure, and write the report. Raises ``ValueError`` for a part that there is not."""
    if wrong := set(options.parts) - set(PARTS):
        raise ValueError(f"--only takes {', '.join(PARTS)}, not {', '.join(sorted(wrong))}")
    if options.plots:
        plots.require()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        run = _Run(options, lambda name, length: _begin(progress, name, length))
        try:
            run.measure()
        finally:  # who stops a run of minutes keeps what it has measured
            report = AnswersReport(run.describe(time.monotonic() - began), run.figures, run.sheets)
            report.write(options.out, options.plots)


def _begin(progress: Progress, name: str, length: int) -> Callable[[], None]:
    return partial(progress.advance, progress.add_task(name, total=length))


@dataclass
class _Run:
    options: AnswersOptions
    track: Track
    figures: list[Figure] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    _changed: dict[str, list[Sheet]] = field(default_factory=dict)

    def measure(self) -> None:
        """All parts, one model after the other."""
        options, base = self.options, prepare(Path("~/.cache/vllm-unlearn/smollm2").expanduser())
        data = DataFolder(options.data_dir)
        if self._wants("names", "passages") and options.adapter:
            learned = checkpoint(str(base), options.adapter, options.out / "cache")
            with self._serve(learned, "with the adapter") as served:
                self._names(served, [questions.tofu_names(data, options.sample)])
                self._passages(served, questions.tofu_passages(data, options.sample))
        if self._wants("names", "passages", "benign", "cost"):
            with self._serve(base, "SmolLM2") as served:
                asked = [questions.authors(options.sample), questions.works(options.sample)]
                self._names(served, [*asked, questions.people(data, 2 * options.sample)])
                self._passages(served, questions.openings(options.sample))
                self._benign(served, data)
                self._cost(served)
        encoder = Encoders(EncoderSettings(model=options.encoder)).full
        self._marks(encoder)
        if self._wants("held"):
            step = self.track("texts read", holding.REPEATS)
            tokenizer = AutoTokenizer.from_pretrained(base)
            self.figures += figures.holding(holding.measure(data, tokenizer, options.texts, step))

    def describe(self, seconds: float) -> dict[str, str]:
        """How the run was made."""
        options = self.options
        return {
            "model": "SmolLM2-135M-Instruct, bfloat16"
            + (f"; TOFU's rows: {options.adapter.name} merged into it" if options.adapter else ""),
            "served": f"vLLM {vllm.__version__}, {os.cpu_count()} cores, the default corruption",
            "sample": f"at most {options.sample} questions of each set ({2 * options.sample} of RWKU), "
            f"{options.benign} benign prompts, {options.texts} texts read, {options.rounds} rounds",
            "minutes": f"{seconds / 60:.0f}",
        }

    def _wants(self, *parts: str) -> bool:
        return bool(set(parts) & set(self.options.parts))

    @contextmanager
    def _serve(self, model: Path, name: str) -> Iterator[Served]:
        step = self.track(f"three servers of {name}", 1)
        with (
            tempfile.TemporaryDirectory(prefix="vllm-unlearn-answers-") as scratch,
            serve(model, self.options.encoder, Path(scratch)) as served,
        ):
            step()
            yield served

    def _names(self, served: Served, every: list[Questions]) -> None:
        for asked in every if self._wants("names") else ():
            names = Names.of(asked.targets)
            sheet = ask(served, asked, lambda q, a, n=names: bool(n.told(q, a)), NAME_TOKENS, self.track)  # type: ignore[misc]
            self._add("names", sheet)
            self.figures += figures.leaks(sheet, names)

    def _passages(self, served: Served, asked: Questions) -> None:
        if not self._wants("passages"):
            return
        passages = Passages(text for target in asked.targets for text in target.passages)
        sheet = ask(served, asked, lambda _, a: passages.longest_run(a) > MOST, RECITED_TOKENS, self.track)
        self._add("passages", sheet)
        self.figures += figures.recitals(sheet, passages)

    def _benign(self, served: Served, data: DataFolder) -> None:
        if not self._wants("benign"):
            return
        targets = [*Rwku(data).targets("name", {}), *questions.listed_works()]
        prompts = list(questions.benign(data, self.options.benign))
        asked = Questions("benign prompts", targets, prompts)
        sheet = ask(served, asked, lambda _question, _answer: True, BENIGN_TOKENS, self.track)
        sheet = ask_again_alone(served, sheet, BENIGN_TOKENS, self.track)
        self._add("benign prompts", sheet)
        self.figures += figures.innocents(sheet, Names.of(targets))

    def _cost(self, served: Served) -> None:
        if not self._wants("cost"):
            return
        targets = questions.listed_works()
        served.list_only(targets)
        step = self.track("rounds", self.options.rounds + 1)
        self.figures += figures.cost(cost.measure(served, self.options.rounds, step), len(targets))

    def _marks(self, encoder: Encoder) -> None:
        for name, sheets in self._changed.items():
            self.figures += figures.marks(name, sheets, encoder)

    def _add(self, name: str, sheet: Sheet) -> None:
        self.sheets.append(sheet)
        self._changed.setdefault(name, []).append(sheet)


def main(
    data_dir: Annotated[Path, typer.Argument(metavar="DATA", help="The benchmark data.")],
    adapter: Annotated[
        Path | None, typer.Option(help="A PEFT adapter with which the model knows TOFU's authors.")
    ] = None,
    only: Annotated[str, typer.Option(help=f"With commas: {', '.join(PARTS)}.")] = ",".join(PARTS),
    sample: Annotated[int, typer.Option(min=2, help="At most so many questions of each set.")] = 40,
    benign: Annotated[int, typer.Option(min=4, help="So many benign prompts.")] = 100,
    texts: Annotated[int, typer.Option(min=2, help="So many texts read for what waits.")] = 60,
    rounds: Annotated[int, typer.Option(min=1, help="Pairs of rounds that tell the cost.")] = 4,
    encoder: str = ENCODER,
    plots: Annotated[bool, typer.Option(help="Draw the figure (needs matplotlib).")] = True,
    out: Path = Path("answers"),
) -> None:
    """Measure, and print the report."""
    options = AnswersOptions(
        data_dir=data_dir,
        out=out,
        adapter=adapter,
        parts=tuple(name.strip() for name in only.split(",") if name.strip()),
        sample=sample,
        benign=benign,
        texts=texts,
        rounds=rounds,
        encoder=encoder,
        plots=plots,
    )
    evaluate(options)
    typer.echo((out / "results.md").read_text())
