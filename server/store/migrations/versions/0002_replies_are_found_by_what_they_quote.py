"""Replies are found by what they quote"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_QUOTING = sa.text("reply_to IS NOT NULL")


def upgrade() -> None:
    op.add_column("room_events", sa.Column("reply_to", sa.String(length=36), nullable=True))
    op.create_index(
        "ix_room_events_reply_to",
        "room_events",
        ["reply_to"],
        sqlite_where=_QUOTING,
        postgresql_where=_QUOTING,
    )


def downgrade() -> None:
    op.drop_index("ix_room_events_reply_to", "room_events")
    op.drop_column("room_events", "reply_to")
