"""Learn a recipe for a model: what ``vllm-unlearn learn`` does."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.console import Console
from rich.progress import Progress

from ..classifiers.encoders.segment_cache import SegmentCache
from ..classifiers.text.word_frequency import preload
from ..corruption.embedding_table import EmbeddingTable
from ..corruption.learning.examples import Examples
from ..corruption.learning.learning import RECENT, Learning, LearningError, LearningSettings, means
from ..corruption.learning.objective import AnswerReader, distance, use_recipe
from ..corruption.learning.stage import Losses
from ..corruption.learning.strength import STEPS, search
from ..corruption.operators.learned import Learned
from ..corruption.operators.operators import AnyOperator
from ..corruption.operators.parted import Parted
from ..corruption.operators.stand_in import StandIn
from ..corruption.recipe import Recipe, RecipeError
from ..guard.configuration import Settings
from ..guard.default_recipe import show_progress
from ..guard.encoders import Encoders
from ..guard.lessons import Classroom, Lesson, LessonError
from ..guard.substitute import substitute
from ..vocabulary import ANSWERED, Reach
from .lesson_files import LessonFiles, ask_model, columns

Item = TypeVar("Item")

# Lessons of each kind that a search reads for each strength that it tries.
SEARCHED = 32
# Of so many, since not every lesson is flagged.
DRAWN = 4 * SEARCHED


def learn(
    folder: Path,
    given: LessonFiles | None,
    out: Path,
    settings: LearningSettings,
    guard: Settings,
    console: Console,
    start: Recipe | None = None,
    device: str | None = None,
) -> Recipe:
    """Learn, and write the recipe to ``out`` with a plot of the objective beside it.

    Where the stages teach nothing of answers, stand-ins corrupt what the model is to answer (``Parted``).
    With ``start`` a learned recipe of the same model is refined. Without lessons that are ``given`` the model
    makes them (``ask_model``). An interrupted run goes on from ``out`` with the ending ``.checkpoint``.
    ``device`` is torch's, by default a GPU where there is one.

    Raises ``LessonError``, ``LearningError`` (also for a device that there is not), ``ValueError`` for a
    model without embeddings, ``WriteError`` where ``out`` cannot be written, ``RecipeError`` where ``start``
    is no recipe to refine.
    """
    table, device = EmbeddingTable(folder), _find_device(device)
    if start:
        settings = _refine(start, table, settings)
    files = given or ask_model(folder, out, settings.seed, console, device)
    examples = _examples(
        folder, *files.read(), settings.operator.reach, guard, console, settings.goals, settings.declines
    )
    out.parent.mkdir(parents=True, exist_ok=True)  # not to be missed after an hour
    checkpoint = out.with_suffix(".checkpoint")
    first = _part(start, settings.operator).weights if start else None
    learning = Learning(_load(folder, device), examples, settings, checkpoint, first)
    weights = _run(learning, console)
    strayed = list(learning.find_strays())
    for number, spoken, stage in strayed:
        console.print(
            f"stage {number} ended with the language at {spoken:.2f} nats a token, {stage.allowed:g} are "
            "allowed: answers will wander off the question; learn again with another --seed",
            style="yellow",
        )
    about = {
        "start": start.digest if start else None,
        "settings": settings.model_dump(mode="json"),
        "objective": {name: round(value, 4) for name, value in means(learning.history).items()},
        "strayed": {f"stage {number}": round(spoken, 4) for number, spoken, _ in strayed},
    }
    about |= _provenance(examples, files)
    recipe = Recipe(settings.operator, table.fingerprint, table.hidden, weights, about)
    if set(ANSWERED) <= set(recipe.idle_roles()):
        recipe = _part_operators(recipe, _stand_ins(start) or _substitute(folder, settings.seed, console))
    recipe.save(out)
    _plot(learning.history, out.with_suffix(".png"))
    checkpoint.unlink(missing_ok=True)
    return recipe


def _substitute(folder: Path, seed: int, console: Console) -> Recipe:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    with show_progress(console) as track:
        return substitute(EmbeddingTable(folder), tokenizer, track, seed=seed)


def _part_operators(learned: Recipe, stand_ins: Recipe) -> Recipe:
    """What stages taught of given replies, and stand-ins for answers, of which they taught nothing."""
    operator = Parted.model_validate({"answered": stand_ins.operator, "given": learned.operator})
    return replace(learned, operator=operator, weights={**learned.weights, **stand_ins.weights})


def _refine(start: Recipe, table: EmbeddingTable, settings: LearningSettings) -> LearningSettings:
    start.check_model(table.fingerprint, table.hidden)
    operator = start.operator.given if isinstance(start.operator, Parted) else start.operator
    if not isinstance(operator, Learned):
        raise RecipeError(f"only a learned recipe can be refined, not one of {operator.operator}")
    return settings.model_copy(update={"operator": operator})


def _stand_ins(start: Recipe | None) -> Recipe | None:
    """The stand-ins of the recipe that is refined: its answers stay as they were measured."""
    return _part(start, start.operator.answered) if start and isinstance(start.operator, Parted) else None


def _part(recipe: Recipe, operator: Learned | StandIn) -> Recipe:
    """The part of a recipe that is ``operator``'s, as a recipe."""
    weights = {name: recipe.weights[name] for name in operator.shapes(recipe.hidden)}
    return replace(recipe, operator=operator, weights=weights)


