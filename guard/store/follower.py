"""Asks for a store's newest generation again and again, at next to no cost while nothing changes."""

from __future__ import annotations

import math
import os
import select
import time
from abc import ABC, abstractmethod
from typing import Any

from .database import Database
from .head import QUERY, Head, head_of

CHANNEL = "vllm_unlearn"
"""PostgreSQL's: whoever changes the list says so there."""
NET_SECONDS = 5.0
"""After so long the store is asked whatever it has said: a proxy may pass on nothing of PostgreSQL's."""
_TICK_NS = 100_000_000


def follow(database: Database) -> Follower:
    """The follower for this kind of database. It connects when it is first asked."""
    return FileFollower(database) if database.path else ListeningFollower(database)


class Follower(ABC):
    """Keeps a connection of its own. For one thread."""

    _connection: Any = None
    _known: Head
    _asked = -math.inf

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head:
        """The newest generation. Raises ``StoreError``, and connects anew the next time."""
        if time.monotonic() - self._asked < NET_SECONDS and not self._may_have_changed():
            return self._known
        self._asked = time.monotonic()
        try:
            with self._database.raise_store_errors():
                self._known = self._read()
        except BaseException:
            self.close()
            raise
        return self._known

    def doubt(self) -> None:
        """Ask the store the next time."""
        self._asked = -math.inf

    def close(self) -> None:
        """Let the connection go."""
        self.doubt()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @abstractmethod
    def _may_have_changed(self) -> bool: ...

    @abstractmethod
    def _read(self) -> Head: ...

    def _ask(self) -> Head:
        cursor = self._connection.cursor()
        try:
            return head_of(cursor.execute(QUERY).fetchall(), self._database)
        finally:
            cursor.close()


class FileFollower(Follower):
    """Asks SQLite where its files have changed, over a connection to just these: a file that was deleted or
    replaced could be read on for ever."""

    _seen: tuple[object, ...] | None = None
    _opened: tuple[object, ...] | None = None

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._store, self._wal, self._shm = (f"{database.path}{suffix}" for suffix in ("", "-wal", "-shm"))

    def _may_have_changed(self) -> bool:
        return self._seen is None or (_stat(self._store), _stat(self._wal)) != self._seen

    def _read(self) -> Head:
        self._database.refuse_no_file()
        store, wal = _stat(self._store), _stat(self._wal)
        if self._connection is None or (store, *self._find_beside()) != self._opened:
            self.close()
            self._connection = self._database.engine.raw_connection()
            self._ask()  # which makes the files beside it
            self._opened = store, *self._find_beside()
            self._asked = time.monotonic()
        # What was written a moment ago may be written again within the same tick of the files' clock.
        latest = max(file[-1] for file in (store, wal) if file) if store else 0
        self._seen = (store, wal) if time.time_ns() - latest > _TICK_NS else None
        return self._ask()

    def _find_beside(self) -> tuple[object, object]:
        """The files that SQLite keeps beside the store's, whatever is in them."""
        wal, shm = _stat(self._wal), _stat(self._shm)
        return wal and wal[:2], shm and shm[:2]


class ListeningFollower(Follower):
    """Asks PostgreSQL where it said that something changed."""

    _told = True

    def _may_have_changed(self) -> bool:
        return self._told or bool(self._socket.poll(0))

    def _read(self) -> Head:
        if self._connection is None:
            self._listen()
        self._told = False  # first: what is said while it is asked may be newer than the answer
        return self._ask()

    def _listen(self) -> None:
        pooled = self._database.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        self._connection = connection
        connection.rollback()
        connection.autocommit = True
        connection.add_notify_handler(self._note)
        connection.execute(f"LISTEN {CHANNEL}")
        self._socket = select.poll()
        self._socket.register(connection.fileno(), select.POLLIN)

    def _note(self, _: object) -> None:
        self._told = True


def _stat(path: str) -> tuple[int, int, int, int] | None:
    """Which file it is, and what changes with it: device, inode, size, and when it was written (ns)."""
    try:
        file = os.stat(path)  # noqa: PTH116 (several times a second; pathlib takes as long again)
    except OSError:
        return None
    return file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns
