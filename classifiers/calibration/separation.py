"""Before a topic goes live: how well are its own texts told from ordinary ones?"""

from __future__ import annotations

from dataclasses import dataclass

from ...vocabulary import ForgetTarget
from ..encoders.encoder import Encoder
from ..evidence import THRESHOLD
from ..index.lines import MIN_TEXTS, Backgrounds, has_line, own_texts
from .calibration import upper_bound
from .held_out import cross_validate

# What cannot be found in so small a share of its own texts is no topic that could be forgotten.
LEAST = 0.1
# So small a share is worth a warning: twelve lines that say nothing ("Explain it.") are found in none, 20 of
# a subject of MMLU in 15 to 100 %.
FEW = 0.25
# Held-out texts of one target: a measured recall of 0.5 is then known to within 0.07.
AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Separation:
    """Of ``n`` texts of a target's own that were left out of its line in turn, ``found`` are flagged."""

    target_id: str
    found: int
    n: int

    @property
    def fails(self) -> bool:
        """Whether it is proven that fewer than ``LEAST`` of such texts are found."""
        return self.n > 0 and upper_bound(self.found, self.n) < LEAST

    @property
    def warning(self) -> str:
        """What is wrong if it is few that are found, proof or not."""
        if self.found >= FEW * self.n:
            return ""
        return (
            f"{self.target_id!r} is hardly told from ordinary texts: {self.share}; give texts that are about "
            "one thing, more of them, or fewer counterexamples"
        )

    @property
    def share(self) -> str:
        """Of how many texts how many are found."""
        return f"{self.found} of {self.n} of its own texts are found when they are left out"

    @property
    def recall(self) -> float:
        """The share that is found."""
        return self.found / max(1, self.n)

    def __str__(self) -> str:
        return f"{self.target_id!r}: {self.share} ({self.recall:.0%}, with half of the others listed)"


def can_be_measured(target: ForgetTarget) -> bool:
    """Whether half of its texts are enough for a line."""
    return has_line(target) and len(own_texts(target)) >= 2 * MIN_TEXTS


def measure_separation(
    target: ForgetTarget, encoder: Encoder, backgrounds: Backgrounds, threshold: float = THRESHOLD
) -> Separation:
    """Two-fold cross-validation of a target that has a line; ``encoder`` is of its texts.

    It should have twice as many texts as a line needs (``can_be_measured``).
    """
    scores = list(cross_validate([target], encoder, backgrounds.sieve, lambda: backgrounds, at_most=AT_MOST))
    found = sum(score >= threshold for score in scores)
    return Separation(target.id, found, len(scores))
