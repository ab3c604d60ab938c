from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from vllm_unlearn.evaluation.models.likelihoods import (
    Likelihood,
    exact_memorisation,
    extraction_strength,
    min_k,
    min_k_plus,
    zlib_loss,
)


def said(logprob: list[float], argmax: list[int] | None = None) -> Likelihood:
    """Tokens 0, 1, 2, ...; the model expects -2 give or take 0.5 everywhere."""
    ids = np.arange(len(logprob))
    flat = np.ones(len(logprob))
    guessed = ids if argmax is None else np.array(argmax)
    return Likelihood(ids, np.array(logprob), -2 * flat, 0.5 * flat, guessed)


def test_the_probability_is_normalised_by_length() -> None:
    short, long = said([math.log(0.25)]), said([math.log(0.5), math.log(0.125)])
    assert short.probability == pytest.approx(0.25)
    assert long.probability == pytest.approx(0.25)
    assert long.loss == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("argmax", "exact", "extracted"),
    [
        ([0, 1, 2, 3], 1.0, 1.0),
        ([9, 1, 2, 3], 0.75, 0.75),
        ([0, 9, 2, 3], 0.75, 0.5),
        ([0, 1, 2, 9], 0.75, 0.0),
        ([9, 9, 9, 9], 0.0, 0.0),
    ],
)
def test_what_greedy_decoding_gives_back(argmax: list[int], exact: float, extracted: float) -> None:
    answer = said([-1.0] * 4, argmax)
    assert exact_memorisation(answer) == exact
    assert extraction_strength(answer) == extracted


def test_min_k_means_the_least_likely_tokens() -> None:
    answer = said([-1.0, -4.0, -2.0, -3.0, -0.5])
    assert min_k(answer, 0.4) == pytest.approx(-3.5)
    assert min_k(answer, 0.41) == pytest.approx(-3.0)  # rounded up
    assert min_k(answer, 1.0) == pytest.approx(-2.1)
    assert min_k_plus(answer, 0.4) == pytest.approx(((-4 + 2) / 0.5 + (-3 + 2) / 0.5) / 2)


def test_a_token_that_was_certain_stays_finite() -> None:
    certain = Likelihood(np.array([1]), np.zeros(1), np.zeros(1), np.zeros(1), np.array([1]))
    assert min_k_plus(certain, 1.0) == 0.0


def test_a_share_is_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="between 0 and 1, not at 0"):
        min_k(said([-1.0]), 0)


def test_the_loss_by_compressed_length() -> None:
    text = "the same words again and again, the same words again and again"
    assert zlib_loss(said([-3.0, -1.0]), text) == pytest.approx(2 / len(zlib.compress(text.encode())))
