"""A line between the texts about a target and all others: a direction in the encoder's space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log

from ..calibration.calibration import allowance, prompts_needed
from ..encoders.encoder import Vectors

# The share of a background past which a text counts as somewhat near: where evidence begins.
NEAR = 0.01
# The share whose values a line keeps.
TAIL = 0.03


@dataclass(frozen=True, slots=True)
class Line:
    """The value of a text is its vector's product with ``normal``, shape (dimension,), plus ``offset``; over
    the background it has the mean 0 and the deviation 1.

    ``tail`` holds the highest values of the background, a share of ``TAIL``, in falling order; ``size`` is
    how many texts the background has. ``against`` is the value that few of the near texts
    exceed which are not about the target.
    """

    normal: Vectors
    offset: float
    tail: Vectors
    size: int
    against: float

    def value(self, share: float) -> float:
        """The value that no more than ``share`` of the background exceeds."""
        return float(self.tail[min(int(share * self.size), len(self.tail) - 1)])

    def bound(self, share: float) -> float:
        """The value that no more than ``share`` of ordinary texts exceed, with the confidence that
        ``calibrate`` has, if they are drawn as the background is; and few of the near texts.

        A share too small for a background of this size is extrapolated: the tail falls off by a constant
        factor for each step of the mean excess (an exponential tail; Pickands 1975 with shape 0).
        """
        return max(self.against, self._tail_bound(share))

    def _tail_bound(self, share: float) -> float:
        flagged = _allowance(self.size, share)
        if flagged >= 0:
            return float(self.tail[min(flagged, len(self.tail) - 1)])
        near = self.value(NEAR)
        excess = float(self.tail[: max(1, int(NEAR * self.size))].mean()) - near
        return float(self.tail[0]) + excess * log(prompts_needed(share) / self.size)


@lru_cache(maxsize=256)
def _allowance(size: int, share: float) -> int:
    return allowance(size, share)
