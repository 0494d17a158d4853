"""Clips of recordings, and an index over what changes a room's state"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rare = sa.text("kind NOT IN ('comment', 'comment.deleted', 'gift')")
    op.create_index(
        "ix_room_events_rare",
        "room_events",
        ["room_id", "epoch", "offset"],
        sqlite_where=rare,
        postgresql_where=rare,
    )
    op.create_table(
        "recording_clips",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("recording_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_clips")),
    )
    op.create_index("ix_recording_clips_recording", "recording_clips", ["recording_id", "id"])


def downgrade() -> None:
    op.drop_table("recording_clips")
    op.drop_index("ix_room_events_rare", table_name="room_events")
