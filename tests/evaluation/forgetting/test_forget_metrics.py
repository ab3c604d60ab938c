from __future__ import annotations

import numpy as np
import pytest
from vllm_unlearn.evaluation.forgetting.forget_metrics import (
    Text,
    aggregate,
    auc,
    choice_probability,
    closeness,
    ecdf,
    forget_quality,
    harmonic_mean,
    membership,
    memorisation,
    privacy,
    rouge_recall,
    truth_ratio,
    truth_utility,
)
from vllm_unlearn.evaluation.models.likelihoods import Likelihood


def said(logprob: float) -> Likelihood:
    flat = np.full(4, logprob)
    return Likelihood(np.arange(4), flat, np.full(4, -2.0), np.ones(4), np.arange(4))


def test_the_truth_ratio_is_of_means() -> None:
    assert truth_ratio(0.2, [0.1, 0.3, 0.2]) == pytest.approx(1.0)
    assert truth_ratio(0.4, [0.1, 0.1]) == pytest.approx(0.25)
    assert truth_ratio(0.0, [0.1]) == float("inf")


def test_as_utility_it_falls_to_nothing_at_one() -> None:
    assert [truth_utility(ratio) for ratio in (0.0, 0.25, 1.0, 3.0, float("inf"))] == [1.0, 0.75, 0, 0, 0]


def test_equal_samples_cannot_be_told_apart_and_separate_ones_can() -> None:
    ratios = list(np.linspace(0.5, 1.5, 40))
    assert forget_quality(ratios, ratios) == (0.0, 1.0)
    apart = forget_quality(ratios, [ratio + 2 for ratio in ratios])
    assert apart.distance == 1.0
    assert apart.p < 1e-20
    # 2 against 2, all of one below all of the other: 2 of the 6 orders are as far apart.
    assert forget_quality([1, 2], [3, 4]).p == pytest.approx(1 / 3)
    assert forget_quality([1, 3], [2, 4]).distance == 0.5


def test_the_probability_of_a_choice() -> None:
    assert choice_probability(0.2, [0.2, 0.1, 0.1]) == pytest.approx(0.5)
    assert choice_probability(0.0, [0.0, 0.0]) == 0.0


def test_rouge_counts_what_is_recalled() -> None:
    assert rouge_recall("born in Tartu", "She was born, they say, in the town of Tartu.") == 1.0
    assert rouge_recall("born in Tartu", "Tartu") == pytest.approx(1 / 3)
    assert rouge_recall("born in Tartu", "") == 0.0


def test_the_harmonic_mean() -> None:
    assert harmonic_mean([1.0, 0.5]) == pytest.approx(2 / 3)
    assert harmonic_mean([1.0, 0.0]) == 0.0
    with pytest.raises(ValueError, match="of no numbers"):
        harmonic_mean([])


def test_the_area_under_the_curve() -> None:
    assert auc([3, 4], [1, 2]) == 1.0
    assert auc([1, 2], [3, 4]) == 0.0
    assert auc([1, 3], [2, 2]) == 0.5
    assert auc([2, 3], [2]) == 0.75  # a tie counts half


def test_every_attack_tells_what_was_learned() -> None:
    known = [Text(said(-0.1 - n / 100), f"answer {n}") for n in range(5)]
    unknown = [Text(said(-3.0 - n / 100), f"answer {n}") for n in range(5)]
    assert membership(known, unknown) == {"loss": 1.0, "zlib": 1.0, "min-k": 1.0, "min-k++": 1.0}
    assert membership(known, known) == {"loss": 0.5, "zlib": 0.5, "min-k": 0.5, "min-k++": 0.5}


def test_closeness_spans_nought_to_one() -> None:
    assert closeness(0.4, 0.4) == 1.0
    assert closeness(1.0, 0.4) == 0.0
    assert closeness(0.7, 0.4) == pytest.approx(0.5)
    assert closeness(0.0, 0.4) == pytest.approx(1 / 3)


def test_privacy_is_only_as_good_as_the_best_attack() -> None:
    retained = {"loss": 0.5, "zlib": 0.5}
    assert privacy({"loss": 0.5, "zlib": 0.5}, retained) == 1.0
    assert privacy({"loss": 1.0, "zlib": 0.5}, retained) == 0.0


def test_memorisation_and_the_aggregate() -> None:
    # 1 - 1 / (1 + 1) = 0.5 for a ratio of 1
    assert memorisation(0.5, 0.5, 0.5, [1.0, 1.0]) == pytest.approx(0.5)
    assert memorisation(0.0, 0.0, 0.0, [float("inf")]) == 1.0
    assert memorisation(1.0, 0.5, 0.5, [1.0]) == 0.0
    assert memorisation(0.1, 0.1, 0.1, [0.2]) < memorisation(0.1, 0.1, 0.1, [1.0])
    assert aggregate(1.0, 0.5, 1.0) == pytest.approx(0.75)


def test_the_distribution_rises_to_one() -> None:
    values, shares = ecdf([3.0, 1.0])
    assert values.tolist() == [1.0, 3.0]
    assert shares.tolist() == [0.5, 1.0]
