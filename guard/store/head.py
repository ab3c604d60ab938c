"""The newest generation of a store, and the one query that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .database import Database, StoreError

QUERY = """
    SELECT identity.id, changes.generation, changes.digest FROM identity
    LEFT JOIN changes ON changes.generation = (SELECT MAX(generation) FROM changes)"""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest generation of a store. ``digest`` is of its targets: after a backup was restored, one number
    can be given twice."""

    store_id: str
    generation: int
    digest: str


def head_of(rows: Sequence[Sequence[Any]], database: Database) -> Head:
    """What ``QUERY`` answered. Raises ``StoreError`` where there are tables and no store."""
    if not rows:
        raise StoreError(f"store {database.safe_url} is empty; make it with `vllm-unlearn init`")
    store_id, generation, digest = rows[0]
    return Head(store_id, generation or 0, digest or "")
