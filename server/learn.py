"""Learn a recipe for a model: what ``vllm-unlearn learn`` does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..classifiers.segment_cache import SegmentCache
from ..classifiers.word_frequency import preload
from ..corruption.embedding_table import EmbeddingTable
from ..corruption.examples import Examples
from ..corruption.learning import Learning, LearningSettings, Losses
from ..corruption.recipe import Recipe
from ..evaluation.people import names
from ..guard.configuration import Settings
from ..guard.guard import load_encoder, load_sieve
from ..guard.lessons import Classroom, Lesson, LessonError, counterpart, read_lessons

# Losses of single steps differ by what they drew; this many are averaged in what is shown.
SHOWN = 20


def learn(
    folder: Path,
    known: Path,
    strangers: Path | None,
    out: Path,
    settings: LearningSettings,
    guard: Settings,
    console: Console,
) -> Recipe:
    """Learn, and write the recipe to ``out`` with a plot of the objective beside it.

    Without ``strangers`` the known lessons are asked about people who do not exist. An interrupted run
    goes on from ``out`` with the ending ``.checkpoint``. Raises ``LessonError``, ``LearningError``,
    ``ValueError`` for a model without embeddings, ``RecipeError`` where ``out`` cannot be written.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    table = EmbeddingTable(folder)
    lessons = read_lessons(known)
    others = read_lessons(strangers) if strangers else _counterparts(lessons)
    preload()
    with console.status("flagging the lessons as the guard would"):
        encoder = SegmentCache(load_encoder(guard))  # a question comes with each of its answers
        tokenizer = AutoTokenizer.from_pretrained(folder)
        classroom = Classroom([*lessons, *others], tokenizer, encoder, load_sieve(guard))
        examples = classroom.examples(lessons, others)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    checkpoint = out.with_suffix(".checkpoint")
    learning = Learning(model, examples, settings, checkpoint)
    weights = _run(learning, console)
    files = [file for file in (known, strangers) if file]
    recipe = Recipe(
        settings.operator,
        table.fingerprint,
        table.hidden,
        weights,
        _provenance(settings, examples, files, learning.history),
    )
    recipe.save(out)
    _plot(learning.history, out.with_suffix(".png"))
    checkpoint.unlink(missing_ok=True)
    return recipe


def _run(learning: Learning, console: Console) -> dict[str, torch.Tensor]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        done = len(learning.history)
        task = progress.add_task("learning", total=learning.settings.steps, completed=done)

        def track(step: int, losses: Losses) -> None:
            recent = means(learning.history)
            said = ", ".join(f"{name} {value:.2f}" for name, value in recent.items())
            progress.update(task, completed=step + 1, description=said)

        return learning.run(track)


def means(history: Sequence[Losses]) -> dict[str, float]:
    """Each part of the objective, over the last steps."""
    recent = [asdict(losses) for losses in history[-SHOWN:]]
    return {name: sum(losses[name] for losses in recent) / len(recent) for name in recent[0]}


def _provenance(
    settings: LearningSettings, examples: Examples, files: Sequence[Path], history: Sequence[Losses]
) -> dict[str, Any]:
    return {
        "settings": settings.model_dump(mode="json"),
        "lessons": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "examples": {
            "known": len(examples.known),
            "strangers": len(examples.strangers),
            "pairs": len(examples.pairs),
        },
        "objective": {name: round(value, 4) for name, value in means(history).items()},
        "version": version("vllm-unlearn"),
        "learned": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _counterparts(lessons: Sequence[Lesson]) -> list[Lesson]:
    """The same questions about people who do not exist, one for each subject."""
    invented: Iterator[str] = cycle(names())
    strangers = {subject: next(invented) for subject in dict.fromkeys(lesson.subject for lesson in lessons)}
    found = [other for lesson in lessons if (other := counterpart(lesson, strangers[lesson.subject]))]
    if not found:
        raise LessonError(
            "no question holds its subject's name, so none can be asked of a stranger: give --strangers"
        )
    return found


def _plot(history: Sequence[Losses], file: Path) -> None:
    """The objective over the steps; without matplotlib there is no plot."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return
    figure, axis = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for name in asdict(history[0]):
        values = [getattr(losses, name) for losses in history]
        windows = [values[max(0, end - SHOWN) : end] for end in range(1, len(values) + 1)]
        axis.plot(range(1, len(values) + 1), [sum(w) / len(w) for w in windows], label=name)
    axis.set(xlabel="step", ylabel=f"nats, mean of {SHOWN} steps", title="objective")
    axis.legend()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
