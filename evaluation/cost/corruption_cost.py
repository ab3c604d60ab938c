"""What it costs to corrupt a flagged token, next to reading its embedding alone.

    vllm-unlearn eval corruption-cost MODEL [--recipe FILE]

Microseconds a flagged token on one thread, for matches of several lengths: the median of repeats that take
turns, so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from ...corruption.corruptor import Corruptor
from ...corruption.embedding_table import EmbeddingTable
from ...corruption.recipe import Recipe, fallback_operator
from ...vocabulary import FlaggedToken, Role

LENGTHS = (4, 20, 200)
REPEATS = 100
# Tokens before the flagged ones, and as many after them.
_AROUND = 15
_DTYPE = torch.bfloat16


def measure(
    table: EmbeddingTable,
    recipes: Mapping[str, Recipe],
    lengths: Sequence[int] = LENGTHS,
    repeats: int = REPEATS,
) -> dict[str, list[float]]:
    """Microseconds a flagged token, for each of ``lengths``, by what is done. Raises ``RecipeError`` for a
    recipe of another model."""
    corruptors = {label: Corruptor(recipe, table, _DTYPE) for label, recipe in recipes.items()}
    costs: dict[str, list[float]] = {label: [] for label in ("rows alone", *corruptors)}
    for length in lengths:
        tokens = [token % table.vocabulary for token in range(length + 2 * _AROUND)]
        flagged = range(_AROUND, _AROUND + length)
        read = [tokens[p] for p in flagged]
        tasks: dict[str, Callable[[], object]] = {"rows alone": partial(table.rows, read, _DTYPE)}
        tasks |= {label: _task(corruptor, tokens, flagged) for label, corruptor in corruptors.items()}
        for label, seconds in _time(tasks, repeats).items():
            costs[label].append(1e6 * seconds / length)
    return costs


def _task(corruptor: Corruptor, tokens: Sequence[int], flagged: Sequence[int]) -> Callable[[], object]:
    """Half of the flagged tokens are the name's, the others those of the text around it."""
    half, of_target = len(flagged) // 2, []
    for place, position in enumerate(flagged):
        role = Role.NAME if place < half else Role.TEXT
        of_target.append(FlaggedToken(position, "target", role, place=place))
    return lambda: corruptor.corrupt(tokens, of_target)


def _time(tasks: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The median seconds of each task, after one turn that does not count."""
    seconds: dict[str, list[float]] = {label: [] for label in tasks}
    for _ in range(repeats + 1):
        for label, task in tasks.items():
            began = time.perf_counter()
            task()
            seconds[label].append(time.perf_counter() - began)
    return {label: median(every[1:]) for label, every in seconds.items()}


def main(model: Path, recipe: Path | None = None) -> None:
    """Print the table for the checkpoint ``model``: the default operator, and ``recipe`` if given."""
    torch.set_num_threads(1)
    table = EmbeddingTable(model)
    recipes = {"noise": Recipe(fallback_operator(), table.fingerprint, table.hidden)}
    if recipe:
        recipes["recipe"] = Recipe.load(recipe)
    shown = Table("µs a flagged token", *(f"{length} tokens" for length in LENGTHS))
    for label, each in measure(table, recipes).items():
        shown.add_row(label, *(f"{microseconds:.1f}" for microseconds in each))
    Console().print(shown)
