from __future__ import annotations

import re
from math import inf
from typing import Any

import pytest
from vllm_unlearn.classifiers.calibration.scope_check import NamesOnly
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.classifiers.word_notes import word_notes
from vllm_unlearn.vocabulary import ForgetTarget


def target(name: str, kind: Any = "work", **fields: Any) -> ForgetTarget:
    return ForgetTarget(id="t", name=name, kind=kind, **fields)


WORDS = [
    ("Dune", "work"),
    ("It", "work"),
    ("Friends", "work"),
    ("Psycho", "work"),
    ("The Road", "work"),
    ("Pretty Woman", "work"),
    ("1984", "work"),
    ("Apple", "entity"),
    ("water", "topic"),
]


@pytest.mark.parametrize(("name", "kind"), WORDS)
def test_what_is_said_of_a_word_is_what_is_found(name: str, kind: str) -> None:
    (note,) = word_notes(target(name, kind))
    assert note.startswith(f"{name}: an ordinary word or number, too")
    said = re.findall(r'"([^"]+)": (yes|no)', note)
    assert len(said) >= 2
    detector = Detector(ForgetIndex(1, [target(name, kind)], NamesOnly()), NamesOnly(), inf)
    for text, answer in said:
        assert bool(detector.detect(text)) is (answer == "yes"), text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Emma", "work"),
        ("Hamlet", "work"),
        ("The Great Gatsby", "work"),
        ("Gone with the Wind", "work"),
        ("Will Smith", "entity"),
        ("Orrin", "entity"),
        ("東京", "work"),
    ],
)
def test_names_and_long_titles_need_no_note(name: str, kind: str) -> None:
    assert not list(word_notes(target(name, kind)))


def test_aliases_are_noted_and_scoped_targets_are_not() -> None:
    assert [note.split(":")[0] for note in word_notes(target("Arrakis", aliases=["Dune"]))] == ["Dune"]
    assert not list(word_notes(target("Dune", scope="exemplars", exemplars=["Who wrote Dune?"])))
    (note,) = word_notes(target("Dune", counterexamples=["The dune moved."]))
    assert "where no counterexample is nearer" in note
