"""Fit the threshold on benign prompts, with a guarantee for those to come (split conformal prediction).

Vovk, "Conditional validity of inductive conformal predictors" (2012, arXiv 1209.2673), proposition 2;
Angelopoulos and Bates, "A gentle introduction to conformal prediction" (2021, arXiv 2107.07511).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p
from math import floor as whole

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from ...vocabulary import UserError

CONFIDENCE = 0.95
# A threshold has four decimals; rounded up, which can only flag less.
STEPS = 10_000

Scores = npt.NDArray[np.float64]


class CalibrationError(UserError, ValueError):
    """The threshold cannot be fitted; the message says why and what would help."""


def upper_bound(flagged: int, n: int, confidence: float = CONFIDENCE) -> float:
    """A rate that the true one is not above, with ``confidence`` (Clopper and Pearson 1934)."""
    return 1.0 if flagged >= n else float(betaincinv(flagged + 1, n - flagged, confidence))


def lower_bound(flagged: int, n: int, confidence: float = CONFIDENCE) -> float:
    """A rate that the true one is not below, with ``confidence``; 0 where nothing was flagged."""
    return float(betaincinv(flagged, n - flagged + 1, 1 - confidence)) if flagged else 0.0


def prompts_needed(max_fpr: float, confidence: float = CONFIDENCE) -> int:
    """The fewest benign prompts that can show a rate of at most ``max_fpr``: none of them flagged."""
    return ceil(log(1 - confidence) / log1p(-max_fpr))


def allowance(n: int, max_fpr: float, confidence: float = CONFIDENCE) -> int:
    """How many of ``n`` benign prompts may be flagged for the guarantee to hold; -1 if ``n`` is too small.

    Worked out before any score is seen: the rate of a threshold just above the k-th largest of ``n``
    scores is at most (ties) a Beta(k, n - k + 1) variable, whatever their distribution; k - 1 are flagged.
    """
    low, high = -1, n - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if upper_bound(middle, n, confidence) <= max_fpr else (low, middle - 1)
    return low


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold, and what is known of the benign prompts that it flags.

    ``n`` counts the benign prompts that name no target, ``named`` those that do: a full name scores 1
    and is flagged at every threshold.
    """

    threshold: float
    n: int
    named: int
    flagged: int
    """How many of the ``n`` prompts are flagged at the threshold."""
    allowed: int
    max_fpr: float
    confidence: float

    @property
    def bound(self) -> float:
        """What the false-positive rate is not above, with ``confidence`` over the draw of the sample."""
        return upper_bound(self.allowed, self.n, self.confidence)

    @property
    def marginal(self) -> float:
        """What the probability to flag the next benign prompt is not above, sample and prompt both drawn."""
        return (self.allowed + 1) / (self.n + 1)

    @property
    def guarantee(self) -> str:
        """What holds, on which assumption, with which confidence: one paragraph for an auditor."""
        return (
            f"With confidence {self.confidence:.4g} over the draw of these {self.n:,} prompts, at most "
            f"{self.bound:.3g} of all benign prompts that name no target are flagged at threshold "
            f"{self.threshold:g} (wanted: {self.max_fpr:g}); the next one is flagged with probability at "
            f"most {self.marginal:.3g}. Assumed: the sample and the traffic to come are independent draws "
            "from one distribution, and neither the targets nor the encoder change. Calibrate again when "
            "they do, on prompts that no target's counterexamples were taken from."
        )


def calibrate(
    scores: Sequence[float] | Scores, max_fpr: float, confidence: float = CONFIDENCE, least: float = 0.0
) -> Calibration:
    """The smallest threshold, not under ``least``, that flags at most ``max_fpr`` of benign prompts.

    ``scores`` are each benign prompt's highest score of any target, 0 to 1; a prompt is flagged if it
    scores at least the threshold. Raises ``CalibrationError`` where a figure is out of range or the prompts
    are too few.
    """
    for what, share in (("max_fpr", max_fpr), ("confidence", confidence)):
        if not 0.0 < share < 1.0:
            raise CalibrationError(f"{what} must be between 0 and 1, got {share}")
    every = _check(scores)
    unnamed = np.sort(every[every < 1.0])[::-1]
    n = len(unnamed)
    may = allowance(n, max_fpr, confidence)
    if may < 0:
        raise CalibrationError(
            f"{n:,} benign prompts that name no target cannot show a false-positive rate of at most "
            f"{max_fpr:g} with confidence {confidence:g}: give {prompts_needed(max_fpr, confidence):,} or "
            "more, or allow a larger rate"
        )
    threshold = max(least, _just_above(float(unnamed[may])))
    flagged = int((unnamed >= threshold).sum())
    return Calibration(threshold, n, len(every) - n, flagged, may, max_fpr, confidence)


def _check(scores: Sequence[float] | Scores) -> Scores:
    every = np.asarray(scores, dtype=np.float64)
    wrong = every[~((every >= 0.0) & (every <= 1.0))]
    if len(wrong):
        raise ValueError(f"a score must be from 0 to 1, got {wrong[0]}")
    return every


def _just_above(score: float) -> float:
    """The next number of four decimals; at most 1, as ``score`` is less."""
    step = whole(score * STEPS)
    while step / STEPS <= score:
        step += 1
    return step / STEPS


@dataclass(frozen=True, slots=True)
class Recall:
    """How many prompts about targets are flagged, and how many of those that do not name theirs."""

    found: int
    n: int
    unnamed_found: int
    unnamed: int

    @classmethod
    def of(cls, scores: Collection[float], threshold: float) -> Recall:
        """``scores`` are each prompt's score of the target that it is about."""
        unnamed = [score for score in scores if score < 1.0]
        missed = sum(score < threshold for score in scores)
        missed_unnamed = sum(score < threshold for score in unnamed)
        return cls(len(scores) - missed, len(scores), len(unnamed) - missed_unnamed, len(unnamed))

    def __str__(self) -> str:
        return (
            f"{_share(self.found, self.n)}; of those without a name "
            f"{_share(self.unnamed_found, self.unnamed)}"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part:,} of {whole:,})" if whole else "none to measure"
