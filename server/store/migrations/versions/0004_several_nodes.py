"""Which node publishes a room, and how fast people comment over all nodes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "origins",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_origins")),
    )
    op.add_column("paces", sa.Column("recent", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("paces", "recent")
    op.drop_table("origins")