def search_strength(
    folder: Path,
    given: LessonFiles | None,
    out: Path,
    operator: AnyOperator,
    seed: int,
    guard: Settings,
    console: Console,
    device: str | None = None,
) -> Recipe:
    """Search the strength of one of ECO's operators by queries alone, and write the recipe to ``out``.

    What is to be small is the distance of known answers' likelihoods to strangers' (``objective.distance``),
    over ``SEARCHED`` of each. Raises as ``learn``.
    """
    table, device = EmbeddingTable(folder), _find_device(device)
    files = given or ask_model(folder, out, seed, console, device)
    chance = random.Random(seed)
    lessons, unknown = (_draw(every, DRAWN, chance) for every in files.read())
    examples = _examples(folder, lessons, unknown, operator.reach, guard, console, ("level",))
    asked, others = (_draw(every, SEARCHED, chance) for every in (examples.known, examples.strangers))
    if not (asked and others):
        raise LessonError("no question is flagged among the known lessons, or among the strangers'")
    reader = AnswerReader(_load(folder, device), examples.known[0].token_ids[: examples.prefix])
    with torch.no_grad():
        levels = [float(answer.mean) for answer in reader.read(others)]

    def loss(tried: AnyOperator) -> float:
        recipe = Recipe(tried, table.fingerprint, table.hidden)
        with torch.no_grad():
            tried_levels = [answer.mean for answer in reader.read(asked, use_recipe(recipe, reader.rows))]
            return float(distance(tried_levels, levels))

    with Progress(*columns(), console=console) as progress:
        task = progress.add_task("searching", total=2 * STEPS)
        best = search(operator, loss, track=lambda tried: progress.advance(task))
    about = {"objective": {"level": round(best.loss, 4)}, "seed": seed}
    about |= _provenance(examples, files)
    recipe = Recipe(best.operator, table.fingerprint, table.hidden, {}, about)
    recipe.save(out)
    return recipe


def _draw(items: Sequence[Item], count: int, chance: random.Random) -> list[Item]:
    return chance.sample(items, min(count, len(items)))


def _examples(
    folder: Path,
    lessons: Sequence[Lesson],
    others: Sequence[Lesson],
    reach: Reach,
    guard: Settings,
    console: Console,
    goals: Collection[str],
    declines: Sequence[str] = (),
) -> Examples:
    from transformers import AutoTokenizer

    preload()
    with console.status("flagging the lessons as the guard would"):
        encoders = Encoders.from_settings(guard)
        cached = SegmentCache(encoders.full)  # a question comes with each of its answers
        tokenizer = AutoTokenizer.from_pretrained(folder)
        classroom = Classroom([*lessons, *others], tokenizer, cached, encoders.sieve, reach)
        return classroom.examples(lessons, others, goals, declines)


def _find_device(device: str | None) -> str:
    """``device``, or what there is. Raises ``LearningError`` for one that there is not."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no such build
        raise LearningError(f"there is no device {device!r} here ({error}); use --device cpu") from error
    return device


def _load(folder: Path, device: str) -> Any:
    from transformers import AutoModelForCausalLM

    # For sentences, gradients of the fused kernel take a quarter longer on the CPU.
    attention = {"attn_implementation": "eager"} if device == "cpu" else {}
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **attention)
    return model.to(device)


def _run(learning: Learning, console: Console) -> dict[str, torch.Tensor]:
    with Progress(*columns(), console=console) as progress:
        done = len(learning.history)
        task = progress.add_task("learning", total=learning.settings.steps, completed=done)

        def track(step: int, losses: Losses) -> None:
            recent = means(learning.history)
            said = ", ".join(f"{name} {value:.2f}" for name, value in recent.items())
            progress.update(task, completed=step + 1, description=said)

        return learning.run(track)


def _provenance(examples: Examples, files: LessonFiles) -> dict[str, Any]:
    return {
        **files.describe(),
        "examples": {
            "known": len(examples.known),
            "strangers": len(examples.strangers),
            "pairs": len(examples.pairs),
        },
        "version": version("vllm-unlearn"),
        "learned": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _plot(history: Sequence[Losses], file: Path) -> None:
    """The objective over the steps; without matplotlib there is no plot."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return
    figure, axis = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for name in dict.fromkeys(chain.from_iterable(history)):
        values = [(step, losses[name]) for step, losses in enumerate(history, 1) if name in losses]
        windows = [values[max(0, end - RECENT) : end] for end in range(1, len(values) + 1)]
        smooth = [sum(value for _, value in window) / len(window) for window in windows]
        axis.plot([step for step, _ in values], smooth, label=name)
    axis.set(xlabel="step", ylabel=f"nats, mean of {RECENT} steps", title="objective")
    axis.legend()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
