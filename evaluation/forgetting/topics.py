"""Forgetting of topics: what a guarded model still knows of MMLU's economics, physics and law, and whether it
keeps what is near and everything else.

    vllm-unlearn eval topics DATA MODEL [--recipe LABEL=FILE] [--operator noise:32:100]
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ...corruption.corruptor import Corruptor
from ...corruption.embedding_table import EmbeddingTable
from ...guard.configuration import EncoderSettings
from ..data.data_folder import DataFolder
from ..data.topic_data import ChoiceQuestion, load
from ..data.topics import TOPICS
from ..detection.encoders import Workbench
from ..models.checkpoints import checkpoint, open_model
from ..models.guarded_model import GuardedModel, PromptReader, Reader
from .choices import Choice, Known, Oracle, choose, count_steps
from .corruptions import corruptors, files_by_label, parse_operator
from .topics_report import FORGET, NEAR, NO_GUARD, OTHER, OTHER_QUESTION, Sheet, TopicsReport

Flags = Known | Literal["found"]
FLAGS: tuple[Flags, ...] = ("whole", "question", "found")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicsOptions:
    """What to measure. ``model`` is a folder or hub name; ``recipes`` are files by label, ``operators`` as
    ``parse_operator`` reads them; ``flags`` what is flagged; ``exemplars`` how many questions a topic is
    listed with; ``sample`` the most questions that are asked of each part, ``shown`` of them also with the
    choices shown; ``max_chars`` the longest."""

    data_dir: Path
    out: Path
    model: str
    recipes: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    operators: Sequence[str] = ()
    flags: Sequence[Flags] = ("whole", "found")
    exemplars: int = 100
    sample: int | None = None
    shown: int | None = None
    max_chars: int | None = None
    seeds: int = 1
    max_new_tokens: int = 24
    encoder: EncoderSettings = field(default_factory=EncoderSettings)


def evaluate(options: TopicsOptions, console: Console | None = None) -> TopicsReport:
    """Measure every method, and write results.json and results.md to ``options.out`` after each.

    Raises ``DataError`` for missing data, ``RecipeError`` for a recipe of another model, ``ValueError`` for
    an operator or a model that cannot be used, ``OSError`` for a model that is not there.
    """
    report = TopicsReport({}, {})
    for report in _Run(options, console or Console(stderr=True)).reports():
        report.write(options.out)
    return report


class _Run:
    """One run: the model, the corruptions and the questions."""

    def __init__(self, options: TopicsOptions, console: Console) -> None:
        self.options = options
        cache = options.out / "cache"
        data = DataFolder(options.data_dir)
        self.data = load(data, options.exemplars, options.sample, options.max_chars)
        folder = checkpoint(options.model, None, cache)
        self.model = open_model(folder, cache)
        table = EmbeddingTable(folder)
        self.model.check(table)
        operators = {text: parse_operator(text) for text in options.operators}
        self.corruptors = corruptors(operators, options.recipes, table, self.model.dtype)
        self.console = console

    def reports(self) -> Iterator[TopicsReport]:
        """Measure method after method: the report so far after each."""
        began, sheets = time.process_time(), dict[str, dict[str, list[Sheet]]]()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as self.progress:
            for method, seeds in self._methods():
                for choices in seeds:
                    for part, some in self._part(choices).items():
                        sheets.setdefault(part, {}).setdefault(method, []).append(Sheet(some))
                    yield TopicsReport(self._description(time.process_time() - began), sheets)

    def _methods(self) -> Iterator[tuple[str, Iterator[dict[str, list[Choice]]]]]:
        """The ways to serve the model, each with its choices in every part, seed by seed."""
        every, forget = self.data.groups, {one.topic.name: one.forget for one in self.data.sets}
        yield NO_GUARD, iter([self._ask(NO_GUARD, GuardedModel(self.model), None, every)])
        for flags in self.options.flags:
            reader = self._reader(flags)
            asked = every if flags == "found" else forget
            for label, variants in self.corruptors.items():
                yield f"{label}, {flags}", self._seeds(f"{label}, {flags}", reader, variants, asked)
        swapped = {name: _swap(questions) for name, questions in forget.items()}
        yield OTHER_QUESTION, iter([self._ask(OTHER_QUESTION, GuardedModel(self.model), None, swapped)])

    def _seeds(
        self,
        method: str,
        reader: Reader,
        variants: Sequence[Corruptor],
        asked: Mapping[str, Sequence[ChoiceQuestion]],
    ) -> Iterator[dict[str, list[Choice]]]:
        for variant in variants:
            for seed in range(self.options.seeds):
                yield self._ask(method, GuardedModel(self.model, reader, variant, seed=seed), reader, asked)

    def _ask(
        self,
        method: str,
        guarded: GuardedModel,
        reader: Reader | None,
        asked: Mapping[str, Sequence[ChoiceQuestion]],
    ) -> dict[str, list[Choice]]:
        """What is chosen in each group of questions."""
        options, chosen = self.options, {}
        total = sum(count_steps(questions, options.shown) for questions in asked.values())
        track = partial(self.progress.advance, self.progress.add_task(method, total=total))
        for name, questions in asked.items():
            chosen[name] = choose(
                guarded,
                reader,
                questions,
                shown=options.shown,
                max_new_tokens=options.max_new_tokens,
                track=track,
            )
        return chosen

    def _reader(self, flags: Flags) -> Reader:
        tokenizer = self.model.chat.tokenizer
        if flags != "found":
            return Oracle(tokenizer, {one.topic.name: one.forget for one in self.data.sets}, flags)
        bench = Workbench.open(self.options.encoder, self.options.out / "cache")
        reader = PromptReader(tokenizer, bench.detector([one.target for one in self.data.sets]))
        bench.vectors.settle()
        return reader

    def _part(self, chosen: Mapping[str, list[Choice]]) -> dict[str, list[Choice]]:
        """All topics together, each by itself, all that is near together, and the rest."""
        parts: dict[str, list[Choice]] = {}
        for topic in TOPICS:
            parts.setdefault(FORGET, []).extend(chosen[topic.name])
        for topic in TOPICS:
            parts[f"{FORGET}: {topic.name}"] = chosen[topic.name]
            if near := chosen.get(f"near {topic.name}"):
                parts.setdefault(NEAR, []).extend(near)
        if others := chosen.get(OTHER):
            parts[OTHER] = others
        return dict(sorted(parts.items(), key=lambda part: (part[0] == OTHER, part[0] == NEAR)))

    def _description(self, seconds: float) -> dict[str, str]:
        options, counts = self.options, []
        for name, questions in self.data.groups.items():
            counts.append(f"{len(questions)} of {name}")
        return {
            "model": options.model,
            "asked": f"{', '.join(counts)}; of at most {options.max_chars or 'any number of'} characters",
            "answered": f"{options.shown or 'all'} of each; no examples; greedy, at most "
            f"{options.max_new_tokens} tokens",
            "listed": f"{len(self.data.sets)} topics, each by its name and {options.exemplars} questions, "
            "which are not asked",
            "seeds": str(options.seeds),
            "processor seconds": f"{seconds:.0f}",
        }


def _swap(questions: Sequence[ChoiceQuestion]) -> list[ChoiceQuestion]:
    """The same choices, each under the next question."""
    following = [*questions[1:], *questions[:1]]
    return [replace(one, text=other.text) for one, other in zip(questions, following, strict=True)]


def main(
    data_dir: Annotated[Path, typer.Argument(metavar="DATA")],
    model: str,
    recipe: Annotated[list[str], typer.Option(help="LABEL=FILE; may be given again.")] = [],  # noqa: B006
    operator: Annotated[list[str], typer.Option(help="As `eval tofu` takes them.")] = [],  # noqa: B006
    flag: Annotated[str, typer.Option(help="With commas: whole, question, found.")] = "whole,found",
    exemplars: Annotated[int, typer.Option(min=1, help="Questions that a topic is listed with.")] = 100,
    sample: Annotated[int | None, typer.Option(min=2, help="At most so many questions of each part.")] = None,
    shown: Annotated[
        int | None, typer.Option(min=1, help="So many of these also with their choices shown, and answered.")
    ] = None,
    max_chars: Annotated[
        int | None, typer.Option(min=1, help="No question that is longer with its choices.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often noise is drawn.")] = 1,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of an answer, at most.")] = 24,
    encoder: str | None = None,
    out: Path = Path("topics"),
) -> None:
    """Measure, and print the report."""
    options = TopicsOptions(
        data_dir=data_dir,
        out=out,
        model=model,
        recipes=files_by_label(recipe),
        operators=operator,
        flags=_read_flags(flag),
        exemplars=exemplars,
        sample=sample,
        shown=shown,
        max_chars=max_chars,
        seeds=seeds,
        max_new_tokens=max_tokens,
        encoder=EncoderSettings(model=encoder) if encoder else EncoderSettings(),
    )
    evaluate(options)
    typer.echo((out / "results.md").read_text())


def _read_flags(text: str) -> list[Flags]:
    given = [name.strip() for name in text.split(",")]
    if wrong := set(given) - set(FLAGS):
        raise ValueError(f"--flag takes {', '.join(FLAGS)}, not {', '.join(sorted(wrong))}")
    return [name for name in FLAGS if name in given]
