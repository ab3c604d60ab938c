"""The store of forget targets: every change one transaction, one new immutable generation."""

from __future__ import annotations

import getpass
import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, make_url, or_, select
from sqlalchemy.orm import Session

from ...vocabulary import ForgetTarget, UserError
from .database import StoreError as StoreError
from .database import add_columns, find_missing_columns, open_engine, raise_store_errors, sqlite_path
from .schema import ChangeRow, IdentityRow, ReplicaRow, Tables, VersionRow

# The actions that list a target; the others take targets off.
_LISTS = ("forget", "replace")
# By generation; a dictionary keeps the order, and each note once.
_Notes = defaultdict[int, dict[str, None]]


class TargetError(UserError, ValueError):
    """A change that the store refuses: an unknown or a taken target id."""


class TakenError(TargetError):
    """The id of a new target is another's."""


class ExpiredError(TargetError):
    """A new target has expired before it is listed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest generation of a store. ``digest`` is of its targets: after a backup was restored, one number
    can be given twice."""

    store_id: str
    generation: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entry of the change log. ``digest`` is of all targets after it: what an auditor compares.
    ``forced``: somebody insisted, though a target was over-broad. ``notes`` are those of the targets that
    it listed or took off, each once."""

    generation: int
    at: datetime
    actor: str
    action: str
    target_ids: tuple[str, ...]
    digest: str
    forced: bool
    notes: tuple[str, ...] = ()


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


class Store:
    """Forget targets in a SQL database. Safe to share by threads and processes."""

    def __init__(self, url: str) -> None:
        """Open the store at a SQLAlchemy ``url``. Raises ``StoreError`` if it is missing or unusable."""
        self.url = url
        self.path = sqlite_path(url)
        """The store's file, if it is a SQLite one."""
        self._engine = open_engine(url)
        self.head()
        self._complete()

    @property
    def safe_url(self) -> str:
        """The URL without its password."""
        return make_url(self.url).render_as_string()

    @classmethod
    def create(cls, url: str) -> Store:
        """Make an empty store (generation 0); an existing one is opened as it is."""
        path = sqlite_path(url)
        if path and not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600)  # the list of who asked to be forgotten is personal data
            except OSError as error:
                raise StoreError(f"store {path} cannot be made: {error.filename}: {error.strerror}") from None
        with raise_store_errors(url):
            engine = open_engine(url, create=True)
            with Session(engine) as session:
                connection = session.connection(execution_options={"immediate": True})
                Tables.metadata.create_all(connection)
                if session.get(IdentityRow, 1) is None:
                    session.add(IdentityRow(row=1, id=uuid.uuid4().hex))
                session.commit()
        return cls(url)

    def head(self) -> Head:
        """The newest generation. Raises ``StoreError`` where the store does not answer."""
        with self._read() as session:
            return self._head(session)

    def snapshot(self) -> tuple[Head, tuple[ForgetTarget, ...]]:
        """The newest generation and its targets, read at one moment."""
        with self._read() as session:
            head = self._head(session)
            return head, tuple(self._target(document) for document in _documents(session, head.generation))

    def targets(self, generation: int | None = None) -> tuple[ForgetTarget, ...]:
        """The targets of a generation (the newest by default), by id."""
        with self._read() as session:
            return tuple(self._target(document) for document in _documents(session, generation))

    def get(self, target_id: str) -> ForgetTarget:
        """One target of the newest generation. Raises ``TargetError`` if there is none of that id."""
        for target in self.targets():
            if target.id == target_id:
                return target
        raise TargetError(f"no target has the id {target_id!r}")

    def forget(
        self,
        targets: Sequence[ForgetTarget],
        *,
        replace: bool = False,
        actor: str | None = None,
        forced: bool = False,
    ) -> int:
        """Add ``targets``, all or none, and return the generation that lists them. ``forced`` goes into the
        log.

        Raises ``TargetError`` where an id is given twice or, without ``replace``, is taken, and where a
        target has expired by now.
        """
        _refuse_expired(targets)
        ids = [target.id for target in targets]
        if twice := [target_id for target_id, count in Counter(ids).items() if count > 1]:
            raise TargetError(f"the id {twice[0]!r} is given twice")
        with self._write() as session:
            taken = set(_current_ids(session)) & set(ids)
            if taken and not replace:
                raise TakenError(f"the id {min(taken)!r} is taken")
            action = "replace" if taken else "forget"
            return _commit(session, action, actor, remove=taken, add=targets, forced=forced)

    def remember(self, target_ids: Sequence[str], *, actor: str | None = None) -> int:
        """Take targets off the list, all or none, and return the generation without them.

        Raises ``TargetError`` for an id that is not listed.
        """
        with self._write() as session:
            if unknown := sorted(set(target_ids) - set(_current_ids(session))):
                raise TargetError(f"no target has the id {unknown[0]!r}")
            return _commit(session, "remember", actor, remove=set(target_ids))

    def expire(self, now: datetime) -> int | None:
        """Take off the list what has expired by ``now``; return the new generation if any had."""
        with self._write() as session:  # locked before it is read: what was renewed just now stays
            targets = [self._target(document) for document in _documents(session, None)]
            due = {t.id for t in targets if t.expires_at and t.expires_at <= now}
            return _commit(session, "expire", "vllm-unlearn", remove=due) if due else None

    def changes(self) -> tuple[Change, ...]:
        """The change log, oldest first."""
        with self._read() as session:
            listed, taken_off = self._notes(session)
            changes: list[Change] = []
            for row in session.scalars(select(ChangeRow).order_by(ChangeRow.generation)):
                notes = (listed if row.action in _LISTS else taken_off)[row.generation]
                changes.append(_change(row, tuple(notes)))
            return tuple(changes)

    def beat(
        self, replica_id: str, generation: int, mode: str, lease: timedelta, *, digest: str = ""
    ) -> None:
        """Record that a replica serves ``generation``, and does not answer past the ``lease`` from now.

        ``digest`` is of the targets that it serves; of generation 0, which has none, it is empty.
        """
        now = datetime.now(UTC)
        row = ReplicaRow(
            id=replica_id,
            generation=generation,
            mode=mode,
            seen_at=now,
            lease_until=now + lease,
            digest=digest,
        )
        with self._write() as session:
            session.merge(row)

    def retire(self, replica_id: str) -> None:
        """Forget a replica that has stopped."""
        with self._write() as session:
            if replica := session.get(ReplicaRow, replica_id):
                session.delete(replica)

    def bury(self, replica: Replica) -> None:
        """Forget a replica that has not beaten since it was read as ``replica``."""
        with self._write() as session:
            row = session.get(ReplicaRow, replica.id)
            if row and _utc(row.seen_at) == replica.seen_at:
                session.delete(row)

    def replicas(self, *, silent: bool = False) -> tuple[Replica, ...]:
        """The replicas whose lease runs, if all clocks are right; with ``silent`` the others, too.

        Whether one has really stopped ``Watch`` tells.
        """
        with self._read() as session:
            replicas = list(map(_replica, session.scalars(select(ReplicaRow).order_by(ReplicaRow.id))))
        return tuple(r for r in replicas if silent or r.lease_until > datetime.now(UTC))

    def behind(self, replicas: Sequence[Replica], generation: int) -> tuple[Replica, ...]:
        """Those of ``replicas`` that serve neither ``generation`` nor a later one of this store.

        By digest: a replica may serve a generation of that number that was made before a backup was restored.
        """
        query = select(ChangeRow.generation, ChangeRow.digest)
        query = query.where(ChangeRow.generation.in_([replica.generation for replica in replicas]))
        digests = {0: ""}
        with self._read() as session:
            for change in session.execute(query):
                digests[change.generation] = change.digest
        behind: list[Replica] = []
        for replica in replicas:
            if replica.generation < generation or digests.get(replica.generation) != replica.digest:
                behind.append(replica)
        return tuple(behind)

    def holds(self, head: Head) -> bool:
        """Whether a list that was this store's newest is in its history still: not once a backup from before
        it was restored."""
        with self._read() as session:
            digest = session.scalar(select(ChangeRow.digest).where(ChangeRow.generation == head.generation))
        return head.digest == (digest or "")

    def _head(self, session: Session) -> Head:
        store_id = session.scalar(select(IdentityRow.id))
        if store_id is None:
            raise StoreError(f"store {self.safe_url} is empty; make it with `vllm-unlearn init`")
        newest = session.execute(
            select(ChangeRow.generation, ChangeRow.digest).order_by(ChangeRow.generation.desc()).limit(1)
        ).first()
        return Head(store_id, *(newest or (0, "")))

    def _complete(self) -> None:
        """Give the tables the columns that an earlier release did not make."""
        tables = Tables.metadata.sorted_tables
        with self._read() as session:
            complete = not any(find_missing_columns(session.connection(), table) for table in tables)
        if not complete:
            with self._write() as session:
                for table in tables:
                    add_columns(session.connection(), table)

    def _notes(self, session: Session) -> tuple[_Notes, _Notes]:
        """The notes of what each generation listed, and of what each took off."""
        listed, taken_off = _Notes(dict), _Notes(dict)
        for version in session.scalars(select(VersionRow).order_by(VersionRow.target_id)):
            if note := self._target(version.document).note:
                listed[version.first][note] = None
                if version.end is not None:
                    taken_off[version.end][note] = None
        return listed, taken_off

    def _target(self, document: str) -> ForgetTarget:
        try:
            return ForgetTarget.model_validate_json(document)
        except ValueError:
            raise StoreError(
                f"store {self.safe_url} holds a target that cannot be read; restore it from a backup"
            ) from None

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with self._session() as session:
            yield session

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with self._session() as session:
            session.connection(execution_options={"immediate": True})
            yield session
            session.commit()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        # SQLite would make an empty file in place of a deleted one, and list no one.
        if self.path and not self.path.is_file():
            raise StoreError(
                f"store {self.path} is no file but a folder; name a file in the configuration"
                if self.path.is_dir()
                else f"store {self.path} does not exist; make one with `vllm-unlearn init`"
            )
        with raise_store_errors(self.url), Session(self._engine) as session:
            yield session


