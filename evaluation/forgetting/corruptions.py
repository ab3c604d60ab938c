"""The corruptions that a run compares, as a command names them: operators, and recipes by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...corruption.corruptor import Corruptor
from ...corruption.embedding_table import EmbeddingTable
from ...corruption.operators.operators import AnyOperator, Noise, SignFlip, ZeroOut
from ...corruption.recipe import Recipe
from ..models.causal_model import CausalModel
from ..models.guarded_model import GuardedModel, PromptReader


def parse_operator(text: str) -> AnyOperator:
    """ECO's operator from ``noise:DIMENSIONS:SIGMA``, ``zero_out:TOP`` or ``sign_flip:TOP``.

    Raises ``ValueError`` for anything else.
    """
    match text.split(":"):
        case ["noise", dimensions, sigma]:
            return Noise.model_validate({"dimensions": dimensions, "sigma": sigma})
        case ["zero_out", top]:
            return ZeroOut.model_validate({"top": top})
        case ["sign_flip", top]:
            return SignFlip.model_validate({"top": top})
    raise ValueError(f"no operator {text!r}; write noise:DIMENSIONS:SIGMA, zero_out:TOP or sign_flip:TOP")


def files_by_label(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Files by label, from texts ``LABEL=FILE``. Raises ``ValueError`` for anything else."""
    files: dict[str, list[Path]] = {}
    for text in texts:
        label, _, file = text.partition("=")
        if not (label and file):
            raise ValueError(f"--recipe takes LABEL=FILE, not {text!r}")
        files.setdefault(label, []).append(Path(file))
    return files


def corruptors(
    operators: Mapping[str, AnyOperator],
    recipes: Mapping[str, Sequence[Path]],
    table: EmbeddingTable,
    dtype: torch.dtype,
) -> dict[str, list[Corruptor]]:
    """By label, those that are compared; under one label recipes that were learned with several seeds.

    Raises ``RecipeError`` for a recipe of another model.
    """
    by_label: dict[str, list[Corruptor]] = {}
    for label, operator in operators.items():
        recipe = Recipe(operator, table.fingerprint, table.hidden)
        by_label[label] = [Corruptor(recipe, table, dtype)]
    for label, files in recipes.items():
        by_label[label] = [Corruptor(Recipe.load(file), table, dtype) for file in files]
    return by_label


def with_seeds(
    model: CausalModel, reader: PromptReader, corruptors: Sequence[Corruptor], seeds: int
) -> list[tuple[Corruptor, int]]:
    """What is measured under one label, with its seed: several each once, noise drawn ``seeds`` times."""
    if len(corruptors) == 1 and _draws(model, reader, corruptors[0]):
        return [(corruptors[0], seed) for seed in range(seeds)]
    return [(one, 0) for one in corruptors]


def _draws(model: CausalModel, reader: PromptReader, corruptor: Corruptor) -> bool:
    """Whether a corruption draws noise, and so is another with another seed."""
    prompt = model.chat.prompt(next(iter(reader.detector.index.targets.values())).name)
    guarded = (GuardedModel(model, reader, corruptor, seed=seed) for seed in (0, 1))
    first, second = (one.input(prompt).corrupted for one in guarded)
    return not (first and second and torch.equal(first.rows, second.rows))
