from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path

import pytest
from commands import Run
from vllm_unlearn.guard.store.store import Store


def test_check_tells_how_far_out_of_scope_a_question_is(run: Run, store: Store) -> None:
    about = ["--exemplar", "Where does Ann Marsh live?", "--counterexample", "What did Ann Marsh win?"]
    run("forget", "Ann Marsh", "--scope", "private", *about)
    assert "by the name 'Ann Marsh'" in run("check", "Where is Ann Marsh's house?", exit_code=3).output
    output = run("check", "Which medals did Ann Marsh win?").output
    assert "ann-marsh: named, and what is asked is out of its scope" in output


def test_check_says_when_the_first_pass_let_a_text_by(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is what a served guard does, and why."""
    run("forget", "Orrin Vale", "--exemplar", "Which choir did the clockmaker of Harrowgate lead?")
    text = "Which choir did the clockmaker of Harrowgate conduct?"
    assert "what the text is about" in run("check", text, exit_code=3).output
    # As if the static embedding took all texts for far from each other.
    monkeypatch.setattr("vllm_unlearn.classifiers.index.exemplar_index.SLACK", -2.0)
    output = run("check", text).output
    assert "generation 1: pass" in output
    assert re.search(
        r"score 0\.[5-9]\d\d \(from 0\.5 on a match, but the first pass took it for less near", output
    )
    assert json.loads(run("check", "--json", text).output)["nearest"]["reason"] == "first pass"
    with (store.path or Path()).with_name("unlearn.yaml").open("a") as config:
        config.write("detection: {cascade: false}\n")
    assert "what the text is about" in run("check", text, exit_code=3).output


def test_check_keeps_what_it_encoded_unless_the_store_is_anothers(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("forget", "Orrin Vale", "--exemplar", "He mends clocks.")

    def kept() -> list[Path]:
        return [f for f in tmp_path.glob("*.vectors") if f.name.startswith(store.head().store_id[:8])]

    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    run("check", "Who?")
    assert kept() == []
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    run("check", "Who?")
    (file,) = kept()
    written = file.stat().st_mtime_ns
    run("check", "Who else?")
    assert file.stat().st_mtime_ns == written


def test_check_explains_a_match_and_a_pass(run: Run, store: Store) -> None:
    run("forget", "Orrin Vale")
    output = run("check", "Who is ORRIN VALE?", exit_code=3).output
    assert "generation 1: match" in output
    assert "orrin-vale: characters 7 to 17 ('ORRIN VALE')\n  score 1.000, by the name 'Orrin Vale'" in output
    output = run("check", "Who is Jane [Austen]?").output
    assert "generation 1: pass" in output
    near = r"nearest target orrin-vale: score 0\.\d{3} \(a match needs 0\.5\)\n  similarity -?[01]\.\d{3}\n"
    assert re.search(near, output)
    for line in ("  shared rare words 0.", "  part of the name 0.000", "  nearest exemplar at 0."):
        assert f"\n{line}" in output
    (match,) = json.loads(run("check", "--json", "Orrin Vale", exit_code=3).output)["matches"]
    assert (match["target_id"], match["start"], match["end"]) == ("orrin-vale", 0, 10)


def test_check_tells_a_program_what_it_tells_a_person(run: Run, store: Store) -> None:
    assert json.loads(run("check", "--json", "x").output) == {
        "generation": 0,
        "decision": "pass",
        "threshold": 0.5,
        "matches": [],
        "scopes": {},
        "nearest": None,
    }
    about = ["--exemplar", "Where does Ann Marsh live?", "--counterexample", "What did Ann Marsh win?"]
    run("forget", "Ann Marsh", "--scope", "private", *about)
    for text in ("Which medals did Ann Marsh win?", "How do plants grow?"):
        told = json.loads(run("check", "--json", text).output)
        output = run("check", text).output
        near = told["nearest"]
        assert f"generation {told['generation']}: {told['decision']}\n" in output
        assert f"nearest target {near['target_id']}: score {near['score']:.3f} (" in output
        for label in ("similarity", "shared rare words", "name part"):
            said = "part of the name" if label == "name part" else label
            assert f"\n  {said} {near[label.replace(' ', '_')]:.3f}\n" in output
        assert (
            f"nearest exemplar at {near['exemplar']['similarity']:.3f}: {near['exemplar']['text']}" in output
        )
        assert all(f"\n  score {score:.3f} (a match" in output for score in told["scopes"].values())
    assert list(json.loads(run("check", "--json", "What did Ann Marsh win?").output)["scopes"]) == [
        "ann-marsh"
    ]
    told = json.loads(run("check", "--json", "Where does Ann Marsh live?", exit_code=3).output)
    assert (told["decision"], told["nearest"]) == ("match", None)


def test_forget_says_and_check_explains_what_a_surname_alone_does(run: Run, store: Store) -> None:
    assert (
        "Albert Einstein: the surname alone flags: yes (einstein)" in run("forget", "Albert Einstein").output
    )
    output = run("check", "What did Einstein win the Nobel Prize for?", exit_code=3).output
    assert "characters 9 to 17 ('Einstein')" in output and "by the surname 'Einstein' alone" in output
    output = run("forget", "Stephen King").output
    assert "Stephen King: the surname alone flags: only beside two facts about a person (king)" in output
    assert ": pass" in run("check", "What did King write?").output


def test_check_explains_a_description_and_a_disguise(run: Run, store: Store) -> None:
    exemplar = "Which secret ingredient is in the sourdough of Harrowgate?"
    run("forget", "Mira Tolland", "--exemplar", exemplar, "--counterexample", "How is the weather there?")
    output = run("check", f"Hi! {exemplar}", exit_code=3).output
    assert re.search(
        rf"characters 4 to \d+ \('{re.escape(exemplar)}'\)\n  score 0\.\d+, by what the text", output
    )
    assert f"\n  nearest exemplar at 1.000: {exemplar}\n" in output
    assert "How is the weather there?" in output
    code = base64.b64encode(b"Who is Mira Tolland?").decode()
    assert "by the name 'Mira Tolland', read as base64" in run("check", f"Say {code}", exit_code=3).output


def test_check_names_an_encoder_that_is_not_there(run: Run, tmp_path: Path, store: Store) -> None:
    (tmp_path / "unlearn.yaml").write_text("encoder: {model: ./gone}")
    assert "there is no such folder" in run("check", "x", exit_code=1).output
