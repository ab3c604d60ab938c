"""Which revision a store's tables are of, and how they are brought to the newest."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from .database import Database, StoreError

NEWEST = "2"
"""The revision that this version reads and writes; a file in ``migrations/versions`` makes it."""
_FOLDER = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"
# Alembic keeps what it is at in its modules.
_one_at_a_time = threading.Lock()


def read_revision(database: Database) -> str | None:
    """The revision of a store that this version can use; None of one that no migration has seen.

    Raises ``StoreError`` for a newer version's.
    """
    with database.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table(_VERSIONS):
            return None
        revision = connection.scalar(text(f"SELECT version_num FROM {_VERSIONS}"))
    if revision not in (None, NEWEST, *_revisions()):
        raise StoreError(
            f"store {database.safe_url} is of a newer version of vllm-unlearn (its tables are of revision "
            f"{revision}, this version knows {NEWEST}); upgrade vllm-unlearn here, too"
        )
    return None if revision is None else str(revision)


def upgrade(connection: Connection) -> None:
    """Bring the tables to ``NEWEST``, inside of the caller's transaction, which nobody else writes in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, "head")


def _revisions() -> list[str]:
    """Those before the newest, by their files' names."""
    return [file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*_*.py")]
