"""Forgetting of real knowledge, without fine-tuning: a model is asked what it knows, and then, through the
guard, what it must no longer tell. The reference is the same model asked about names that nobody knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ...classifiers.evidence import THRESHOLD
from ...corruption.corruptor import Corruptor
from ...corruption.embedding_table import EmbeddingTable
from ...corruption.operators.operators import AnyOperator
from ...guard.configuration import EncoderSettings
from ..data.data_folder import DataFolder
from ..data.knowledge_data import Fact, Facts, Listed, lists, load, rename
from ..detection.encoders import Workbench
from ..detection.plots import require
from ..models.causal_model import Sampling
from ..models.checkpoints import checkpoint, open_model
from ..models.guarded_model import GuardedModel, PromptReader
from .corruptions import corruptors, parse_operator, with_seeds
from .knowledge_report import STRANGER, Column, KnowledgeReport, Said
from .tofu_methods import Answering, InContext, Refusal, Served
from .tofu_report import NO_GUARD

Guarded = Callable[[PromptReader], Answering]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeOptions:
    """What to measure. ``model`` is a folder or hub name, ``adapter`` a PEFT folder; ``recipes`` are files
    by label; ``operators`` as ``parse_operator`` reads them; ``sample`` is the most questions that are
    asked about people, about neighbours and of TriviaQA each, None for all."""

    data_dir: Path
    out: Path
    model: str
    adapter: Path | None = None
    recipes: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    operators: Sequence[str] = ()
    baselines: bool = True
    sample: int | None = None
    seeds: int = 5
    max_new_tokens: int = 32
    threshold: float = THRESHOLD
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    plots: bool = True


def evaluate(options: KnowledgeOptions, console: Console | None = None) -> KnowledgeReport:
    """Measure every method, and write results.json, results.md and a plot to ``options.out``.

    Raises ``DataError`` for missing data, ``RecipeError`` for a recipe of another model, ``PlotError``
    without matplotlib, ``ValueError`` for an operator or a model that cannot be used, or that knows
    nothing, ``OSError`` for a model that is not there.
    """
    if options.plots:
        require()
    operators = {text: parse_operator(text) for text in options.operators}
    console = console or Console(stderr=True)
    with console.status("reading the data and the model"):
        run = _Run(options, operators, console)
    report = KnowledgeReport({}, {}, {})
    for report in run.reports():  # a long run shows what it has
        report.write(options.out, options.plots)
    return report


class _Run:
    """One run: the model, the guard's parts, and the data."""

    def __init__(
        self, options: KnowledgeOptions, operators: Mapping[str, AnyOperator], console: Console
    ) -> None:
        self.options = options
        cache = options.out / "cache"
        self.data = DataFolder(options.data_dir)
        self.asked = load(self.data, options.sample)
        folder = checkpoint(options.model, options.adapter, cache)
        self.model = open_model(folder, cache)
        table = EmbeddingTable(folder)
        self.model.check(table)
        self.corruptors = corruptors(operators, options.recipes, table, self.model.dtype)
        self.plain = Served(GuardedModel(self.model))
        self.bench = Workbench.open(options.encoder, cache)
        self.progress = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                                 TimeElapsedColumn(), console=console)  # fmt: skip

    def reports(self) -> Iterator[KnowledgeReport]:
        """Measure method after method: the report so far after each, the last one complete."""
        began, columns = time.monotonic(), dict[str, dict[str, list[Column]]]()
        with self.progress:
            known = self._find_known()
            every = lists(self.data, known)
            readers = [(listed, self._reader(listed)) for listed in every if listed.forget]
            notes = {listed.name: _note(listed) for listed, _ in readers}
            for label, methods in self._methods(readers[0][1]):
                for listed, reader in readers:
                    columns.setdefault(listed.name, {})[label] = self._columns(label, methods, listed, reader)
                self.bench.vectors.settle()
                run = self._description(known, time.monotonic() - began)
                yield KnowledgeReport(run, notes, columns, list(_omissions(every)))

    def _find_known(self) -> Facts:
        """What the model tells without a guard. Raises ``ValueError`` if nothing of it can be forgotten."""
        facts = self.asked.every
        answers = self._ask("what it knows", self.plain, facts)
        told_facts = {said.fact.question for said in answers if said.tells_fact}
        known = self.asked.where(lambda fact: fact.question in told_facts)
        if not any(listed.forget for listed in lists(self.data, known)):
            raise ValueError(
                f"of {len(facts)} questions {self.options.model} answers {len(told_facts)}, none of them "
                "about what can be forgotten: ask more (--sample), or take a model that knows more"
            )
        return known

    def _reader(self, listed: Listed) -> PromptReader:
        detector = self.bench.detector(listed.targets, self.options.threshold)
        return PromptReader(self.model.chat.tokenizer, detector)

    def _methods(self, reader: PromptReader) -> Iterator[tuple[str, list[Guarded]]]:
        """The ways to serve the model, given what reads its prompts; one for each seed."""
        yield NO_GUARD, [lambda _: self.plain]
        yield STRANGER, [lambda _: self.plain]
        for label, variants in self.corruptors.items():
            every = with_seeds(self.model, reader, variants, self.options.seeds)
            yield label, [partial(self._guard, *one) for one in every]
        if self.options.baselines:
            yield "in-context", [partial(InContext, self.model)]
            yield "refusal", [partial(Refusal, self.model)]

    def _guard(self, corruptor: Corruptor, seed: int, reader: PromptReader) -> Answering:
        return Served(GuardedModel(self.model, reader, corruptor, seed=seed))

    def _columns(
        self, label: str, methods: Sequence[Guarded], listed: Listed, reader: PromptReader
    ) -> list[Column]:
        """What the method says of a list, with each seed."""
        task = f"{label}: {listed.name}"
        if label == STRANGER:
            return [Column(self._ask(task, self.plain, list(rename(listed.forget).values())))]
        facts, count = [*listed.forget, *listed.keep], len(listed.forget)
        guard = None if label == NO_GUARD else reader
        every = [self._ask(task, method(reader), facts, guard) for method in methods]
        return [Column(said[:count], said[count:]) for said in every]

    def _ask(
        self, label: str, method: Answering, facts: Sequence[Fact], reader: PromptReader | None = None
    ) -> list[Said]:
        task, questions = self.progress.add_task(label, total=len(facts)), [fact.question for fact in facts]
        asked = [self.model.chat.prompt(question) for question in questions]
        flagged = map(bool, reader.read_all(asked)) if reader else [None] * len(facts)
        sampling = Sampling(self.options.max_new_tokens)
        answers = method.answers(questions, sampling, partial(self.progress.advance, task))
        return [Said(fact, said, one) for fact, (said,), one in zip(facts, answers, flagged, strict=True)]

    def _description(self, known: Facts, seconds: float) -> dict[str, str]:
        options = self.options
        return {
            "model": options.model + (f" with {options.adapter}" if options.adapter else ""),
            "asked": f"{self.asked}; greedy, at most {options.max_new_tokens} tokens, in the chat template",
            "known": f"{known}: what it tells without a guard",
            "seeds": f"{options.seeds} where a corruption draws noise",
            "encoder": options.encoder.model,
            "threshold": f"{options.threshold:g}",
            "seconds": f"{seconds:.0f}",
        }


def _note(listed: Listed) -> str:
    way = "name and exemplars" if any(target.exemplars for target in listed.targets) else "name alone"
    return (
        f"{len(listed.targets)} targets, given by {way}; {len(listed.forget)} known facts about them to "
        f"forget, {len(listed.keep)} others to keep"
    )


def _omissions(every: Sequence[Listed]) -> Iterator[str]:
    for listed in every:
        if not listed.forget:
            yield f"{listed.name}: the model tells none of the facts to forget; ask more (--sample)"
        elif not listed.keep:
            yield f"{listed.name}, to keep: the model tells none of these facts; ask more (--sample)"
        if missing := len(listed.forget) - len(rename(listed.forget)):
            yield f"{listed.name}, {STRANGER}: {missing} questions in which the entity's name does not stand"
