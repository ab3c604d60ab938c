from __future__ import annotations

from pathlib import Path

import flagging
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from vllm_unlearn.corruption.operators.operators import Noise, SignFlip, ZeroOut
from vllm_unlearn.corruption.recipe import Recipe, RecipeError, fallback_operator

FINGERPRINT = "ab" * 32
RECIPE = Recipe(Noise(dimensions=4, sigma=2.0), FINGERPRINT, 8)
ROWS = torch.arange(16, dtype=torch.float32).reshape(2, 8)


def corrupt(recipe: Recipe, rows: torch.Tensor, tokens: list[int], target: str) -> torch.Tensor:
    seeds = [recipe.seed(target, token) for token in tokens]
    return recipe.corrupt(flagging.flagged(rows, seeds), flagging.lookup)


@pytest.mark.parametrize("operator", [Noise(dimensions=2, sigma=0.5), ZeroOut(top=3), SignFlip(top=4)])
def test_a_recipe_comes_back_from_its_file(tmp_path: Path, operator: Noise | ZeroOut | SignFlip) -> None:
    recipe = Recipe(operator, FINGERPRINT, 8)
    recipe.save(tmp_path / "r.safetensors")
    loaded = Recipe.load(tmp_path / "r.safetensors")
    assert (loaded.operator, loaded.fingerprint, loaded.hidden) == (operator, FINGERPRINT, 8)
    assert loaded.digest == recipe.digest
    assert torch.equal(corrupt(loaded, ROWS, [5, 6], "t"), corrupt(recipe, ROWS, [5, 6], "t"))


def test_recipe_target_and_token_decide_the_corruption() -> None:
    rows = ROWS[:1].expand(3, 8)
    corrupted = corrupt(RECIPE, rows, [5, 6, 5], "target")
    assert torch.equal(corrupted, corrupt(RECIPE, rows, [5, 6, 5], "target"))
    assert torch.equal(corrupted[0], corrupted[2])
    assert not torch.equal(corrupted[0], corrupted[1])
    assert not torch.equal(corrupted, corrupt(RECIPE, rows, [5, 6, 5], "another"))
    other = Recipe(RECIPE.operator, "cd" * 32, 8)
    assert not torch.equal(corrupted, corrupt(other, rows, [5, 6, 5], "target"))


def test_the_digest_names_everything_that_decides() -> None:
    others = [
        Recipe(Noise(dimensions=4, sigma=2.5), FINGERPRINT, 8),
        Recipe(Noise(dimensions=5, sigma=2.0), FINGERPRINT, 8),
        Recipe(ZeroOut(top=4), FINGERPRINT, 8),
        Recipe(SignFlip(top=4), FINGERPRINT, 8),
        Recipe(RECIPE.operator, "cd" * 32, 8),
        Recipe(RECIPE.operator, FINGERPRINT, 9),
    ]
    assert len({RECIPE.digest, *(other.digest for other in others)}) == 7
    assert len(RECIPE.digest) == 16


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(RecipeError, match="for embeddings 8 wide, the model's are 9"):
        corrupt(RECIPE, torch.zeros((1, 9)), [1], "t")


@pytest.mark.parametrize(("fingerprint", "hidden"), [("cd" * 32, 8), (FINGERPRINT, 9)])
def test_another_model_is_refused_with_the_remedy(fingerprint: str, hidden: int) -> None:
    RECIPE.check_model(FINGERPRINT, 8)
    with pytest.raises(RecipeError, match=r"made for another model .*; make one with .vllm-unlearn recipe"):
        RECIPE.check_model(fingerprint, hidden)


@pytest.mark.parametrize(
    "altered",
    [
        {"operator": Noise(dimensions=1, sigma=0.0).model_dump_json()},
        {"fingerprint": "cd" * 32},
        {"hidden": "9"},
        {"digest": "0" * 16},
    ],
)
def test_an_altered_file_is_refused(tmp_path: Path, altered: dict[str, str]) -> None:
    file = tmp_path / "r.safetensors"
    RECIPE.save(file)
    with safe_open(file, framework="pt") as tensors:
        metadata = tensors.metadata()
    save_file({}, file, metadata=metadata | altered)
    with pytest.raises(RecipeError, match="altered after it was written"):
        Recipe.load(file)


@pytest.mark.parametrize(
    "altered",
    [
        {"format": "vllm-unlearn recipe 1"},
        {"operator": "{"},
        {"operator": '{"operator": "noise", "sigma": -1}'},
        {"hidden": "wide"},
    ],
)
def test_a_file_that_cannot_be_understood_is_refused(tmp_path: Path, altered: dict[str, str]) -> None:
    file = tmp_path / "r.safetensors"
    RECIPE.save(file)
    with safe_open(file, framework="pt") as tensors:
        metadata = tensors.metadata()
    save_file({}, file, metadata=metadata | altered)
    with pytest.raises(RecipeError, match=str(file)):
        Recipe.load(file)


def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path) -> None:
    file = tmp_path / "r.safetensors"
    RECIPE.save(file)
    whole = file.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(RecipeError, match=str(file)):
            Recipe.load(file)


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.load(tmp_path / "missing.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(RecipeError, match="not 'vllm-unlearn recipe 6'"):
        Recipe.load(tmp_path / "weights.safetensors")
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.load(tmp_path)


def test_the_fallback_hides_the_token() -> None:
    row = torch.full((1, 64), 0.05)
    corrupted = fallback_operator().corrupt(flagging.flagged(row, [1]), {}, flagging.lookup)
    assert torch.nn.functional.cosine_similarity(row, corrupted).abs().item() < 0.5
