"""Which replicas may still answer, without believing a clock that is not our own."""

from __future__ import annotations

from .lease import Clock, Moment, read_clocks
from .store import Replica, Store, StoreError

# Two machines' clocks do not run quite alike.
DRIFT = 1.01


class Watch:
    """Looks at a store's replicas again and again.

    A replica counts as gone once its row has not changed for the whole of its lease while we watched: what
    it wrote of the time, and how our own wall clock stands to it, is not asked. The replica's part of
    the bargain is in ``Guard._beat``.
    """

    def __init__(self, store: Store, clock: Clock = read_clocks) -> None:
        self._store = store
        self._clock = clock
        self._seen: dict[str, tuple[Replica, Moment]] = {}

    def behind(self, generation: int) -> list[Replica]:
        """The replicas that may still serve a list older than ``generation``.

        Raises ``StoreError`` where the store does not answer.
        """
        asked = self._clock()
        rows = self._store.replicas(silent=True)
        read = self._clock()
        for row in rows:
            if self._seen.get(row.id, (None,))[0] != row:
                self._seen[row.id] = (row, read)
        found = []
        for row in self._store.behind(rows, generation):
            if self._is_gone(row, asked):
                self._bury(row)
            else:
                found.append(row)
        return found

    def _is_gone(self, row: Replica, asked: Moment) -> bool:
        lease = (row.lease_until - row.seen_at).total_seconds()
        return asked.steady - self._seen[row.id][1].steady > lease * DRIFT

    def _bury(self, row: Replica) -> None:
        """So that nobody has to watch it again."""
        try:
            self._store.bury(row)
        except StoreError:  # whoever waits may be allowed to read alone
            return
