"""Figures of forgetting over many answers: truth ratios, membership, memorisation, utility.

Definitions are those of TOFU (Maini et al., arXiv 2401.06121) and OpenUnlearning (Dorna et al.,
arXiv 2506.12618); where a text leaves a choice, the docstring says what was chosen. All are pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ks_2samp, mannwhitneyu

from ..models.likelihoods import Floats, Likelihood, min_k, min_k_plus, zlib_loss

# The share of tokens that OpenUnlearning's Min-K attacks look at.
MIN_K = 0.4


def truth_ratio(true: float, perturbed: Sequence[float]) -> float:
    """The mean probability of wrong answers over that of the (paraphrased) true one, 0 to infinity.

    TOFU section 2.2: a mean of probabilities, each normalised by length. (TOFU's own code takes a
    geometric mean.) Near 1 for a model that never knew, below for one that knows. Where the true answer
    has no probability the ratio is infinite.
    """
    return float(np.mean(perturbed)) / true if true > 0 else float("inf")


def truth_utility(ratio: float) -> float:
    """max(0, 1 - ratio): the truth ratio as a figure of utility, 0 to 1 (TOFU section 2.2)."""
    return max(0.0, 1.0 - ratio)


class Comparison(NamedTuple):
    """Of two samples: the largest distance of their distributions, and how likely one as large is."""

    distance: float
    p: float


def forget_quality(ratios: Sequence[float], retained: Sequence[float]) -> Comparison:
    """The two-sample Kolmogorov-Smirnov test of raw truth ratios against the retain model's (TOFU
    section 2.2): p above 0.05 is the paper's mark for forgetting that cannot be told from never
    having known."""
    test = ks_2samp(ratios, retained)
    return Comparison(float(test.statistic), float(test.pvalue))


def choice_probability(true: float, options: Sequence[float]) -> float:
    """The true answer's share of the probability of all ``options``, itself among them: TOFU's
    probability on real authors and world facts (section 2.2). 0 where none has any."""
    total = float(np.sum(options))
    return true / total if total > 0 else 0.0


def rouge_recall(truth: str, answer: str) -> float:
    """ROUGE-L recall of an answer, with stemming (TOFU section 2.2), 0 to 1."""
    return float(_scorer().score(truth, answer)["rougeL"].recall)


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)


def harmonic_mean(values: Sequence[float]) -> float:
    """The harmonic mean of numbers from 0 up; 0 if one is 0. Raises ``ValueError`` for none."""
    if not values:
        raise ValueError("the harmonic mean of no numbers is not defined")
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def auc(members: Sequence[float], others: Sequence[float]) -> float:
    """The chance that a member scores above one that is none, ties as a half (area under the ROC)."""
    return float(mannwhitneyu(members, others).statistic) / (len(members) * len(others))


class Text(NamedTuple):
    """An answer and what the model says of it."""

    likelihood: Likelihood
    text: str


def attacks(share: float = MIN_K) -> dict[str, Callable[[Text], float]]:
    """The membership scores of OpenUnlearning, each higher for what was learned: LOSS (Yeom et al.
    2018), zlib, Min-K and Min-K++."""
    return {
        "loss": lambda text: -text.likelihood.loss,
        "zlib": lambda text: -zlib_loss(text.likelihood, text.text),
        "min-k": lambda text: min_k(text.likelihood, share),
        "min-k++": lambda text: min_k_plus(text.likelihood, share),
    }


def membership(members: Sequence[Text], others: Sequence[Text], share: float = MIN_K) -> dict[str, float]:
    """Each attack's AUC in telling ``members`` (answers to forget) from ``others`` (never learned); without
    those for which too little is known of the answers."""
    aucs = {}
    for name, score in attacks(share).items():
        inside, outside = [score(text) for text in members], [score(text) for text in others]
        if not np.isnan([*inside, *outside]).any():
            aucs[name] = auc(inside, outside)
    return aucs


def closeness(value: float, retained: float) -> float:
    """1 - |AUC - the retain model's AUC| over the furthest that an AUC can lie from it, 0 to 1.

    OpenUnlearning scores an attack by how near its AUC is to the retain model's; that the difference is
    divided by max(retained, 1 - retained), so that the score spans 0 to 1, is not certain to be the
    paper's form. An AUC below the retain model's counts against a method as one above does.
    """
    return max(0.0, 1 - abs(value - retained) / max(retained, 1 - retained))


def privacy(aucs: Mapping[str, float], retained: Mapping[str, float]) -> float:
    """The harmonic mean of the attacks' closeness (OpenUnlearning), 0 to 1; of the attacks in both."""
    return harmonic_mean([closeness(aucs[name], retained[name]) for name in retained if name in aucs])


def memorisation(extraction: float, exact: float, paraphrase: float, ratios: Sequence[float]) -> float:
    """How little is memorised: the harmonic mean of 1 - extraction strength, 1 - exact memorisation,
    1 - P(paraphrase) and 1 - truth ratio (OpenUnlearning), 0 to 1.

    Here the truth ratio is the mean of P(true) / (P(true) + P(wrong)) = 1 / (1 + ratio), which grows
    with what is known. Its other form, min(ratio, 1 / ratio), falls with it: in this place it would
    give the retain model the worst score. The paper also divides each by the unforgotten model's, which
    is not done here.
    """
    known = float(np.mean(1 / (1 + np.asarray(ratios, dtype=float))))
    return harmonic_mean([1 - extraction, 1 - exact, 1 - paraphrase, 1 - known])


def aggregate(memorised: float, private: float, utility: float) -> float:
    """The harmonic mean of memorisation, privacy and utility (OpenUnlearning), 0 to 1."""
    return harmonic_mean([memorised, private, utility])


def ecdf(values: Sequence[float]) -> tuple[Floats, Floats]:
    """The sorted values, and the share of values up to each."""
    ordered = np.sort(np.asarray(values, dtype=float))
    return ordered, np.arange(1, len(ordered) + 1) / len(ordered)
