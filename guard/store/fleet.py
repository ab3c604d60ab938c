"""The replicas of a store: what each says that it serves, and until when it may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from .database import Database
from .schema import ChangeRow, ReplicaRow, Tables, in_utc


@dataclass(frozen=True, slots=True)
class Replica:
    """A serving process; past ``lease_until``, by its own clock, it no longer answers
    (``Settings.max_stale_seconds``)."""

    id: str
    generation: int
    mode: str
    seen_at: datetime
    lease_until: datetime
    digest: str = ""


def _upsert(insert: Callable[[Table], Any]) -> Any:
    statement = insert(_ROWS)
    kept = {column.name: statement.excluded[column.name] for column in _ROWS.columns}
    return statement.on_conflict_do_update(index_elements=["id"], set_=kept)


_ROWS = Tables.metadata.tables["replicas"]
# Made once: several times a minute each replica writes its row.
_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


class Fleet:
    """The replicas that follow a store. Safe to share by threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(
        self, replica_id: str, generation: int, mode: str, lease: timedelta, *, digest: str = ""
    ) -> None:
        """Record that a replica serves ``generation``, and does not answer past the ``lease`` from now.

        ``digest`` is of the targets that it serves; of generation 0, which has none, it is empty.
        """
        now = datetime.now(UTC)
        values = asdict(Replica(replica_id, generation, mode, now, now + lease, digest))
        with self._database.write_beside() as connection:
            connection.execute(_UPSERTS[connection.dialect.name], values)

    def retire(self, replica_id: str) -> None:
        """Forget a replica that has stopped."""
        with self._database.write_beside() as connection:
            connection.execute(delete(ReplicaRow).where(ReplicaRow.id == replica_id))

    def bury(self, replica: Replica) -> None:
        """Forget a replica that has not beaten since it was read as ``replica``."""
        same = (ReplicaRow.id == replica.id, ReplicaRow.seen_at == replica.seen_at)
        with self._database.write_beside() as connection:
            connection.execute(delete(ReplicaRow).where(*same))

    def replicas(self, *, silent: bool = False) -> tuple[Replica, ...]:
        """The replicas whose lease runs, if all clocks are right; with ``silent`` the others, too.

        Whether one has really stopped ``Watch`` tells.
        """
        with self._database.read() as session:
            rows = session.scalars(select(ReplicaRow))
            replicas = sorted(map(_replica, rows), key=lambda replica: replica.id)
        return tuple(r for r in replicas if silent or r.lease_until > datetime.now(UTC))

    def behind(self, replicas: Sequence[Replica], generation: int) -> tuple[Replica, ...]:
        """Those of ``replicas`` that serve neither ``generation`` nor a later one of this store.

        By digest: a replica may serve a generation of that number that was made before a backup was restored.
        """
        query = select(ChangeRow.generation, ChangeRow.digest)
        query = query.where(ChangeRow.generation.in_({replica.generation for replica in replicas}))
        digests = {0: ""}
        with self._database.read() as session:
            for change in session.execute(query):
                digests[change.generation] = change.digest
        behind: list[Replica] = []
        for replica in replicas:
            if replica.generation < generation or digests.get(replica.generation) != replica.digest:
                behind.append(replica)
        return tuple(behind)


def _replica(row: ReplicaRow) -> Replica:
    seen_at, lease_until = in_utc(row.seen_at), in_utc(row.lease_until)
    return Replica(row.id, row.generation, row.mode, seen_at, lease_until, row.digest)
