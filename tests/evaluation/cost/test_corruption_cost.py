from __future__ import annotations

from pathlib import Path

import pytest
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import Noise
from vllm_unlearn.corruption.recipe import Recipe, RecipeError
from vllm_unlearn.evaluation.cost.corruption_cost import measure


def test_each_way_has_a_figure_for_each_length(model_folder: Path) -> None:
    table = EmbeddingTable(model_folder)
    recipes = {"noise": Recipe(Noise(), table.fingerprint, table.hidden)}
    found = measure(table, recipes, lengths=(1, 3), repeats=2)
    assert list(found) == ["rows alone", "noise"]
    assert all(len(each) == 2 and min(each) > 0 for each in found.values())


def test_a_recipe_of_another_model_is_refused(model_folder: Path) -> None:
    table = EmbeddingTable(model_folder)
    with pytest.raises(RecipeError, match="made for another model"):
        measure(table, {"noise": Recipe(Noise(), "f" * 64, table.hidden)}, repeats=1)
