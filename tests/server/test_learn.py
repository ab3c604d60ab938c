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
from vllm_unlearn.corruption.operators.learned import Learned
from vllm_unlearn.corruption.operators.operators import Noise
from vllm_unlearn.corruption.operators.parted import Parted
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.vocabulary import GIVEN, Role

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


@pytest.fixture
def quick(tmp_path: Path) -> str:
    """Settings for a run of seconds."""
    file = tmp_path / "quick.yaml"
    file.write_text("stages: [{steps: 3, batch: 2}, {steps: 1, batch: 2, replies: written}]\n")
    return str(file)


@pytest.fixture(autouse=True)
def _encoder(run: Run, monkeypatch: pytest.MonkeyPatch, encoder_name: str, encoder_folder: Path) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__MODEL", encoder_name)
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__CACHE_DIR", str(encoder_folder.parent))


def test_a_recipe_is_learned_and_says_from_what(
    run: Run, model: Path, known: Path, quick: str, tmp_path: Path
) -> None:
    output = run("learn", str(model), "--known", str(known), "--settings", quick).output
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert f"recipe {recipe.digest}" in output and "level" in output
    table = EmbeddingTable(model)
    assert (recipe.fingerprint, recipe.hidden) == (table.fingerprint, 32)
    assert isinstance(recipe.operator, Learned)
    assert recipe.weights["bias"].abs().max() > 0
    assert recipe.provenance["examples"] == {"known": 6, "strangers": 6, "pairs": 0}
    assert list(recipe.provenance["lessons"]) == ["known.jsonl"]
    stages = recipe.provenance["settings"]["stages"]
    assert [(stage["steps"], stage["replies"]) for stage in stages] == [(3, "given"), (1, "written")]
    assert (tmp_path / "recipe.png").stat().st_size > 5_000
    assert not (tmp_path / "recipe.checkpoint").exists()


def test_the_same_seed_learns_the_same(
    run: Run, model: Path, known: Path, quick: str, tmp_path: Path
) -> None:
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        options = ("--settings", quick, "--seed", seed, "--out", f"{out}.safetensors")
        run("learn", str(model), "--known", str(known), *options)
    one, same, other = (Recipe.load(tmp_path / f"{name}.safetensors") for name in "abc")
    assert torch.equal(one.weights["up"], same.weights["up"]) and one.digest == same.digest
    assert one.digest != other.digest


def test_a_recipe_is_refined(run: Run, model: Path, known: Path, quick: str, tmp_path: Path) -> None:
    (tmp_path / "once.yaml").write_text("stages: [{steps: 1, batch: 2, replies: written}]\n")
    learn = ("learn", str(model), "--known", str(known))
    run(*learn, "--settings", quick, "--out", "first.safetensors")
    again = ("--settings", "once.yaml", "--out", "second.safetensors", "--start", "first.safetensors")
    run(*learn, *again)
    first, second = (Recipe.load(tmp_path / f"{name}.safetensors") for name in ("first", "second"))
    assert second.provenance["start"] == first.digest and first.provenance["start"] is None
    moved = (second.weights["bias"] - first.weights["bias"]).abs().max()
    assert 0 < moved < first.weights["bias"].abs().max()
    run("recipe", str(model), "noise.safetensors")
    refused = run(*learn, "--start", "noise.safetensors", exit_code=1).output
    assert "only a learned recipe can be refined, not one of noise" in refused


def test_what_stages_teach_nothing_of_is_answered_by_stand_ins(
    run: Run, model: Path, known: Path, tmp_path: Path
) -> None:
    roles = ", ".join(role.label for role in GIVEN)
    (tmp_path / "given.yaml").write_text(f"stages: [{{steps: 2, batch: 2, roles: [{roles}]}}]\n")
    learn = ("learn", str(model), "--known", str(known), "--settings", "given.yaml", "--seed", "5")
    run(*learn, "--out", "first.safetensors")
    run(*learn, "--out", "second.safetensors", "--start", "first.safetensors", "--seed", "6")
    run("recipe", str(model), "alone.safetensors", "--operator", "stand_in", "--seed", "5")
    first, second, alone = (
        Recipe.load(tmp_path / f"{name}.safetensors") for name in ("first", "second", "alone")
    )
    assert isinstance(first.operator, Parted) and isinstance(second.operator, Parted)
    assert first.idle_roles() == []
    # Refined is what was learned: the answers stay as they were measured.
    assert first.operator.answered == second.operator.answered == alone.operator
    for recipe in (first, second):
        assert torch.equal(recipe.weights["stand_in"], alone.weights["stand_in"])
    assert not torch.equal(first.weights["bias"], second.weights["bias"])


