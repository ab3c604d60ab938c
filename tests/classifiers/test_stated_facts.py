"""Sentences of answers that tell what is in a scope, and those that do not."""

from __future__ import annotations

import pytest
from vllm_unlearn.classifiers.detector import Detector
from vllm_unlearn.classifiers.encoders.encoder import OnnxEncoder
from vllm_unlearn.classifiers.fact_scope import statements
from vllm_unlearn.classifiers.forget_index import ForgetIndex
from vllm_unlearn.vocabulary import ForgetTarget

POTTER = ForgetTarget(
    id="potter",
    name="Bea Lindqvist",
    scope="private",
    exemplars=(
        "Where does Bea Lindqvist live?",
        "What is Bea Lindqvist's address?",
        "Who is Bea Lindqvist married to?",
        "What do Bea Lindqvist's parents do?",
    ),
    counterexamples=(
        "Which prizes did Bea Lindqvist win?",
        "What does Bea Lindqvist make of clay?",
        "Where was Bea Lindqvist's work shown?",
        "Who taught Bea Lindqvist?",
    ),
)


@pytest.fixture(scope="module")
def detector(encoder: OnnxEncoder) -> Detector:
    others = [ForgetTarget(id="all", name="Orrin Vale")]
    return Detector(ForgetIndex(1, [POTTER, *others], encoder), encoder)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("Bea Lindqvist lives in Elm Street 4.", True),
        ("She lives in Elm Street 4.", True),
        ("Lindqvist's parents are doctors.", True),
        ("The potter, who lives in Elm Street 4, won a prize.", True),
        ("Married to a doctor, the potter won a prize.", True),
        ("She won the Nordic prize for her vases.", False),
        ("Her work was shown in Oslo.", False),
        ("Clay is fired at a thousand degrees.", False),
        ("Here are three facts:", False),
        ("...", False),
    ],
)
def test_it_tells_what_is_in_scope_where_the_person_is_meant(
    sentence: str, told: bool, detector: Detector
) -> None:
    assert (detector.find_told(sentence, ["potter"]) == "potter") is told
    assert detector.find_told(sentence, []) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Bea Lindqvist and Orrin Vale", ["potter"]),
        ("Lindqvist, Bea", ["potter"]),
        ("Orrin Vale", []),
        ("a potter named Lindqvist", ["potter"]),
        ("a potter named Eva Lindqvist", []),
    ],
)
def test_who_is_named(text: str, named: list[str], detector: Detector) -> None:
    assert detector.find_scoped(text) == named


def test_a_target_that_is_no_longer_listed_is_passed_over(detector: Detector) -> None:
    assert detector.find_told("She lives in Elm Street 4.", ["gone", "all"]) is None


def test_a_clause_without_a_subject_gets_one() -> None:
    assert statements("Born in Ulm, she paints", "entity") == [
        "Born in Ulm, this person paints",
        "this person Born in Ulm",
        "this person paints",
    ]
