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
NEAREST = 3
# Held-out texts of one target: a measured recall of 0.5 is then known to within 0.07.
AT_MOST = 200
_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Separation:
    """Of ``n`` texts of a target's own that were left out of its line in turn, ``found`` are flagged;
    ``nearest`` are ordinary texts that come nearest to it, the first one nearest."""

    target_id: str
    found: int
    n: int
    nearest: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether it is proven that fewer than ``LEAST`` of such texts are found."""
        return self.n > 0 and upper_bound(self.found, self.n) < LEAST

    def __str__(self) -> str:
        ordinary = ", ".join(map(repr, self.nearest))
        return (
            f"{self.target_id!r}: {self.found} of {self.n} of its own texts are found when they are left out "
            f"({self.found / max(1, self.n):.0%}, with half of the others listed); "
            f"nearest ordinary texts: {ordinary}"
        )


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
    nearest = tuple(text[:_SHOWN_CHARS] for text in backgrounds.nearest(target, encoder, NEAREST))
    return Separation(target.id, found, len(scores), nearest)
