"""An answer cut into sentences as it is written, and what of it was let by."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm_unlearn.classifiers.answers.sentences import AnswerSentences
from vllm_unlearn.classifiers.text.segments import WINDOW_CHARS

TEXTS = st.text(st.sampled_from("ab. !?\n。x"), max_size=60)


def cut(text: str, size: int, before: str = "") -> list[str]:
    """What is judged, where the text comes in pieces of that size."""
    answer = AnswerSentences(before)
    judged: list[str] = []
    for start in range(0, len(text), size):
        answer.read(text[start : start + size])
        for sentence in list(answer.waiting()):
            judged.append(sentence.whole)
            answer.let_by(sentence)
    for sentence in list(answer.waiting(final=True)):
        judged.append(sentence.whole)
        answer.let_by(sentence)
    assert answer.free <= len(text) and not text[answer.free :].strip()
    return judged


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He was born in Ulm. He wrote", ["He was born in Ulm.", "He wrote"]),
        ("One!\n\n- two\n- three", ["One!", "- two", "- three"]),
        ("他生于乌尔姆。他写", ["他生于乌尔姆。", "他写"]),
        ("3.14 is pi", ["3.14 is pi"]),
        (" \n ", []),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_sentences_are_those_of_a_prompt(text: str, sentences: list[str], size: int) -> None:
    assert cut(text, size) == sentences


@pytest.mark.parametrize(
    ("before", "judged"),
    [("She was born in", "She was born in Ulm."), ("Tell me. Now", "Now Ulm."), ("Tell me.\n", "Ulm.")],
)
def test_what_the_prompt_begins_is_judged_with_it(before: str, judged: str) -> None:
    assert cut(" Ulm.", 1, before) == [judged]


def test_what_has_no_end_is_judged_in_pieces_that_overlap() -> None:
    words = " ".join(f"word{n}" for n in range(400))
    pieces = cut(words, 4)
    assert max(map(len, pieces)) <= 2 * WINDOW_CHARS
    for one, other in pairwise(pieces):
        assert f"{one.split()[-1]} " in other
    assert all(any(f"word{n}" in piece.split() for piece in pieces) for n in range(400))


@pytest.mark.parametrize("blank", ["\n", " ", "\t"])
@pytest.mark.parametrize("before", ["", "He is."])
def test_much_white_space_waits_for_nothing(before: str, blank: str) -> None:
    text = before + blank * 3 * WINDOW_CHARS + "She was born."
    assert cut(text, 7) == [*([before] if before else []), "She was born."]


@given(TEXTS, st.integers(1, 7))
def test_how_it_comes_makes_no_difference(text: str, size: int) -> None:
    assert cut(text, size) == cut(text, 1)


@given(TEXTS, TEXTS, st.integers(0, 60))
def test_what_was_taken_back_leaves_no_trace(kept: str, gone: str, passed: int) -> None:
    answer, plain = AnswerSentences(), AnswerSentences()
    for each in (answer, plain):
        each.read(kept)
        for sentence in list(each.waiting())[:passed]:
            each.let_by(sentence)
    answer.read(gone)
    answer.rewind(len(kept))
    assert list(answer.waiting(final=True)) == list(plain.waiting(final=True))
