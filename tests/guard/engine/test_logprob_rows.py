"""Log-probabilities without the alternatives that a client must not see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.outputs import LogprobsLists
from vllm_unlearn.guard.engine.logprob_rows import certain, with_made_up, without


def row(shares: list[float]) -> LogprobsLists:
    values = np.log(np.array([shares], np.float32))
    return LogprobsLists(np.arange(len(shares))[None] + 100, values, np.array([1]))


def shown(given: LogprobsLists) -> list[tuple[int, float]]:
    values = [round(float(value), 4) for value in np.exp(given.logprobs[0])]
    return list(zip(given.logprob_token_ids[0].tolist(), values, strict=True))


@pytest.mark.parametrize(
    ("hidden", "width", "expected"),
    [
        ([], 3, [(100, 0.4), (101, 0.2), (102, 0.2)]),
        ([], 5, [(100, 0.4), (101, 0.2), (102, 0.2), (103, 0.1)]),
        ([1], 3, [(100, 0.5), (102, 0.25), (103, 0.125)]),
        ([1], 4, [(100, 0.5), (102, 0.25), (103, 0.125), (100, 0.5)]),
        ([1, 2, 3], 3, [(100, 0.8), (100, 0.8), (100, 0.8)]),
        ([3], 1, [(100, 0.4444)]),
    ],
)
def test_the_others_share_what_is_hidden(hidden: list[int], width: int, expected: object) -> None:
    mask = np.isin(np.arange(4), hidden)
    assert shown(without(row([0.4, 0.2, 0.2, 0.1]), mask, width)) == expected


def test_a_row_that_hides_nothing_is_the_same_object() -> None:
    given = row([0.4, 0.2])
    assert without(given, np.zeros(2, bool), 2) is given


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=12).flatmap(
        lambda s: st.tuples(st.just(s), st.lists(st.booleans(), min_size=len(s), max_size=len(s)))
    ),
    st.integers(1, 14),
)
def test_the_token_comes_first_and_nothing_is_surer_than_sure(
    drawn: tuple[list[float], list[bool]], width: int
) -> None:
    shares, hidden = drawn
    mask = np.array([False, *hidden[1:]])
    given = row([share / sum(shares) for share in shares])
    left = without(given, mask, width)
    assert left.logprob_token_ids[0, 0] == 100
    assert (left.logprobs <= 0).all() and np.isfinite(left.logprobs).all()
    assert not set(left.logprob_token_ids[0].tolist()) & set((np.flatnonzero(mask) + 100).tolist())
    assert left.logprobs.shape == left.logprob_token_ids.shape
    assert left.logprobs.dtype == given.logprobs.dtype


def test_what_was_above_the_token_no_longer_counts_for_its_rank() -> None:
    given = row([0.1, 0.5, 0.4])._replace(sampled_token_ranks=np.array([3]))
    assert without(given, np.array([False, True, False]), 2).sampled_token_ranks.tolist() == [2]


@pytest.mark.parametrize("shares", [[0.5, 0.3, 0.1, 1e-6, 1e-7, 1e-8], [0.5, 0.3, 0.1]])
def test_tokens_that_were_asked_for_tell_by_no_value_that_they_are_listed(shares: list[float]) -> None:
    given = row(shares)
    hidden = np.arange(len(shares)) % 3 > 0
    made = with_made_up(given, hidden, "key")
    assert made.logprob_token_ids.tolist() == given.logprob_token_ids.tolist()
    assert (made.logprobs[0][~hidden] == given.logprobs[0][~hidden]).all()
    assert len(set(made.logprobs[0].tolist())) == len(shares)
    assert (made.logprobs <= 0).all() and made.logprobs.dtype == given.logprobs.dtype
    assert (with_made_up(given, hidden, "key").logprobs == made.logprobs).all()
    assert not np.isclose(
        with_made_up(given, hidden, "other").logprobs[0][hidden], made.logprobs[0][hidden]
    ).any()


def test_alone_with_the_token_that_came_a_hidden_one_is_as_rare_as_most() -> None:
    made = with_made_up(row([0.5, 0.3]), np.array([False, True]), "key")
    assert -20 < made.logprobs[0, 1] < -8


def test_a_token_that_had_to_come_is_certain() -> None:
    assert shown(certain(7, 2)) == [(7, 1.0), (7, 1.0)]


def test_spare_tokens_fill_what_is_left_out() -> None:
    left = without(row([0.5, 0.3, 0.1]), np.array([False, True, False]), 3, [7])
    assert left.logprob_token_ids[0].tolist() == [100, 102, 7]
    assert left.logprobs[0, 2] < left.logprobs[0, 1] < left.logprobs[0, 0]
