"""The store of forget targets: every change one transaction, one new immutable generation."""

from __future__ import annotations

import getpass
import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from ...vocabulary import ForgetTarget, UserError
from .database import Database
from .database import StoreError as StoreError
from .difference import Difference
from .fleet import Fleet
from .follower import CHANNEL
from .head import QUERY, Head, head_of
from .revision import NEWEST, read_revision, upgrade
from .schema import ChangeRow, IdentityRow, VersionRow, in_utc

# The actions that list a target; the others also take targets off.
_LISTS = ("forget", "replace")
# By generation; a dictionary keeps the order, and each note once.
_Notes = defaultdict[int, dict[str, None]]


class TargetError(UserError, ValueError):
    """A change that the store refuses: an unknown or a taken target id."""


class TakenError(TargetError):
    """The id of a new target is another's."""


class ExpiredError(TargetError):
    """A new target has expired before it is listed."""


class UnknownGenerationError(TargetError):
    """A generation that there is none of."""


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
class Delta:
    """What leads to the list of ``head``: first the targets with the ids that were ``removed`` go, then those
    that were ``added`` come."""

    head: Head
    added: tuple[ForgetTarget, ...]
    removed: frozenset[str]


class Store:
    """Forget targets in a SQL database. Safe to share by threads and processes."""

    def __init__(self, url: str) -> None:
        """Open the store at a SQLAlchemy ``url``; an older version's is upgraded.

        Raises ``StoreError`` if it is missing, unusable, or of a newer version.
        """
        self.database = Database(url)
        self.fleet = Fleet(self.database)
        """Who serves this store."""
        revision = read_revision(self.database)
        self.head()
        if revision != NEWEST:
            with self.database.write() as session:
                upgrade(session.connection())

    @property
    def url(self) -> str:
        """As it was given."""
        return self.database.url

    @property
    def safe_url(self) -> str:
        """The URL without its password."""
        return self.database.safe_url

    @property
    def path(self) -> Path | None:
        """The store's file, if it is a SQLite one."""
        return self.database.path

    @classmethod
    def create(cls, url: str) -> Store:
        """Make an empty store (generation 0); an existing one is opened as it is."""
        database = Database(url, create=True)
        if database.path and not database.path.exists():
            _make_file(database.path)
        if read_revision(database) is None:
            with database.write() as session:
                upgrade(session.connection())
                if session.get(IdentityRow, 1) is None:
                    session.add(IdentityRow(row=1, id=uuid.uuid4().hex))
        return cls(url)

    def head(self) -> Head:
        """The newest generation. Raises ``StoreError`` where the store does not answer."""
        with self.database.read() as session:
            return self._head(session)

    def snapshot(self) -> tuple[Head, tuple[ForgetTarget, ...]]:
        """The newest generation and its targets, read at one moment."""
        with self.database.read() as session:
            head = self._head(session)
            return head, tuple(self._target(document) for document in _documents(session, head.generation))

    def since(self, head: Head) -> Delta | None:
        """What has changed since ``head`` was the newest generation; None where it is not in this store's
        history, as when a backup was restored."""
        with self.database.read() as session:
            newest = self._head(session)
            known = select(ChangeRow.digest).where(ChangeRow.generation == head.generation)
            if newest.store_id != head.store_id or (session.scalar(known) or "") != head.digest:
                return None
            alive = or_(VersionRow.end.is_(None), VersionRow.end > newest.generation)
            added = select(VersionRow.document).where(
                VersionRow.first > head.generation, VersionRow.first <= newest.generation, alive
            )
            ended = select(VersionRow.target_id).where(
                VersionRow.first <= head.generation,
                VersionRow.end > head.generation,
                VersionRow.end <= newest.generation,
            )
            targets = sorted(map(self._target, session.scalars(added)), key=attrgetter("id"))
            return Delta(newest, tuple(targets), frozenset(session.scalars(ended)))

    def targets(self, generation: int | None = None) -> tuple[ForgetTarget, ...]:
        """The targets of a generation (the newest by default), by id."""
        with self.database.read() as session:
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
        with self.database.write() as session:
            taken = set(_current_ids(session)) & set(ids)
            if taken and not replace:
                raise TakenError(f"the id {min(taken)!r} is taken")
            action = "replace" if taken else "forget"
            return _commit(session, action, actor, remove=taken, add=targets, forced=forced)

    def remember(self, target_ids: Sequence[str], *, actor: str | None = None) -> int:
        """Take targets off the list, all or none, and return the generation without them.

        Raises ``TargetError`` for an id that is not listed.
        """
        with self.database.write() as session:
            if unknown := sorted(set(target_ids) - set(_current_ids(session))):
                raise TargetError(f"no target has the id {unknown[0]!r}")
            return _commit(session, "remember", actor, remove=set(target_ids))

    def expire(self, now: datetime) -> int | None:
        """Take off the list what has expired by ``now``; return the new generation if any had."""
        with self.database.write() as session:  # locked before it is read: what was renewed just now stays
            targets = [self._target(document) for document in _documents(session, None)]
            due = {t.id for t in targets if t.expires_at and t.expires_at <= now}
            return _commit(session, "expire", "vllm-unlearn", remove=due) if due else None

    def diff(self, before: int, after: int) -> Difference:
        """What makes the list of generation ``after`` of that of ``before``.

        Raises ``UnknownGenerationError``.
        """
        with self.database.read() as session:
            return Difference.between(*(self._listed(session, number) for number in (before, after)))

    def rollback(self, generation: int, *, actor: str | None = None) -> int:
        """List again what ``generation`` listed, and nothing else; return the new generation that does.

        What has expired by now stays off. Raises ``UnknownGenerationError``.
        """
        now = datetime.now(UTC)
        with self.database.write() as session:
            then = [
                target
                for target in self._listed(session, generation)
                if not target.expires_at or target.expires_at > now
            ]
            difference = Difference.between(self._listed(session, None), then)
            anew = [changed.after for changed in difference.changed]
            remove = {target.id for target in (*difference.went, *anew)}
            add = [*difference.came, *anew]
            return _commit(session, f"rollback to {generation}", actor, remove=remove, add=add)

    def changes(self) -> tuple[Change, ...]:
        """The change log, oldest first."""
        with self.database.read() as session:
            listed, taken_off = self._notes(session)
            changes: list[Change] = []
            for row in session.scalars(select(ChangeRow).order_by(ChangeRow.generation)):
                notes = listed[row.generation]
                if row.action not in _LISTS:
                    notes = taken_off[row.generation] | notes
                changes.append(_change(row, tuple(notes)))
            return tuple(changes)

    def holds(self, head: Head) -> bool:
        """Whether a list that was this store's newest is in its history still: not once a backup from before
        it was restored."""
        with self.database.read() as session:
            digest = session.scalar(select(ChangeRow.digest).where(ChangeRow.generation == head.generation))
        return head.digest == (digest or "")

    def _head(self, session: Session) -> Head:
        return head_of([tuple(row) for row in session.execute(text(QUERY))], self.database)

    def _listed(self, session: Session, generation: int | None) -> list[ForgetTarget]:
        newest = self._head(session).generation
        if generation is not None and not 0 <= generation <= newest:
            raise UnknownGenerationError(f"there is no generation {generation}; the newest is {newest}")
        return [self._target(document) for document in _documents(session, generation)]

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


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # the list of who asked to be forgotten is personal data
    except OSError as error:
        raise StoreError(f"store {path} cannot be made: {error.filename}: {error.strerror}") from None


