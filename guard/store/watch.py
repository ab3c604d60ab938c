"""Which replicas may still answer, without believing a clock that is not our own."""

from __future__ import annotations

from .fleet import Replica
from .lease import Clock, Moment, read_clocks
from .store import Store, StoreError

# Two machines' clocks do not run quite alike.
DRIFT = 1.01
SWEEP_SECONDS = 60.0


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
        self._swept = clock()

    def behind(self, generation: int) -> list[Replica]:
        """The replicas that may still serve a list older than ``generation``.

        Raises ``StoreError`` where the store does not answer.
        """
        there, gone = self._look()
        behind = self._store.fleet.behind([*there, *gone], generation)
        self._bury([row for row in behind if row in gone])
        return [row for row in behind if row in there]

    def sweep(self) -> None:
        """Take the rows of replicas that crashed off the store's list, by looking once a minute.

        Raises ``StoreError`` where the store does not answer.
        """
        now = self._clock()
        if now.steady - self._swept.steady >= SWEEP_SECONDS:
            self._swept = now
            self._bury(self._look()[1])

    def _look(self) -> tuple[list[Replica], list[Replica]]:
        """The replicas that may still answer, and those that are gone."""
        asked = self._clock()
        rows = self._store.fleet.replicas(silent=True)
        read = self._clock()
        before, self._seen = self._seen, {}
        for row in rows:
            known = before.get(row.id)
            self._seen[row.id] = known if known and known[0] == row else (row, read)
        there: list[Replica] = []
        gone: list[Replica] = []
        for row in rows:
            (gone if self._is_gone(row, asked) else there).append(row)
        return there, gone

    def _is_gone(self, row: Replica, asked: Moment) -> bool:
        lease = (row.lease_until - row.seen_at).total_seconds()
        return asked.steady - self._seen[row.id][1].steady > lease * DRIFT

    def _bury(self, rows: list[Replica]) -> None:
        """So that nobody has to watch them again."""
        try:
            for row in rows:
                self._store.fleet.bury(row)
        except StoreError:  # whoever waits may be allowed to read alone
            return
