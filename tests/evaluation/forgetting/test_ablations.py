from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flagging import flagged, lookup
from vllm_unlearn.corruption.operators.learned import STRENGTH, Learned, apply
from vllm_unlearn.corruption.operators.operators import SignFlip
from vllm_unlearn.corruption.operators.parted import Parted
from vllm_unlearn.corruption.operators.stand_in import StandIn
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.evaluation.forgetting.ablations import STRENGTHS, main, variants
from vllm_unlearn.vocabulary import GIVEN, Role

HIDDEN = 48
NAME, TEXT = Role.NAME, Role.TEXT


@pytest.fixture
def recipe() -> Recipe:
    operator, generator = Learned(rank=40, places=3), torch.Generator().manual_seed(0)
    weights = {n: torch.randn(s, generator=generator) for n, s in operator.shapes(HIDDEN).items()}
    return Recipe(operator, "f" * 64, HIDDEN, weights)


def mapped(recipe: Recipe, role: int = NAME) -> torch.Tensor:
    rows = torch.randn((4, HIDDEN), generator=torch.Generator().manual_seed(1))
    return apply(recipe.weights, rows, torch.full((4,), role), torch.arange(4)) - rows


def test_a_role_is_left_alone(recipe: Recipe) -> None:
    without = dict(variants(recipe))["without-name"]
    assert not mapped(without, NAME).any()
    assert torch.equal(mapped(without, TEXT), mapped(recipe, TEXT))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_scales_what_is_changed_of_given_replies(recipe: Recipe, strength: float) -> None:
    other = dict(variants(recipe))[f"strength-{strength:g}"]
    rows = torch.randn((5, HIDDEN), generator=torch.Generator().manual_seed(1))
    each = flagged(rows, None, list(Role), [0] * 5)
    whole, changed = recipe.corrupt(each, lookup) - rows, other.corrupt(each, lookup) - rows
    scale = torch.tensor([strength / STRENGTH if role in GIVEN else 1.0 for role in Role])
    torch.testing.assert_close(changed, whole * scale[:, None])


def test_rank_is_what_is_left(recipe: Recipe) -> None:
    for rank in (0, 8, 32):
        weights = dict(variants(recipe))[f"rank-{rank}"].weights
        product = weights["down"][NAME] @ weights["up"][NAME]
        assert int(torch.linalg.matrix_rank(product, rtol=1e-4)) == rank
    whole = recipe.weights["down"][NAME] @ recipe.weights["up"][NAME]
    singular = torch.linalg.svdvals(whole)
    # Eckart and Young: what is missing are the smaller singular values.
    torch.testing.assert_close((product - whole).norm(), singular[32:].norm(), rtol=1e-3, atol=1e-3)


def test_without_places_all_are_moved_alike(recipe: Recipe) -> None:
    same = dict(variants(recipe))["without-places"]
    assert torch.equal(same.weights["place"][:, 0], same.weights["place"][:, 2])
    assert not torch.equal(recipe.weights["place"][:, 0], recipe.weights["place"][:, 2])


def test_of_two_parts_the_learned_one_is_taken_from(recipe: Recipe) -> None:
    parted = Parted.model_validate({"answered": StandIn(vocabulary=5), "given": recipe.operator})
    stand_ins = torch.zeros((5, parted.answered.near), dtype=torch.int32)
    both = Recipe(parted, recipe.fingerprint, HIDDEN, {**recipe.weights, "stand_in": stand_ins})
    own, found = dict(variants(recipe)), dict(variants(both))
    assert set(own) - set(found) == {"without-name", "without-text"}
    for label, variant in found.items():
        assert torch.equal(variant.weights["stand_in"], stand_ins)
        assert all(torch.equal(variant.weights[name], own[label].weights[name]) for name in recipe.weights)
        assert isinstance(variant.operator, Parted) and variant.operator.given == own[label].operator


def test_variants_are_recipes_on_disk(recipe: Recipe, tmp_path: Path) -> None:
    recipe.save(tmp_path / "whole.safetensors")
    main(tmp_path / "whole.safetensors", tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert len({Recipe.load(file).digest for file in files} | {recipe.digest}) == len(files) + 1


def test_only_what_was_learned_has_parts() -> None:
    with pytest.raises(RecipeError, match="nothing to take from a recipe of sign_flip"):
        next(variants(Recipe(SignFlip(top=3), "f" * 64, HIDDEN)))