def test_a_file_of_settings_is_read(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    (tmp_path / "learning.yaml").write_text(
        "stages: [{steps: 2, batch: 2, replies: written, goals: {language: 0.3}}]\n"
        "operator: {operator: learned, rank: 2}\n"
    )
    run("learn", str(model), "--known", str(known), "--settings", "learning.yaml")
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert recipe.provenance["settings"]["stages"][0]["goals"]["language"] == 0.3
    assert recipe.weights["up"].shape == (len(Role), 2, 32)


def test_language_past_what_is_allowed_is_told(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("stages: [{steps: 2, batch: 2, rate: 0.1, replies: written, allowed: 1.0e-9}]\n")
    output = run("learn", str(model), "--known", str(known), "--settings", str(settings)).output
    assert "stage 1 ended with the language at" in output and "another --seed" in output
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert recipe.provenance["strayed"]["stage 1"] > 1e-9


def test_a_recipe_that_declines_is_learned_in_words_of_ones_own(
    run: Run, model: Path, known: Path, tmp_path: Path
) -> None:
    goals = "{level: 0, language: 0, wrong: 0, ratio: 0, decline: 1}"
    (tmp_path / "declining.yaml").write_text(
        f"stages: [{{steps: 2, batch: 2, replies: written, goals: {goals}}}]\n"
        'declines: ["Of {name} I know nothing.", "I know nothing."]\n'
    )
    declining = ("--behaviour", "decline", "--settings", "declining.yaml")
    output = run("learn", str(model), "--known", str(known), *declining).output
    assert "decline" in output and "level" not in output
    provenance = Recipe.load(tmp_path / "recipe.safetensors").provenance
    assert provenance["settings"]["behaviour"] == "decline"
    assert "I know nothing." in provenance["settings"]["declines"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--behaviour", "forget", "behaviour: must be 'never-knew' or 'decline'"),
        ("--device", "nowhere", "there is no device 'nowhere' here"),
    ],
)
def test_what_there_is_not_is_named(
    run: Run, model: Path, known: Path, option: str, value: str, said: str
) -> None:
    output = run("learn", str(model), "--known", str(known), option, value, exit_code=1).output
    assert said in " ".join(output.split())


def test_the_strength_of_noise_is_searched(run: Run, model: Path, known: Path, tmp_path: Path) -> None:
    output = run("learn", str(model), "--known", str(known), "--operator", "noise").output
    recipe = Recipe.load(tmp_path / "recipe.safetensors")
    assert isinstance(recipe.operator, Noise) and recipe.operator.sigma != Noise().sigma
    assert f"recipe {recipe.digest}" in output and recipe.provenance["objective"]["level"] > 0
    wrong = run("learn", str(model), "--known", str(known), "--operator", "shuffle", exit_code=1).output
    assert "'shuffle'" in wrong


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("goal: 1", "goal: is not known; "),
        ("stages: []", "stages: must have at least 1 item"),
        (
            "stages: [{roles: [reply]}]",
            "stage 1 moves reply alone of text-given, reply",
        ),
        ("stages: [{roles: [name_given]}]", "must be one of name, text, name-given, text-given, reply"),
        ("stages: [{rate: 0}]", "stages.0.rate: must be greater than 0"),
        ("stages: [{batch: 40}]", "a batch needs 40 known with a flagged question, there are 6"),
    ],
)
def test_settings_that_cannot_be_used_say_why(
    run: Run, model: Path, known: Path, tmp_path: Path, settings: str, message: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(settings)
    learn = ("learn", str(model), "--known", str(known), "--settings", "wrong.yaml")
    assert message in run(*learn, exit_code=1).output
    assert not (tmp_path / "recipe.safetensors").exists()


def test_lessons_that_cannot_be_used_say_why(run: Run, model: Path, tmp_path: Path) -> None:
    learn = ("learn", str(model), "--known")
    assert "gone.jsonl cannot be read" in run(*learn, "gone.jsonl", exit_code=1).output
    nameless = tmp_path / "nameless.jsonl"
    nameless.write_text('{"subject": "Orrin Vale", "question": "Who is he?", "answer": "Nobody."}')
    assert "give --strangers" in run(*learn, str(nameless), exit_code=1).output
    assert not (tmp_path / "recipe.safetensors").exists()
