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


def parsed_operator(text: str) -> AnyOperator:
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


def labelled_files(given: Sequence[str]) -> dict[str, list[Path]]:
    """Files by label, from texts ``LABEL=FILE``. Raises ``ValueError`` for anything else."""
    found: dict[str, list[Path]] = {}
    for text in given:
        label, _, file = text.partition("=")
        if not (label and file):
            raise ValueError(f"--recipe takes LABEL=FILE, not {text!r}")
        found.setdefault(label, []).append(Path(file))
    return found


def corruptors(
    operators: Mapping[str, AnyOperator],
    recipes: Mapping[str, Sequence[Path]],
    table: EmbeddingTable,
    dtype: torch.dtype,
) -> dict[str, list[Corruptor]]:
    """By label, those that are compared; under one label recipes that were learned with several seeds.

    Raises ``RecipeError`` for a recipe of another model.
    """
    found = {label: [Recipe(one, table.fingerprint, table.hidden)] for label, one in operators.items()}
    found |= {label: [Recipe.load(file) for file in files] for label, files in recipes.items()}
    return {label: [Corruptor(one, table, dtype) for one in every] for label, every in found.items()}


def seeded(
    model: CausalModel, reader: PromptReader, made: Sequence[Corruptor], seeds: int
) -> list[tuple[Corruptor, int]]:
    """What is measured under one label, with its seed: several each once, noise drawn ``seeds`` times."""
    if len(made) == 1 and _draws(model, reader, made[0]):
        return [(made[0], seed) for seed in range(seeds)]
    return [(one, 0) for one in made]


def _draws(model: CausalModel, reader: PromptReader, corruptor: Corruptor) -> bool:
    """Whether a corruption draws noise, and so is another with another seed."""
    asked = model.chat.asked(next(iter(reader.detector.index.targets.values())).name)
    first, second = (
        GuardedModel(model, reader, corruptor, seed=seed).reaching(asked).corrupted for seed in (0, 1)
    )
    return not (first and second and torch.equal(first.rows, second.rows))
