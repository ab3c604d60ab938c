"""What is written in a name's place, and where a sentence begins there."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vllm_unlearn.classifiers.answers.watched_names import WatchedNames
from vllm_unlearn.classifiers.index.name_index import NameIndex
from vllm_unlearn.guard.configuration import DeclineSettings
from vllm_unlearn.guard.engine.declines import Declines, begins_sentence, ends_sentence
from vllm_unlearn.guard.prompts import PromptDecoder
from vllm_unlearn.vocabulary import ForgetTarget

DECLINES = DeclineSettings().model_dump()


def listing(*names: str) -> WatchedNames:
    targets = [ForgetTarget(id=f"t{n}", name=name) for n, name in enumerate(names)]
    return WatchedNames(targets, NameIndex(targets, {target.id: [] for target in targets}))


@pytest.fixture
def say(tokenizer: Any) -> Any:
    """What is said in the place of a name, as text."""
    decoder = PromptDecoder(tokenizer)

    def say(phrase: str, before: str, gap: str, *names: str) -> str | None:
        declines = Declines({"entity": phrase}, partial(tokenizer.encode, add_special_tokens=False), decoder)
        tokens = declines.at("entity", before, gap, listing(*names))
        return None if tokens is None else decoder.decode(tokens).text

    return say


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
def test_where_a_sentence_begins_the_phrase_has_a_capital(before: str, begins: bool, say: Any) -> None:
    assert begins_sentence(before) is begins
    assert say("someone", before, "", "Albert Einstein") == ("Someone" if begins else "someone")


@pytest.mark.parametrize(
    ("text", "ends"),
    [(", who lived in Ulm. ", True), (", who", False), (", J. R. ", False), ("\n", True), ("。", True)],
)
def test_where_a_sentence_ends_another_name_may_be_declined(text: str, ends: bool) -> None:
    assert ends_sentence(text) is ends


def test_what_holds_a_listed_name_is_not_said(say: Any) -> None:
    assert say("a friend of Niels Bohr", "It was", " ", "Niels Bohr") is None
    assert say("a friend of Niels Bohr", "It was", " ", "Otto Hahn") == " a friend of Niels Bohr"


@given(
    phrase=st.sampled_from([*DECLINES.values(), "jemand, den ich nicht kenne", "某人"]),
    gap=st.sampled_from(["", " ", "\n", " («"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_said_reads_as_the_gap_and_the_phrase(phrase: str, gap: str, say: Any) -> None:
    said = say(phrase, "It was", gap, "Niels Bohr")
    assert said is not None and said.lower() == (gap + phrase).lower()


def test_of_a_kind_without_a_phrase_nothing_is_said(tokenizer: Any) -> None:
    declines = Declines(DECLINES, tokenizer.encode, PromptDecoder(tokenizer))
    assert declines.at("passage", "It was", " ", listing("Niels Bohr")) is None
