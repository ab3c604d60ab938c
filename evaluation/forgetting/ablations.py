"""A learned recipe with parts of it taken away, to see what each part does.

    vllm-unlearn eval ablations RECIPE OUT

Nothing is learned again: the variants are for `eval tofu --recipe LABEL=FILE`, next to the whole recipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...corruption.operators.learned import Learned
from ...corruption.operators.parted import Parted
from ...corruption.recipe import Recipe, RecipeError, RecipeOperator
from ...vocabulary import GIVEN, Role

STRENGTHS = (0.6, 0.8, 1.0, 1.4)
RANKS = (0, 8, 32)

Weights = Mapping[str, torch.Tensor]


def variants(recipe: Recipe) -> Iterator[tuple[str, Recipe]]:
    """By what is left; stand-ins stay. Raises ``RecipeError`` for a recipe of which nothing was learned."""
    operator = recipe.operator.given if isinstance(recipe.operator, Parted) else recipe.operator
    if not isinstance(operator, Learned):
        raise RecipeError(f"there is nothing to take from a recipe of {operator.operator}")
    learned = {name: recipe.weights[name] for name in operator.shapes(recipe.hidden)}
    for label, weights in _variants(learned, tuple(Role) if operator is recipe.operator else GIVEN):
        yield label, replace(recipe, weights={**recipe.weights, **weights})
    for strength in STRENGTHS:
        other = operator.model_copy(update={"strength": strength})
        yield f"strength-{strength:g}", replace(recipe, operator=_with(recipe.operator, other))


def _with(operator: RecipeOperator, learned: Learned) -> RecipeOperator:
    """``learned`` in the place of what was learned."""
    return operator.model_copy(update={"given": learned}) if isinstance(operator, Parted) else learned


def _variants(weights: Weights, roles: Sequence[Role]) -> Iterator[tuple[str, Weights]]:
    for role in roles:
        yield f"without-{role.label}", _without(weights, role)
    yield "without-places", {"place": _same(weights["place"])}
    for rank in RANKS:
        yield f"rank-{rank}", _of_rank(weights, rank)


def _without(weights: Weights, role: Role) -> dict[str, torch.Tensor]:
    """The tokens of a role stay as they are."""
    others = {name: tensor.clone() for name, tensor in weights.items()}
    for name, tensor in others.items():
        tensor[role] = 1.0 if name == "scale" else 0.0
    return others


def _same(place: torch.Tensor) -> torch.Tensor:
    """Every place as the mean of all."""
    return place.mean(1, keepdim=True).expand_as(place).contiguous()


def _of_rank(weights: Weights, rank: int) -> dict[str, torch.Tensor]:
    """The map that is nearest to ``down @ up`` among those of a rank, in factors of the same shapes."""
    down, up = weights["down"].clone(), weights["up"].clone()
    for role in Role:
        left, values, right = torch.linalg.svd(down[role] @ up[role], full_matrices=False)
        values = values[: down.shape[2]].clone()
        values[rank:] = 0.0
        down[role] = left[:, : len(values)] * values
        up[role] = right[: len(values)]
    return dict(weights) | {"down": down, "up": up}


def main(recipe: Path, out: Path) -> None:
    """Write each variant to ``out`` as ``LABEL.safetensors``."""
    out.mkdir(parents=True, exist_ok=True)
    for label, variant in variants(Recipe.load(recipe)):
        variant.save(out / f"{label}.safetensors")
