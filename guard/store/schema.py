"""The tables of the store. A column that an earlier release did not make has a default, with which it is
added (``database.add_columns``)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DDL, DateTime, ForeignKey, String, Text, event, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Tables(DeclarativeBase):
    """All of them."""


class IdentityRow(Tables):
    """One row: which store this is, so that another in its place is noticed."""

    __tablename__ = "identity"
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(String(32))


class ChangeRow(Tables):
    """The append-only change log; its number is the generation that the change made."""

    __tablename__ = "changes"
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(20))
    target_ids: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    forced: Mapped[bool] = mapped_column(server_default=false())


class VersionRow(Tables):
    """A target as it is from generation ``first`` until before generation ``end``."""

    __tablename__ = "versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    target_id: Mapped[str] = mapped_column(String(64), index=True)
    first: Mapped[int] = mapped_column(ForeignKey("changes.generation"))
    end: Mapped[int | None] = mapped_column(index=True)
    document: Mapped[str] = mapped_column(Text)


class ReplicaRow(Tables):
    """A serving process and the generation that it serves."""

    __tablename__ = "replicas"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    generation: Mapped[int]
    mode: Mapped[str] = mapped_column(String(10))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    digest: Mapped[str] = mapped_column(String(64), server_default="")


for _operation in ("UPDATE", "DELETE"):
    event.listen(
        ChangeRow.__table__,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER changes_no_{_operation.lower()} BEFORE {_operation} ON changes "
            "BEGIN SELECT RAISE(ABORT, 'the change log is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )
