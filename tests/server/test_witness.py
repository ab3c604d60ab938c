"""Lessons that a model gives itself: what it is asked, and what counts as knowledge."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tiny_model
from commands import Run
from rich.console import Console
from vllm_unlearn.corruption.recipe import Recipe
from vllm_unlearn.evaluation.forgetting.works import select_works
from vllm_unlearn.evaluation.models.causal_model import (
    Advance,
    CausalModel,
    Input,
    Sampling,
    unheard,
)
from vllm_unlearn.guard.lessons import counterpart, read_lessons, write_lessons
from vllm_unlearn.server import lesson_files
from vllm_unlearn.server.lesson_files import ask_model
from vllm_unlearn.server.witness import facts
from vllm_unlearn.server.witness.facts import FORMS, Fact, widely_known
from vllm_unlearn.server.witness.invented_names import invent
from vllm_unlearn.server.witness.witness import Witness, own_words

KNOWN = ("Romeo and Juliet", "Albert Einstein", "Pride and Prejudice")
GUESSED = "Guernica"
SHAKESPEARE = Fact(
    "works", "Romeo and Juliet", "author", "William Shakespeare", ("Homer", "Dante", "Voltaire")
)
EINSTEIN = Fact("people", "Albert Einstein", "deed", "the theory of relativity")


def track(what: str, steps: int) -> Advance:
    return unheard


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def listed() -> list[Fact]:
    """A few names: asking about the whole list takes minutes."""
    return [fact for fact in widely_known() if fact.name in (*KNOWN, GUESSED)]


@pytest.fixture(scope="module")
def knowing(tokenizer: Any, listed: list[Fact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows the facts by heart, and what is told of ``GUESSED`` it tells of anybody."""
    names = Counter(kind for kind, _ in {(fact.kind, fact.name) for fact in listed})
    answers: dict[str, str] = {}
    for fact in listed:
        strangers = invent(fact.kind, 2 * names[fact.kind], 0)  # whom ``Witness`` takes
        for lesson, stranger in product(fact.lessons(), strangers):
            said = fact.value if fact.name == GUESSED else "nobody"
            answers[lesson.question] = lesson.answer
            answers[lesson.question.replace(fact.name, stranger)] = f"{fact.opening(stranger)} {said}."
    return tiny_model.save_taught(tmp_path_factory.mktemp("knowing"), tokenizer, answers)


@pytest.fixture
def few(listed: list[Fact], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "widely_known", lambda: listed)
    monkeypatch.setattr(lesson_files, "LEAST_NAMES", 2)


@pytest.fixture(autouse=True)
def _encoder(run: Run, monkeypatch: pytest.MonkeyPatch, encoder_name: str, encoder_folder: Path) -> None:
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__MODEL", encoder_name)
    monkeypatch.setenv("VLLM_UNLEARN_ENCODER__CACHE_DIR", str(encoder_folder.parent))


def test_the_list_holds_facts_that_can_be_asked_and_told_apart() -> None:
    listed = widely_known()
    assert {fact.form for fact in listed} == FORMS.keys()
    for fact in listed:
        assert not fact.is_told(fact.name), "an answer would tell it by the name alone"
        assert len(fact.wrong) == facts.WRONG and not any(map(fact.is_told, fact.wrong))
        for lesson in fact.lessons():
            assert fact.is_told(lesson.answer) and lesson.answer.startswith(fact.opening(fact.name))
            assert lesson.paraphrase and fact.is_told(lesson.paraphrase)
            assert counterpart(lesson, "Ebba Fenwick")


def test_what_is_reported_on_is_not_learned_from() -> None:
    reported = set(select_works(True))
    assert not reported & {fact.name for fact in widely_known()}
    assert not reported & {fact.value for fact in widely_known()}


@pytest.mark.parametrize(
    ("fact", "text", "told"),
    [
        (SHAKESPEARE, "It is SHAKESPEARE's play.", True),
        (SHAKESPEARE, "It was William Blake who wrote it.", False),
        (EINSTEIN, "He is known for relativistic physics.", True),
        (EINSTEIN, "He was related to somebody in Ulm.", False),
        (Fact("people", "Albert Einstein", "born", "1879"), "on 14 March 1879, in Ulm", True),
        (Fact("people", "Albert Einstein", "born", "1879"), "in 1897", False),
        (Fact("people", "Neil Armstrong", "deed", "the first steps on the Moon"), "monday", False),
        (Fact("people", "Sun Tzu", "deed", "The Art of War"), "He was warm.", False),
        (Fact("people", "Rembrandt", "birthplace", "Málaga"), "in Malaga", True),
    ],
)
def test_a_fact_is_told_by_its_last_word(fact: Fact, text: str, told: bool) -> None:
    assert fact.is_told(text) is told


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("It is a play. It is by William Shakespeare. He had", "It is a play. It is by William Shakespeare."),
        ("Romeo and Juliet is by Shakespeare! And", "Romeo and Juliet is by Shakespeare!"),
        ("Juliet's story is by Shakespeare.", None),
        ("It is by William Shakespeare, who", None),
        ("It is by somebody else.", None),
    ],
)
def test_an_answer_is_kept_as_far_as_it_stands_alone(answer: str, kept: str | None) -> None:
    assert own_words(SHAKESPEARE, answer) == kept


