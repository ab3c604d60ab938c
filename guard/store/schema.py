"""The tables of the store as they are now; the files in ``migrations/versions`` make them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, ForeignKey, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Tables(DeclarativeBase):
    """All of them."""

    type_annotation_map = {str: Text, datetime: DateTime(timezone=True)}  # noqa: RUF012 (SQLAlchemy's form)


class IdentityRow(Tables):
    """One row: which store this is, so that another in its place is noticed."""

    __tablename__ = "identity"
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[str]


class ChangeRow(Tables):
    """The append-only change log; its number is the generation that the change made."""

    __tablename__ = "changes"
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    target_ids: Mapped[str]
    digest: Mapped[str]
    forced: Mapped[bool] = mapped_column(server_default=false())


class VersionRow(Tables):
    """A target as it is from generation ``first`` until before generation ``end``."""

    __tablename__ = "versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    target_id: Mapped[str] = mapped_column(index=True)
    first: Mapped[int] = mapped_column(ForeignKey("changes.generation"))
    end: Mapped[int | None] = mapped_column(index=True)
    document: Mapped[str]


class ReplicaRow(Tables):
    """A serving process and the generation that it serves."""

    __tablename__ = "replicas"
    id: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int]
    mode: Mapped[str]
    seen_at: Mapped[datetime]
    lease_until: Mapped[datetime]
    digest: Mapped[str] = mapped_column(server_default="")
    since: Mapped[datetime | None]
    process: Mapped[int] = mapped_column(server_default="0")
    host: Mapped[str] = mapped_column(server_default="")
    encoder: Mapped[str] = mapped_column(server_default="")
    recipe: Mapped[str] = mapped_column(server_default="")
    model: Mapped[str] = mapped_column(server_default="")
    version: Mapped[str] = mapped_column(server_default="")
    vllm: Mapped[str] = mapped_column(server_default="")


def in_utc(value: datetime) -> datetime:
    """A time as it was written: SQLite forgets its zone, PostgreSQL has one of its own."""
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
