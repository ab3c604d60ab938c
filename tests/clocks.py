from __future__ import annotations

from vllm_unlearn.guard.store.lease import Moment, read_clocks

LEASE = 2.0


class Clocks:
    """The machine's clocks, until they jump."""

    def __init__(self) -> None:
        self.steady = self.wall = 0.0

    def __call__(self) -> Moment:
        real = read_clocks()
        return Moment(real.steady + self.steady, real.wall + self.wall)
