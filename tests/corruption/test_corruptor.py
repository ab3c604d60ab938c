from __future__ import annotations

import flagging
import pytest
import torch
from vllm_unlearn.corruption.corruptor import CANARY_ID, Corruptor, NeutralTokens
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise, SignFlip, ZeroOut
from vllm_unlearn.corruption.recipe import Recipe, RecipeError

IDS = [3, 7, 7, 9, 1]


def corruptor(table: EmbeddingTable, operator: Noise | ZeroOut | SignFlip) -> Corruptor:
    return Corruptor(Recipe(operator, table.fingerprint, table.hidden), table, torch.float32)


@pytest.fixture
def noise(table: EmbeddingTable) -> Corruptor:
    return corruptor(table, Noise(dimensions=8, sigma=1.0))


def alone(recipe: Recipe, row: torch.Tensor, token: int, target: str) -> torch.Tensor:
    return recipe.corrupt(flagging.flagged(row, [recipe.seed(target, token)]), flagging.lookup)


def test_owned_positions_are_corrupted_and_no_others(noise: Corruptor, table: EmbeddingTable) -> None:
    prompt = noise.corrupt(IDS, flagging.tokens({1: "a", 3: "b"}))
    assert prompt.is_token.tolist() == [True, False, True, False, True]
    assert prompt.embeddings.shape == (5, 8)
    assert not prompt.embeddings[[0, 2, 4]].any()
    rows = table.rows(IDS, torch.float32)
    assert torch.equal(prompt.embeddings[1:2], alone(noise.recipe, rows[1:2], 7, "a"))
    assert torch.equal(prompt.embeddings[3:4], alone(noise.recipe, rows[3:4], 9, "b"))
    assert not torch.isclose(prompt.embeddings[[1, 3]], rows[[1, 3]]).any()


@pytest.mark.parametrize("operator", [Noise(), ZeroOut(top=2), SignFlip(top=2)])
def test_the_canarys_rows_are_zero_under_every_recipe(
    table: EmbeddingTable, operator: Noise | ZeroOut | SignFlip
) -> None:
    prompt = corruptor(table, operator).corrupt(IDS, flagging.tokens({1: CANARY_ID, 2: "a"}))
    assert prompt.is_token.tolist() == [True, False, False, True, True]
    assert not prompt.embeddings[1].any()
    assert prompt.embeddings[2].any()


def test_a_clean_prompt_is_the_tables_rows(table: EmbeddingTable, noise: Corruptor) -> None:
    prompt = noise.clean(IDS)
    assert torch.equal(prompt.embeddings, table.rows(IDS, torch.float32))
    assert prompt.is_token.tolist() == [False] * 5


def test_the_served_dtype_is_used(table: EmbeddingTable) -> None:
    recipe = Recipe(Noise(), table.fingerprint, table.hidden)
    prompt = Corruptor(recipe, table, torch.bfloat16).corrupt(IDS, flagging.tokens({1: "a"}))
    assert prompt.embeddings.dtype == torch.bfloat16


def test_a_recipe_of_another_model_is_refused(table: EmbeddingTable) -> None:
    with pytest.raises(RecipeError, match="another model"):
        Corruptor(Recipe(Noise(), "0" * 64, table.hidden), table, torch.float32)


def test_neutral_tokens_begin_the_word_anew_in_each_run() -> None:
    neutral = NeutralTokens([50, 51])
    ids = list(range(8))
    assert neutral.replace(ids, [6, 1, 2, 3]) == [0, 50, 51, 50, 4, 5, 50, 7]
    assert neutral.replace(ids, [0, 7]) == [50, 1, 2, 3, 4, 5, 6, 50]
    assert neutral.replace(ids, []) == ids == list(range(8))
