"""Guests on a room's stage, and leases on their streams, whose names are longer than rooms' ids"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guests",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("slot", sa.String(length=16), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_guests")),
        sa.UniqueConstraint("room_id", "slot", name=op.f("uq_guests_room_id_slot")),
    )
    with op.batch_alter_table("origins") as origins:
        origins.alter_column("room_id", existing_type=sa.String(64), type_=sa.String(96), nullable=False)


def downgrade() -> None:
    op.execute("DELETE FROM origins WHERE room_id LIKE '%:%'")
    with op.batch_alter_table("origins") as origins:
        origins.alter_column("room_id", existing_type=sa.String(96), type_=sa.String(64), nullable=False)
    op.drop_table("guests")
