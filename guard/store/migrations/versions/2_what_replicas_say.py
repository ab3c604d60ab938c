"""What a replica says of itself beside the list that it serves."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_TEXTS = ("host", "encoder", "recipe", "model", "version", "vllm")


def upgrade() -> None:
    """An older version's replicas go on saying nothing of it."""
    op.add_column("replicas", sa.Column("since", sa.DateTime(timezone=True)))
    op.add_column("replicas", sa.Column("process", sa.Integer, server_default="0", nullable=False))
    for name in _TEXTS:
        op.add_column("replicas", sa.Column(name, sa.Text, server_default="", nullable=False))
