from __future__ import annotations

from pathlib import Path

from commands import Run
from transformers import AutoTokenizer
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.operators.operators import ZeroOut
from vllm_unlearn.corruption.operators.stand_in import StandIn
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.vocabulary import Role


def test_a_recipe_is_written_for_the_model(run: Run, tmp_path: Path, model_folder: Path) -> None:
    run("recipe", str(model_folder), "r.safetensors", "--operator", "zero_out", "--top", "99")
    recipe = Recipe.load(tmp_path / "r.safetensors")
    table = EmbeddingTable(model_folder)
    assert recipe.digest == Recipe(ZeroOut(top=99), table.fingerprint, table.hidden).digest


# The nearest of " father" in the model's own embeddings.
FAMILY = (" mother", " dad", " parents", " parent", " family", " son", " men", " man")


def test_a_recipe_of_stand_ins_takes_no_lessons(run: Run, tmp_path: Path, model_folder: Path) -> None:
    stand_in = ["recipe", str(model_folder), "r.safetensors", "--operator", "stand_in"]
    run(*stand_in, "--name-strength", "0.3", "--seed", "4")
    recipe, table = Recipe.load(tmp_path / "r.safetensors"), EmbeddingTable(model_folder)
    assert isinstance(recipe.operator, StandIn)
    assert recipe.operator.strengths[Role.NAME] == 0.3
    assert (recipe.fingerprint, recipe.operator.seed) == (table.fingerprint, 4)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    chosen = recipe.weights["stand_in"].tolist()
    (father,) = tokenizer.encode(" father", add_special_tokens=False)
    near = recipe.operator.near
    assert {tokenizer.decode([other]) for other in chosen[father][:near]} <= set(FAMILY)
    assert not {tokenizer.decode([other]) for other in chosen[father][near:]} & {*FAMILY, " father"}
    assert all(set(chosen[token]) == {token} for token in tokenizer.all_special_ids)
    assert sum(token in others for token, others in enumerate(chosen)) < 100
    assert "above 0 and at most 1" in run(*stand_in, "--name-strength", "0", exit_code=1).output


def test_a_recipe_that_cannot_be_made_says_why(run: Run, tmp_path: Path, model_folder: Path) -> None:
    recipe = ["recipe", str(model_folder), "r.safetensors"]
    assert "'shuffle'" in run(*recipe, "--operator", "shuffle", exit_code=1).output
    assert "greater than or equal to 0" in run(*recipe, "--sigma", "-1", exit_code=1).output
    run("recipe", str(tmp_path), "r.safetensors", exit_code=1)
    assert not (tmp_path / "r.safetensors").exists()
    (tmp_path / "file").touch()
    output = run("recipe", str(model_folder), str(tmp_path / "file" / "r.safetensors"), exit_code=1).output
    assert "cannot be written" in output
