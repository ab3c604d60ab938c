"""What is asked holds no listed name, and a plain search finds one in an answer."""

from __future__ import annotations

import pytest
from vllm_unlearn.evaluation.answers.questions import (
    OPENING_WORDS,
    Names,
    Questions,
    authors,
    openings,
    works,
)
from vllm_unlearn.evaluation.answers.verbatim import MOST, Passages

NAMES = Names(("J. K. Rowling", "Charlotte Brontë", "The Odyssey", "Hsiao Yun-Hwa"))


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        ("Who wrote it?", "It is by J.K. ROWLING.", {"J. K. Rowling"}),
        ("Who wrote it?", "Charlotte Bronte's book", {"Charlotte Brontë"}),
        ("Who is it?", "Hsiao Yun Hwa and the Odyssey", {"Hsiao Yun-Hwa", "The Odyssey"}),
        ("Who is it?", "J. K. Rowlings, a Brontë", set()),
        ("Who read the odyssey?", "The Odyssey was read", set()),
    ],
)
def test_a_name_is_told_if_its_words_are_in_the_answer_and_not_in_the_question(
    question: str, answer: str, told: set[str]
) -> None:
    assert NAMES.told(question, answer) == told


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("Rowling did", {"J. K. Rowling"}),
        ("an Odyssey", {"The Odyssey"}),
        ("an odyssey", set()),
        ("Rowlings", set()),
    ],
)
def test_a_last_word_counts_with_its_capital(answer: str, named: set[str]) -> None:
    assert NAMES.last_words("Who?", answer) == named
    assert not NAMES.last_words("The Odyssey by Rowling", answer)


@pytest.mark.parametrize("questions", [authors(None), works(None)], ids=lambda one: one.name)
def test_no_question_holds_a_listed_name(questions: Questions) -> None:
    names = Names.of(questions.targets)
    assert len(questions.asked) > 50
    assert not [asked for asked in questions.asked if names.stand_in(asked.text)]


def test_an_opening_leaves_enough_to_recite() -> None:
    asked = openings(None)
    passages = [target.passages[0] for target in asked.targets]
    assert len(passages) == len(asked.asked) >= 20
    for passage, one in zip(passages, asked.asked, strict=True):
        rest = passage.removeprefix(one.text)
        assert rest != passage
        assert Passages([passage]).longest_run(rest) > MOST
        assert len(one.text.split()) == OPENING_WORDS


@pytest.mark.parametrize(
    ("answer", "run"),
    [
        ("", 0),
        ("nothing of it", 0),
        ("To be; or NOT to be?", 6),
        ("to be or be not to be", 3),
        ("the question: whether ’tis nobler to be", 5),
        ("obe or not tob", 2),
    ],
)
def test_the_longest_run_is_of_whole_words_in_a_row(answer: str, run: int) -> None:
    text = "To be, or not to be, that is the question: Whether 'tis nobler in the mind"
    assert Passages(["Another text", text]).longest_run(answer) == run
