"""The database under the store: how it is reached, and what is said where it cannot be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn

from ...vocabulary import UserError

BUSY_SECONDS = 10.0


class StoreError(UserError, RuntimeError):
    """The store cannot be used; the message names it and the remedy."""


def open_engine(url: str, create: bool = False) -> Engine:
    """SQLAlchemy's engine for ``url``; ``create`` where the store is being made."""
    if not sqlite_path(url):
        return create_engine(url)
    # No pool: a connection kept open would go on reading a file that was deleted or replaced.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        if create:  # the file remembers; asking again would want its lock at every connection
            _set_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")  # what was acknowledged survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock before it reads, so that two changes never start from one generation.
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

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


@contextmanager
def raise_store_errors(url: str) -> Iterator[None]:
    """The database's errors as ``StoreError``, with the remedy."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StoreError(
            f"store {make_url(url).render_as_string()} does not answer: {reason}; check that {_remedy(url)}"
        ) from error


def _remedy(url: str) -> str:
    path = sqlite_path(url)
    if path is None:
        return "the database is up, and that its address and password are right"
    return (
        f"the file is whole and writable, that its folder {path.parent} is writable too (SQLite keeps files "
        "of its own beside it), and that no other program holds it locked"
    )


def sqlite_path(url: str) -> Path | None:
    """The file, if ``url`` names a SQLite one. Raises ``StoreError`` for what is no URL."""
    try:
        parsed = make_url(url)
        sqlite = parsed.get_dialect().name == "sqlite"
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(
            f"the store's URL cannot be used ({type(error).__name__}); write it as dialect://user@host/database"
        ) from None
    return Path(parsed.database) if sqlite and parsed.database else None


def find_missing_columns(connection: Connection, table: Table) -> list[Column[Any]]:
    """The columns that a table of an earlier release has not got."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    return [column for column in table.columns if column.name not in there]


def add_columns(connection: Connection, table: Table) -> None:
    """Add them, each with its default, inside of the caller's transaction."""
    for column in find_missing_columns(connection, table):
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
