from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from vllm_unlearn.classifiers.calibration.calibration import (
    Recall,
    allowance,
    calibrate,
    lower_bound,
    prompts_needed,
    upper_bound,
)

UNIT = st.floats(0.0, 1.0, exclude_max=True)


@pytest.mark.parametrize(("flagged", "n"), [(0, 100), (1, 200), (7, 1_000), (99, 100)])
def test_the_bounds_are_those_of_clopper_and_pearson(flagged: int, n: int) -> None:
    """By their definition: the rate at which what was seen, or less, has probability 0.05."""
    assert binom.cdf(flagged, n, upper_bound(flagged, n)) == pytest.approx(0.05)
    if flagged:
        assert binom.sf(flagged - 1, n, lower_bound(flagged, n)) == pytest.approx(0.05)


def test_the_bounds_at_the_ends() -> None:
    assert (lower_bound(0, 200), upper_bound(200, 200)) == (0.0, 1.0)


def test_one_prompt_in_200_is_no_proof_and_two_are() -> None:
    assert lower_bound(1, 200) < 1e-3 < lower_bound(2, 200)


@pytest.mark.parametrize(("max_fpr", "confidence"), [(1e-3, 0.95), (0.01, 0.99), (0.3, 0.5), (5e-4, 0.9)])
def test_as_many_prompts_are_needed_as_are_asked_for(max_fpr: float, confidence: float) -> None:
    needed = prompts_needed(max_fpr, confidence)
    assert allowance(needed, max_fpr, confidence) == 0
    assert allowance(needed - 1, max_fpr, confidence) == -1


@pytest.mark.parametrize("n", [3_000, 10_000, 214_272])
def test_the_most_that_the_bound_allows_is_allowed(n: int) -> None:
    most = allowance(n, 1e-3)
    assert upper_bound(most, n) <= 1e-3 < upper_bound(most + 1, n)


def test_too_few_prompts_are_told_how_many_are_needed() -> None:
    with pytest.raises(ValueError, match=r"^500 benign prompts .* give 2,995 or more"):
        calibrate([0.1] * 500, 1e-3)
    assert calibrate([0.1] * 2_995, 1e-3).allowed == 0


@pytest.mark.parametrize("bad", [[0.1, float("nan")], [-0.1], [1.1], [inf]])
def test_a_score_out_of_range_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="a score must be from 0 to 1"):
        calibrate(bad, 0.5)


@pytest.mark.parametrize(("max_fpr", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.1, 0.0), (0.1, 1.0)])
def test_a_share_out_of_range_is_refused(max_fpr: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        calibrate([0.1] * 100, max_fpr, confidence)


def test_ties_at_the_threshold_are_not_flagged() -> None:
    """A prompt is flagged at the threshold, so the threshold lies above all equal scores."""
    scores = [0.1] * 900 + [0.4] * 100
    fitted = calibrate(scores, 0.05)
    assert (fitted.threshold, fitted.flagged) == (0.4001, 0)
    assert fitted.allowed > 0


@given(st.lists(UNIT, min_size=60, max_size=80))
def test_the_threshold_is_the_smallest_that_is_allowed(scores: list[float]) -> None:
    fitted = calibrate(scores, 0.1)
    assert 0.0 < fitted.threshold <= 1.0
    assert fitted.flagged == sum(score >= fitted.threshold for score in scores) <= fitted.allowed
    # A step of rounding lower, and more than are allowed are at or above it.
    assert sum(score >= fitted.threshold - 1.0001e-4 for score in scores) > fitted.allowed


def test_named_prompts_are_counted_apart_and_never_calibrated_away() -> None:
    fitted = calibrate([1.0] * 40 + [0.2] * 100, 0.05)
    assert (fitted.named, fitted.n, fitted.threshold) == (40, 100, 0.2001)
    with pytest.raises(ValueError, match=r"^0 benign prompts that name no target"):
        calibrate([1.0] * 1_000, 0.05)


def test_the_threshold_is_one_at_the_most() -> None:
    assert calibrate([0.99999] * 100, 0.05).threshold == 1.0


def test_no_threshold_below_the_least() -> None:
    assert calibrate([0.0] * 100, 0.05, least=0.35).threshold == 0.35


def test_the_guarantee_says_what_holds_on_which_assumption() -> None:
    fitted = calibrate(np.linspace(0, 0.6, 10_000), 1e-3)
    for part in ("confidence 0.95", "10,000 prompts", "wanted: 0.001", "independent draws", "most 0.0005"):
        assert part in fitted.guarantee
    assert fitted.bound <= 1e-3
    assert fitted.marginal == (fitted.allowed + 1) / 10_001


@pytest.mark.parametrize("ties", [False, True])
def test_the_true_rate_is_within_the_limit_as_often_as_promised(ties: bool) -> None:
    """Scores uniform on 0 to 1, so the rate of a threshold t is 1 - t; with ``ties``, in steps of 0.01."""
    rng, draws, max_fpr, confidence = np.random.default_rng(7), 4_000, 0.05, 0.9
    over = 0
    for _ in range(draws):
        scores = rng.random(400)
        threshold = calibrate(np.floor(scores * 100) / 100 if ties else scores, max_fpr, confidence).threshold
        rate = 1 - np.ceil(threshold * 100 - 1e-9) / 100 if ties else 1 - threshold
        over += rate > max_fpr + 1e-9
    promised = draws * (1 - confidence)
    assert over <= promised + 3 * promised**0.5
    # The promise is nearly used up: a threshold any lower would break it.
    assert ties or over >= 0.7 * promised


def test_recall_tells_the_prompts_without_a_name_apart() -> None:
    recall = Recall.of([1.0, 1.0, 0.6, 0.5, 0.4], 0.5)
    assert recall == Recall(found=4, n=5, unnamed_found=2, unnamed=3)
    assert str(recall) == "80.0% (4 of 5); of those without a name 66.7% (2 of 3)"
    assert str(Recall.of([], 0.5)) == "none to measure; of those without a name none to measure"
