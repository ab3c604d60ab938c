"""The tables of version 0.1, which knew no revisions: all of them, or what an older store lacks of them."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_metadata = sa.MetaData()
_identity = sa.Table(
    "identity",
    _metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
)
_changes = sa.Table(
    "changes",
    _metadata,
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target_ids", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("forced", sa.Boolean, server_default=sa.false(), nullable=False),
)
_versions = sa.Table(
    "versions",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("target_id", sa.Text, nullable=False, index=True),
    sa.Column("first", sa.Integer, sa.ForeignKey("changes.generation"), nullable=False),
    sa.Column("end", sa.Integer, index=True),
    sa.Column("document", sa.Text, nullable=False),
)
_replicas = sa.Table(
    "replicas",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("digest", sa.Text, server_default="", nullable=False),
)
# Of releases that had no revisions, the first lacked these.
_ADDED = ((_changes, "forced"), (_replicas, "digest"))

_RAISE = "'the change log is append-only'"
_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS changes_no_{operation.lower()} BEFORE {operation} ON changes "
        f"BEGIN SELECT RAISE(ABORT, {_RAISE}); END"
        for operation in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION refuse_to_change_changes() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION {_RAISE}; END $$",
        "DROP TRIGGER IF EXISTS changes_append_only ON changes",
        "CREATE TRIGGER changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON changes "
        "EXECUTE FUNCTION refuse_to_change_changes()",
    ],
}


def upgrade() -> None:
    """Make what is not there."""
    connection = op.get_bind()
    _metadata.create_all(connection)
    for table, column in _ADDED:
        there = {each["name"] for each in sa.inspect(connection).get_columns(table.name)}
        if column not in there:
            op.add_column(table.name, table.c[column].copy())
    for statement in _APPEND_ONLY[connection.dialect.name]:
        op.execute(statement)