def _documents(session: Session, generation: int | None) -> list[str]:
    query = select(VersionRow.document).order_by(VersionRow.target_id)
    if generation is None:
        return list(session.scalars(query.where(VersionRow.end.is_(None))))
    alive = or_(VersionRow.end.is_(None), VersionRow.end > generation)
    return list(session.scalars(query.where(VersionRow.first <= generation, alive)))


def _refuse_expired(targets: Sequence[ForgetTarget]) -> None:
    now = datetime.now(UTC)
    for target in targets:
        if target.expires_at and target.expires_at <= now:
            raise ExpiredError(
                f"target {target.id!r} expires at {target.expires_at.isoformat()}, which is past: nothing "
                "would be suppressed; give a later time, or none"
            )


def _current_ids(session: Session) -> list[str]:
    return list(session.scalars(select(VersionRow.target_id).where(VersionRow.end.is_(None))))


def _commit(
    session: Session,
    action: str,
    actor: str | None,
    *,
    remove: set[str],
    add: Sequence[ForgetTarget] = (),
    forced: bool = False,
) -> int:
    generation = (session.scalar(select(func.max(ChangeRow.generation))) or 0) + 1
    change = ChangeRow(
        generation=generation,
        at=datetime.now(UTC),
        actor=actor or getpass.getuser(),
        action=action,
        target_ids=json.dumps(sorted({*remove, *(target.id for target in add)})),
        digest="",
        forced=forced,
    )
    ending = select(VersionRow).where(VersionRow.end.is_(None), VersionRow.target_id.in_(remove))
    for version in session.scalars(ending):
        version.end = generation
    others = session.scalars(
        select(VersionRow.document).where(VersionRow.end.is_(None), VersionRow.target_id.not_in(remove))
    ).all()
    documents = [target.model_dump_json() for target in add]
    change.digest = hashlib.sha256("\n".join(sorted([*others, *documents])).encode()).hexdigest()
    session.add(change)
    session.flush()
    for target, document in zip(add, documents, strict=True):
        session.add(VersionRow(target_id=target.id, first=generation, end=None, document=document))
    return generation


def _change(row: ChangeRow, notes: tuple[str, ...]) -> Change:
    return Change(
        generation=row.generation,
        at=_utc(row.at),
        actor=row.actor,
        action=row.action,
        target_ids=tuple(json.loads(row.target_ids)),
        digest=row.digest,
        forced=row.forced,
        notes=notes,
    )


def _replica(row: ReplicaRow) -> Replica:
    return Replica(row.id, row.generation, row.mode, _utc(row.seen_at), _utc(row.lease_until), row.digest)


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
