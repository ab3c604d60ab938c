"""The replicas of a store: what each says that it serves, and until when it may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from .database import Database
from .schema import ChangeRow, ReplicaRow, Tables, in_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a replica says of itself; empty where it is of a version that did not say so."""

    since: datetime | None = None
    """From when on it serves this generation, by its own clock."""
    process: int = 0
    host: str = ""
    encoder: str = ""
    """The encoder's fingerprint."""
    recipe: str = ""
    """The recipe's digest, or what stands in its place."""
    model: str = ""
    """As clients call it."""
    version: str = ""
    """Of vllm-unlearn."""
    vllm: str = ""


@dataclass(frozen=True, slots=True)
class Replica(About):
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


_NOTHING = About()


class Fleet:
    """The replicas that follow a store. Safe to share by threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(
        self,
        replica_id: str,
        generation: int,
        mode: str,
        lease: timedelta,
        *,
        digest: str = "",
        about: About = _NOTHING,
    ) -> None:
        """Record that a replica serves ``generation``, and does not answer past the ``lease`` from now.

        ``digest`` is of the targets that it serves; of generation 0, which has none, it is empty.
        """
        now = datetime.now(UTC)
        replica = Replica(replica_id, generation, mode, now, now + lease, digest, **_values(about))
        with self._database.write_beside() as connection:
            connection.execute(_UPSERTS[connection.dialect.name], _values(replica))

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


def _values(of: About) -> dict[str, Any]:
    """The fields; ``asdict`` copies each, which takes longer than to write them."""
    return {field.name: getattr(of, field.name) for field in fields(of)}


def _replica(row: ReplicaRow) -> Replica:
    values = {field.name: getattr(row, field.name) for field in fields(Replica)}
    times = {name: in_utc(value) for name, value in values.items() if isinstance(value, datetime)}
    return Replica(**(values | times))


def tell_differences(replicas: Sequence[Replica]) -> tuple[str, ...]:
    """A sentence for each thing that replicas of one fleet should have in common and have not."""
    sentences: list[str] = []
    for what, name in _COMMON.items():
        ids = defaultdict[str, list[str]](list)
        for replica in replicas:
            ids[getattr(replica, what)].append(replica.id)
        if len(ids) > 1:
            each = [f"{value[:64] or 'not said'} ({', '.join(ids[value])})" for value in sorted(ids)]
            sentences.append(
                f"the replicas differ in their {name}, so one prompt may be answered in two ways: "
                f"{'; '.join(each)}"
            )
    return tuple(sentences)


_COMMON = {
    "encoder": "encoder",
    "recipe": "recipe",
    "model": "model",
    "version": "version of vllm-unlearn",
    "vllm": "version of vLLM",
}
