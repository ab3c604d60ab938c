"""The database under the store: how it is reached, and what is said where it cannot be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ...vocabulary import UserError

BUSY_SECONDS = 10.0
# What libpq is told, where the URL does not say otherwise: a server that is gone is noticed within seconds.
_POSTGRES = {
    "application_name": "vllm-unlearn",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
# PostgreSQL's advisory lock of whoever changes a list; a number of our own.
_CHANGES = 0x756E6C65
# Waits for no lock for ever, and what is acknowledged survives a crash, whatever the server's own settings.
_CAREFULLY = """
    SELECT set_config('lock_timeout', :wait, true), CASE current_setting('synchronous_commit')
    WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END"""
# By PostgreSQL's code of an error, what else than being away may be the matter.
_CODES = {
    "3D000": "that the database exists: `createdb` makes one",
    "42501": "that its user may do this: a server writes which list it serves, an upgrade makes columns",
    "42P01": "that this is the database meant: it holds no store yet, and `vllm-unlearn init` makes one",
    "55P03": "that no other program holds it locked",
}


class StoreError(UserError, RuntimeError):
    """The store cannot be used; the message names it and the remedy."""


class Database:
    """A SQLite file or a PostgreSQL database. Safe to share by threads."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        """``create`` where the store is being made. Raises ``StoreError`` for a ``url`` that names none."""
        self.url = url
        self._parsed = _parse(url)
        self.path = _path(self._parsed)
        """The store's file, if it is a SQLite one."""
        self.engine = _open_sqlite(self._parsed, create) if self.path else _open_postgres(self._parsed)
        self._beside = self.engine.execution_options(immediate=True)

    @property
    def safe_url(self) -> str:
        """The URL without its password."""
        hidden = {key: "***" for key in self._parsed.query if "password" in key}
        return self._parsed.update_query_dict(hidden).render_as_string()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one moment of the store."""
        moment = {} if self.path else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._session() as session:
            session.connection(execution_options=moment)
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is kept if nothing is raised. No other starts from what it reads; it survives a
        power cut."""
        with self._session() as session:
            session.connection(execution_options={"immediate": True, "durable": True})
            if not self.path:
                session.execute(text(_CAREFULLY), {"wait": f"{BUSY_SECONDS:g}s"})
                session.execute(text(f"SELECT pg_advisory_xact_lock({_CHANGES})"))
            yield session
            session.commit()

    @contextmanager
    def write_beside(self) -> Iterator[Connection]:
        """A transaction for what is of now alone. It waits for no change of the list: a long one would end
        every lease."""
        self.refuse_no_file()
        with self.raise_store_errors(), self._beside.begin() as connection:
            yield connection

    @contextmanager
    def raise_store_errors(self) -> Iterator[None]:
        """The database's errors, SQLAlchemy's or the driver's own, as ``StoreError``, with the remedy."""
        try:
            yield
        except self._errors as error:
            cause = getattr(error, "orig", None) or error
            reason = (str(cause).splitlines() or [type(cause).__name__])[0]
            raise StoreError(
                f"store {self.safe_url} does not answer: {reason}; check {self._remedy(cause)}"
            ) from None  # PostgreSQL's own errors show the row, and so who is listed

    def refuse_no_file(self) -> None:
        """Raise ``StoreError`` where there is no file: SQLite would make an empty one, and list no one."""
        if self.path and not self.path.is_file():
            raise StoreError(
                f"store {self.path} is no file but a folder; name a file in the configuration"
                if self.path.is_dir()
                else f"store {self.path} does not exist; make one with `vllm-unlearn init`"
            )

    @contextmanager
    def _session(self) -> Iterator[Session]:
        self.refuse_no_file()
        with self.raise_store_errors(), Session(self.engine) as session:
            yield session

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        return SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error

    def _remedy(self, cause: BaseException) -> str:
        if self.path is None:
            away = "that the database is up, and that its address and password are right"
            return _CODES.get(str(getattr(cause, "sqlstate", None)), away)
        return (
            f"that the file is whole and writable, that its folder {self.path.parent} is writable too "
            "(SQLite keeps files of its own beside it), and that no other program holds it locked"
        )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except SQLAlchemyError as error:
        raise StoreError(
            f"the store's URL cannot be used ({type(error).__name__}); write it as dialect://user@host/database"
        ) from None
    if backend in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database:
        what = "it would be gone with its process" if backend == "sqlite" else f"there is no {backend!r} here"
        raise StoreError(
            f"the store's URL cannot be used: {what}; name a SQLite file, sqlite:///forget.db, or a "
            "database of PostgreSQL's, postgresql://user@host/database"
        )
    return parsed


def _path(url: URL) -> Path | None:
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _open_postgres(url: URL) -> Engine:
    given = {name: value for name, value in _POSTGRES.items() if name not in url.query}
    try:
        # Parameters are what is listed: they belong into no traceback.
        return create_engine(
            url,
            connect_args=given,
            hide_parameters=True,
            # Whatever the server's default is: what a writer reads must be of after it has the lock.
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=2,
            max_overflow=8,
            pool_timeout=BUSY_SECONDS,
        )
    except ImportError:
        raise StoreError(
            "a store in PostgreSQL needs the package psycopg; install it with "
            "`pip install 'vllm-unlearn[postgres]'`"
        ) from None


def _open_sqlite(url: URL, create: bool) -> Engine:
    # No pool: a connection kept open would go on reading a file that was deleted or replaced.
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        if create:  # the file remembers; asking again would want its lock at every connection
            _set_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock before it reads, so that two changes never start from one generation.
        options = connection.get_execution_options()
        if options.get("durable"):  # what was acknowledged survives a power cut
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")

    return engine


def _set_wal(connection: Any) -> None:
    """Readers never wait for a writer. SQLite does not queue for this switch, so it is tried again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