def _documents(session: Session, generation: int | None) -> list[str]:
    """By their targets' ids, in an order that is no database's own."""
    query = select(VersionRow.target_id, VersionRow.document)
    if generation is None:
        query = query.where(VersionRow.end.is_(None))
    else:
        alive = or_(VersionRow.end.is_(None), VersionRow.end > generation)
        query = query.where(VersionRow.first <= generation, alive)
    return [document for _, document in sorted(map(tuple, session.execute(query)))]


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
    listed = session.execute(
        select(VersionRow.id, VersionRow.target_id, VersionRow.document).where(VersionRow.end.is_(None))
    ).all()
    documents = {target.id: target.model_dump_json() for target in add}
    kept = [row.document for row in listed if row.target_id not in remove]
    change.digest = hashlib.sha256("\n".join(sorted([*kept, *documents.values()])).encode()).hexdigest()
    session.add(change)
    session.flush()
    # Row by row: no database takes a hundred thousand ids in one statement.
    ended = [{"id": row.id, "end": generation} for row in listed if row.target_id in remove]
    begun = [{"target_id": key, "first": generation, "document": told} for key, told in documents.items()]
    if ended:
        session.execute(update(VersionRow), ended)
    if begun:
        session.execute(insert(VersionRow), begun)
    if session.connection().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {CHANNEL}"))  # once it is committed
    return generation


def _change(row: ChangeRow, notes: tuple[str, ...]) -> Change:
    return Change(
        generation=row.generation,
        at=in_utc(row.at),
        actor=row.actor,
        action=row.action,
        target_ids=tuple(json.loads(row.target_ids)),
        digest=row.digest,
        forced=row.forced,
        notes=notes,
    )
