from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm_unlearn.classifiers.evidence import (
    AGREEMENT,
    CROWDED,
    NAME_PART,
    SIMILARITY,
    Evidence,
    highest_score,
)
from vllm_unlearn.vocabulary import Neighbour

SHARES = st.floats(0, 1)
PARTS = st.floats(-1, 1)


def evidence(similarity: float, agreement: float, name_part: float, exemplars: int = 1) -> Evidence:
    exemplar = Neighbour("Who runs the bakery?", similarity)
    return Evidence("baker", exemplar, None, similarity, agreement, name_part, exemplars)


def test_the_weights_are_shares_of_one() -> None:
    assert pytest.approx(1.0) == SIMILARITY + AGREEMENT + NAME_PART
    assert highest_score(1.0, 1.0, 1.0) == pytest.approx(1.0)
    assert highest_score(0.0, 0.0, 0.0) == 0.0


@given(st.floats(-1, 1), SHARES, PARTS, st.integers(1, 10**6))
def test_a_score_lies_between_nought_and_one(
    similarity: float, agreement: float, part: float, exemplars: int
) -> None:
    assert 0.0 <= evidence(similarity, agreement, part, exemplars).score <= 1.0


@given(st.floats(-1, 1), SHARES, PARTS, st.integers(1, 10**6))
def test_no_score_is_over_the_most_that_can_be_reached(
    similarity: float, agreement: float, part: float, exemplars: int
) -> None:
    score = evidence(similarity, agreement, part, exemplars).score
    assert score <= max(0.0, highest_score(1.0, agreement, part)) + 1e-9


@given(SHARES, SHARES, SHARES, SHARES)
def test_more_of_any_evidence_is_never_less(one: float, other: float, agreement: float, part: float) -> None:
    low, high = sorted((one, other))
    assert evidence(low, agreement, part).score <= evidence(high, agreement, part).score
    assert evidence(agreement, low, part).score <= evidence(agreement, high, part).score
    assert evidence(agreement, part, low).score <= evidence(agreement, part, high).score


def test_a_strangers_name_takes_away_what_an_own_one_adds() -> None:
    own, none, strangers = (evidence(0.5, 0.5, part).score for part in (1.0, 0.0, -1.0))
    assert own - none == pytest.approx(none - strangers) == pytest.approx(NAME_PART)


def test_a_crowd_of_exemplars_counts_less() -> None:
    scores = [evidence(0.8, 0.9, 0.0, exemplars).score for exemplars in (1, CROWDED, 200, 5_000)]
    assert scores[0] == scores[1] > scores[2] > scores[3] > 0.5


def test_a_counterexample_as_near_as_the_exemplar_is_a_veto() -> None:
    flagged = evidence(0.8, 1.0, 1.0)
    for similarity, score in ((0.79, flagged.score), (0.8, 0.0), (0.9, 0.0)):
        assert replace(flagged, counterexample=Neighbour("Who runs the mill?", similarity)).score == score