@pytest.mark.parametrize("kind", ["people", "works"])
def test_invented_names_are_the_same_for_a_seed_and_nobodys(kind: str) -> None:
    invented = invent(kind, 200, 5)
    assert invented == invent(kind, 200, 5) != invent(kind, 200, 6)
    assert len(set(invented)) == 200
    assert not set(invented) & {fact.name for fact in widely_known()}


def test_what_a_model_knows_becomes_lessons(knowing: Path, listed: list[Fact]) -> None:
    model = CausalModel(knowing)
    (guessed,) = (fact for fact in listed if fact.name == GUESSED)
    asked = model.chat.prompt(guessed.question(GUESSED))
    assert guessed.is_told(model.generate([Input(asked, len(asked))], Sampling(20))[0][0])
    testimony = Witness(model, track).testify(listed)
    assert testimony.asked == len(KNOWN) + 1 and set(testimony.names) == set(KNOWN)
    for known, other in zip(testimony.known, testimony.strangers, strict=True):
        (fact,) = {f for f in listed if f.name == known.subject and known.paraphrase in _paraphrases(f)}
        assert fact.is_told(known.answer) and len(known.wrong) == facts.WRONG
        assert fact.is_told(other.answer) and known.subject not in other.question + other.answer


def _paraphrases(fact: Fact) -> list[str | None]:
    return [lesson.paraphrase for lesson in fact.lessons()]


def test_a_recipe_is_learned_from_what_the_model_says_itself(
    run: Run, few: None, knowing: Path, tmp_path: Path
) -> None:
    (tmp_path / "quick.yaml").write_text("stages: [{steps: 2, batch: 2}]\n")
    output = run("learn", str(knowing), "--settings", "quick.yaml").output
    (known,), (strangers,) = tmp_path.glob("recipe.known-*.jsonl"), tmp_path.glob("recipe.strangers-*.jsonl")
    provenance = Recipe.load(tmp_path / "recipe.safetensors").provenance
    assert f"the model knows 3 of 4 names: {len(read_lessons(known))} lessons, {known.name}" in output
    assert provenance["asked"] == {"names": 4, "known": 3}
    assert set(provenance["lessons"]) == {known.name, strangers.name}
    assert provenance["examples"]["known"] == provenance["examples"]["strangers"] > 4
    assert provenance["examples"]["pairs"] > 4


def test_what_was_asked_before_an_interruption_is_not_asked_again(
    few: None, knowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "new" / "recipe.safetensors"
    ask = partial(ask_model, knowing, out, seed=0, console=Console(quiet=True), device="cpu")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CausalModel, "likelihoods", interrupt)
        ask()
    with monkeypatch.context() as patch:
        patch.setattr(CausalModel, "_generate", interrupt)
        files = ask()
        assert not list(out.parent.glob("*.answers-*"))
        lessons = read_lessons(files.known)
        write_lessons(lessons[:3], files.known)
        assert ask().read()[0] == lessons[:3]


def test_an_interrupted_run_says_how_it_goes_on(
    run: Run, few: None, knowing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Witness, "testify", interrupt)
    assert "repeat the command to go on" in run("learn", str(knowing), exit_code=1).output


def test_a_model_that_knows_too_little_is_told_of_known(
    run: Run, few: None, tokenizer: Any, tmp_path: Path
) -> None:
    ignorant = tiny_model.save_taught(tmp_path / "model", tokenizer, {"Who wrote Hamlet?": "A poet."})
    output = " ".join(run("learn", str(ignorant), exit_code=1).output.split())
    assert "about 4 widely known names, the model knows 0, and a recipe needs 2" in output
    assert "--known FILE" in output
    assert not list(tmp_path.glob("recipe*"))


def test_what_cannot_be_asked_is_said(run: Run, tokenizer: Any, tmp_path: Path) -> None:
    folder = tiny_model.save(tmp_path / "model", tokenizer)
    for file in ("chat_template.jinja", "tokenizer_config.json"):
        without = re.sub(r'"chat_template"', '"no_template"', (folder / file).read_text())
        (folder / file).write_text(without) if file.endswith("json") else (folder / file).unlink()
    assert "no chat template" in run("learn", str(folder), exit_code=1).output
    only = run("learn", str(folder), "--strangers", "strangers.jsonl", exit_code=1).output
    assert "give both, or neither" in only
