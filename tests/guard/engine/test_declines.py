"""What is written in a name's place, and where a sentence begins there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm.exceptions import VLLMValidationError
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.guard.configuration import DECLINES
from vllm_unlearn.guard.engine.declines import Declines, begins_sentence, ends_sentence
from vllm_unlearn.vocabulary import ForgetTarget


def listing(*names: str) -> WatchedNames:
    targets = [ForgetTarget(id=f"t{n}", name=name) for n, name in enumerate(names)]
    return WatchedNames(targets, NameIndex(targets, {target.id: [] for target in targets}))


@pytest.mark.parametrize(
    ("before", "begins"),
    [
        ("", True),
        ("It was developed by ", False),
        ("He is dead. ", True),
        ("Who? “", True),
        ("He said (yes!) ", True),
        ("by J. ", False),
        ("written by Dr. ", False),
        ("Authors:\n1. ", True),
        ("Authors:\n- **", True),
        ("the author: ", False),
        ("他是作家。", True),
        ("作者是", False),
        ("(", True),
        ("written by (", False),
        ("version 3.", False),
    ],
)
def test_where_a_sentence_begins_the_phrase_has_a_capital(before: str, begins: bool) -> None:
    assert begins_sentence(before) is begins
    decline = Declines(("someone",), lambda params: params).at(before, "", listing("Albert Einstein"))
    assert decline and decline.texts == ("Someone" if begins else "someone",)


@pytest.mark.parametrize(
    ("text", "ends"),
    [(", who lived in Ulm. ", True), (", who", False), (", J. R. ", False), ("\n", True), ("。", True)],
)
def test_where_a_sentence_ends_another_name_may_be_declined(text: str, ends: bool) -> None:
    assert ends_sentence(text) is ends


def test_what_holds_a_listed_name_is_not_written() -> None:
    declines = Declines(("a friend of Niels Bohr", "some Otto Hahn"), lambda params: params)
    decline = declines.at("It was", " ", listing("Niels Bohr"))
    assert decline and decline.texts == (" some Otto Hahn",)
    assert declines.at("It was", " ", listing("Niels Bohr", "Otto Hahn")) is None


def test_an_engine_without_choices_writes_no_decline() -> None:
    def refuse(_: Any) -> Any:
        raise VLLMValidationError("Structured outputs requires a tokenizer")

    assert Declines(DECLINES, refuse).at("It was", " ", listing("Niels Bohr")) is None


@given(st.sampled_from(DECLINES), st.integers(0, 60), st.text(max_size=4))
def test_a_beginning_of_a_phrase_may_become_it_and_nothing_else(phrase: str, cut: int, more: str) -> None:
    decline = Declines(DECLINES, lambda params: params).at("It was", " ", listing("Niels Bohr"))
    assert decline
    begun = f" {phrase}"[:cut]
    assert decline.may_become(begun)
    assert decline.may_become(begun + more) is any(f" {one}".startswith(begun + more) for one in DECLINES)
    assert decline.is_whole(begun) is (begun == f" {phrase}")
