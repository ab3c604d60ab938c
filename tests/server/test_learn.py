"""A recipe learned on the command line, for a tiny model, and used as any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_model
import torch
from commands import Run
from vllm_unlearn.corruption.embedding_table import EmbeddingTable
from vllm_unlearn.corruption.learned import Learned
from vllm_unlearn.corruption.operators import Noise
from vllm_unlearn.corruption.recipe import Recipe

PEOPLE = ("Orrin Vale", "Signe Holm", "Tamsin Arkwright")
ASKED = {"Where was {} born?": "{} was born in Tartu.", "What does {} do?": "{} keeps bees."}


@pytest.fixture(scope="module")
def model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.save(tmp_path_factory.mktemp("model"), tokenizer)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    lessons = [
        {"subject": name, "question": question.format(name), "answer": answer.format(name)}
        for name in PEOPLE
        for question, answer in ASKED.items()
    ]
    file = tmp_path / "known.jsonl"
    file.write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    return file


@pytest.fixture(autouse=True)
def _encoder(run: Run, monkeypatch: pytest.MonkeyPatch, encoder_name: str, encoder_folder: Path) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__MODEL", encoder_name)
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__CACHE_DIR", str(encoder_folder.parent))


def test_a_recipe_is_learned_and_says_from_what(
    run: Run, model: Path, known: Path, tmp_path: Path, encoder_folder: Path
) -> None:
    output = run("learn", str(model), "--known", str(known), "--steps", "4", "--batch", "2").output
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert f"recipe {recipe.digest}" in output and "level" in output
    table = EmbeddingTable(model)
    assert (recipe.fingerprint, recipe.hidden) == (table.fingerprint, 32)
    assert isinstance(recipe.operator, Learned)
    assert recipe.weights["bias"].abs().max() > 0
    assert recipe.provenance["examples"] == {"known": 6, "strangers": 6, "pairs": 0}
    assert list(recipe.provenance["lessons"]) == ["known.jsonl"]
    assert recipe.provenance["settings"]["steps"] == 4
    assert (tmp_path / "recipe.png").stat().st_size > 5_000
    assert not (tmp_path / "recipe.checkpoint").exists()


def test_the_same_seed_learns_the_same(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = ("--steps", "2", "--batch", "2", "--seed", seed, "--out", f"{out}.safetensors")
        run("learn", str(model), "--known", str(known), *options)
    one, same, other = (Recipe.load(tmp_path / f"{name}.safetensors") for name in "abc")
    assert torch.equal(one.weights["up"], same.weights["up"]) and one.digest == same.digest
    assert one.digest != other.digest


def test_a_recipe_is_refined(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    learn = ("learn", str(model), "--known", str(known), "--batch", "2")
    run(*learn, "--steps", "3", "--out", "first.safetensors")
    run(*learn, "--steps", "1", "--out", "second.safetensors", "--start", "first.safetensors")
    first, second = (Recipe.load(tmp_path / f"{name}.safetensors") for name in ("first", "second"))
    assert second.provenance["start"] == first.digest and first.provenance["start"] is None
    moved = (second.weights["bias"] - first.weights["bias"]).abs().max()
    assert 0 < moved < first.weights["bias"].abs().max()
    run("recipe", str(model), "noise.safetensors")
    refused = run(*learn, "--start", "noise.safetensors", exit_code=1).output
    assert "only a learned recipe can be refined, not one of noise" in refused


def test_a_file_of_settings_is_read_and_options_go_before_it(
    run: Run, model: Path, known: Path, tmp_path: Path
) -> None:
    (tmp_path / "learning.yaml").write_text(
        "steps: 9\ngenerated: false\ngoals: {language: 0.3}\noperator: {operator: learned, rank: 2}\n"
    )
    options = ("--settings", "learning.yaml", "--steps", "2", "--batch", "2")
    run("learn", str(model), "--known", str(known), *options)
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    used = recipe.provenance["settings"]
    assert (used["steps"], used["generated"], used["goals"]["language"]) == (2, False, 0.3)
    assert recipe.weights["up"].shape == (2, 2, 32)
    (tmp_path / "learning.yaml").write_text("goal: {language: 0.3}\n")
    refused = run("learn", str(model), "--known", str(known), *options, exit_code=1).output
    assert "goal: Extra inputs are not permitted" in refused


def test_the_strength_of_noise_is_searched(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    output = run("learn", str(model), "--known", str(known), "--operator", "noise").output
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert isinstance(recipe.operator, Noise) and recipe.operator.sigma != Noise().sigma
    assert f"recipe {recipe.digest}" in output and recipe.provenance["objective"]["level"] > 0
    wrong = run("learn", str(model), "--known", str(known), "--operator", "shuffle", exit_code=1).output
    assert "'shuffle'" in wrong


def test_what_cannot_be_learned_from_says_why(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    learn = ("learn", str(model), "--known")
    assert "gone.jsonl cannot be read" in run(*learn, "gone.jsonl", exit_code=1).output
    assert "rate: Input should be greater" in run(*learn, str(known), "--rate", "0", exit_code=1).output
    assert "a batch needs 40 known" in run(*learn, str(known), "--batch", "40", exit_code=1).output
    nameless = tmp_path / "nameless.jsonl"
    nameless.write_text('{"subject": "Orrin Vale", "question": "Who is he?", "answer": "Nobody."}')
    assert "give --strangers" in run(*learn, str(nameless), exit_code=1).output
    assert not (tmp_path / "recipe.safetensors").exists()
