from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import save
from vllm_unlearn.classifiers.encoders.encoder import Encoder
from vllm_unlearn.evaluation.forgetting.tofu_methods import Served
from vllm_unlearn.evaluation.forgetting.works import (
    HELD_OUT,
    QUESTIONS,
    WORKS,
    WRONG,
    find_known,
    lessons,
    names_author,
    row,
    select_works,
)
from vllm_unlearn.evaluation.models.causal_model import Advance, CausalModel, Sampling
from vllm_unlearn.evaluation.models.guarded_model import GuardedModel
from vllm_unlearn.evaluation.models.likelihoods import Likelihood
from vllm_unlearn.guard.lessons import Lesson


class Reader:
    """Knows every author but Homer, and finds given answers that name the right one likelier."""

    def answers(self, questions: Sequence[str], sampling: Sampling, track: Advance) -> list[list[str]]:
        told = {lesson.question: lesson.answer for lesson in lessons(WORKS)}
        return [[told[question].replace("Homer", "Nobody")] for question in questions]

    def likelihoods(self, pairs: Sequence[tuple[str, str]], track: Advance) -> list[Likelihood | None]:
        right = {(lesson.question, lesson.answer) for lesson in lessons(WORKS)}
        return [_likelihood(0.5 if pair in right else 0.125) for pair in pairs]


def _likelihood(probability: float) -> Likelihood:
    one = np.array([1.0])
    return Likelihood(np.array([1]), np.log(one * probability), one, one, np.array([1]))


@pytest.mark.parametrize(
    ("author", "answer"),
    [("Emily Brontë", "by Emily Bronte."), ("J. K. Rowling", "JK ROWLING"), ("Homer", "It was Homer who")],
)
def test_an_author_is_named_by_the_last_name(author: str, answer: str) -> None:
    assert names_author(author, answer)
    assert not names_author(author, "It was somebody else.")


def test_what_is_reported_is_not_learned() -> None:
    learned, reported = select_works(False), select_works(True)
    assert not learned.keys() & reported.keys() and learned | reported == WORKS
    assert len(reported) == -(-len(WORKS) // HELD_OUT)


def test_wrong_answers_name_other_authors() -> None:
    every = list(lessons(WORKS))
    assert len(every) == len(WORKS) * len(QUESTIONS)
    for lesson in every:
        author = WORKS[lesson.subject]
        assert lesson.subject in lesson.question and lesson.paraphrase
        assert names_author(author, lesson.answer) and names_author(author, lesson.paraphrase)
        assert len(set(lesson.wrong)) == WRONG and not any(author in text for text in lesson.wrong)


def test_lessons_are_what_the_model_answers() -> None:
    found = find_known(Reader(), WORKS)
    assert {lesson.subject for lesson in found} == WORKS.keys() - {"The Odyssey", "The Iliad"}


def test_a_model_that_knows_nothing_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    model = Served(GuardedModel(CausalModel(save(tmp_path / "model", tokenizer))))
    with pytest.raises(ValueError, match="of 2 questions the model answers none"):
        find_known(model, {"Hamlet": "William Shakespeare"})


def test_a_row_counts_authors_and_given_answers(encoder: Encoder) -> None:
    asked: list[Lesson] = list(lessons({"Hamlet": "William Shakespeare", "The Iliad": "Homer"}))
    assert list(row("some", Reader(), asked, encoder)) == [
        "some",
        "2 of 4",
        "0.500",
        "0.125",
        "0 of 4",
        "0 of 4",
    ]
