"""How long a replica may serve on what it knows, by clocks that it does not have to believe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# Counts on while the machine sleeps, which `time.monotonic` does not on Linux.
_AWAKE_OR_NOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by two clocks, in seconds. ``steady`` is never set; ``wall`` is, but also tells a machine
    that was frozen with all its clocks, once it is set again."""

    steady: float
    wall: float

    def since(self, earlier: Moment) -> float:
        """Seconds since ``earlier``: as many as either clock says."""
        return max(self.steady - earlier.steady, self.wall - earlier.wall)


Clock = Callable[[], Moment]


def read_clocks() -> Moment:
    """The machine's own clocks."""
    return Moment(time.clock_gettime(_AWAKE_OR_NOT), time.time())


class Lease:
    """Runs ``seconds`` from the moment that it was last renewed for; it has run out before the first."""

    def __init__(self, seconds: float, clock: Clock = read_clocks) -> None:
        self.clock = clock
        self._seconds = seconds
        self._begun: Moment | None = None

    @property
    def runs(self) -> bool:
        """Whether the lease still holds."""
        begun = self._begun
        return begun is not None and self.clock().since(begun) < self._seconds

    @property
    def is_due(self) -> bool:
        """Whether it should be renewed: long before it runs out, and no oftener, since it is a write."""
        begun = self._begun
        return begun is None or self.clock().since(begun) >= self._seconds / 3

    def renew(self, begun: Moment) -> None:
        """Let it run from ``begun``, a moment before the store was told."""
        self._begun = begun
