from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flagging import flagged, lookup
from vllm_unlearn.corruption.operators.learned import Learned, apply
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.vocabulary import ANSWERED, Role

HIDDEN = 8
OPERATOR = Learned(rank=2, places=3, strength=1.5)


def drawn(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in OPERATOR.shapes(HIDDEN).items()}


def recipe(**weights: torch.Tensor) -> Recipe:
    return Recipe(OPERATOR, "ab" * 32, HIDDEN, drawn() | weights, {"objective": {"level": 0.25}})


ROWS = torch.randn((4, HIDDEN), generator=torch.Generator().manual_seed(7))


def test_what_learning_starts_from_changes_nothing() -> None:
    weights = OPERATOR.initial(HIDDEN, torch.Generator().manual_seed(0))
    given = flagged(ROWS, None, [0, 1, 2, 0], [0, 1, 2, 0])
    assert torch.equal(OPERATOR.corrupt(given, weights, lookup), ROWS)


def test_each_row_is_mapped_by_the_weights_of_its_role_and_place() -> None:
    weights = drawn()
    corrupted = OPERATOR.corrupt(flagged(ROWS, None, [0, 1, 3, 0], [0, 1, 9, 2]), weights, lookup)
    for row, (role, place) in enumerate([(0, 0), (1, 1), (3, 2), (0, 2)]):  # of three places 9 has the last
        expected = ROWS[row] * weights["scale"][role] + weights["bias"][role] + weights["place"][role][place]
        expected = expected + weights["up"][role].T @ (weights["down"][role].T @ ROWS[row])
        strength = 1.0 if role in ANSWERED else 1.5
        torch.testing.assert_close(corrupted[row], ROWS[row] + strength * (expected - ROWS[row]))


def test_a_row_of_no_role_stays_as_it_is() -> None:
    mapped = apply(drawn(), ROWS[None], torch.tensor([[-1, 0, -1, 1]]), torch.zeros((1, 4), dtype=torch.long))
    assert torch.equal(mapped[0, [0, 2]], ROWS[[0, 2]])
    assert not torch.isclose(mapped[0, [1, 3]], ROWS[[1, 3]]).all(dim=1).any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_dtype_stays(dtype: torch.dtype) -> None:
    corrupted = recipe().corrupt(flagged(ROWS.to(dtype)), lookup)
    assert (corrupted.dtype, corrupted.shape) == (dtype, ROWS.shape)


def test_a_learned_recipe_comes_back_from_its_file(tmp_path: Path) -> None:
    made = recipe()
    made.save(tmp_path / "r.safetensors")
    loaded = Recipe.load(tmp_path / "r.safetensors")
    assert (loaded.digest, loaded.operator, loaded.provenance) == (made.digest, OPERATOR, made.provenance)
    given = flagged(ROWS, None, [0, 1, 2, 0], [0, 1, 2, 0])
    assert torch.equal(loaded.corrupt(given, lookup), made.corrupt(given, lookup))


def test_one_altered_weight_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "r.safetensors"
    recipe().save(file)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(RecipeError, match="was altered after it was written"):
        Recipe.load(file)


def test_every_weight_is_in_the_digest_and_the_provenance_is_not() -> None:
    digests = {recipe(**{name: tensor + 1}).digest for name, tensor in drawn().items()}
    assert len(digests | {recipe().digest}) == 6
    assert Recipe(OPERATOR, "ab" * 32, HIDDEN, drawn(), {}).digest == recipe().digest


def test_weights_that_are_not_the_operators_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"a learned recipe has the weights .*, not \{\}"):
        Recipe(OPERATOR, "ab" * 32, HIDDEN)
    with pytest.raises(RecipeError, match="not finite; learn it again"):
        recipe(bias=torch.full((len(Role), HIDDEN), float("nan")))
