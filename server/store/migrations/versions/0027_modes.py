"""A room's modes and its shield, when users were first heard of, and their comments in order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rooms", sa.Column("followed_for_s", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("rooms", sa.Column("member_level", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("rooms", sa.Column("emoji_only", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("rooms", sa.Column("shield", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("since_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.drop_index("ix_room_events_user", table_name="room_events")
    op.create_index("ix_room_events_user", "room_events", ["room_id", "user_id", "epoch", "offset"])


def downgrade() -> None:
    op.drop_index("ix_room_events_user", table_name="room_events")
    op.create_index("ix_room_events_user", "room_events", ["room_id", "user_id"])
    op.drop_column("users", "since_ms")
    for name in ("shield", "emoji_only", "member_level", "followed_for_s"):
        op.drop_column("rooms", name)
