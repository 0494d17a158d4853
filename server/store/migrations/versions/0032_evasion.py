"""Traces, hints, notes and bans of address ranges"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "traces",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", "user_id", name=op.f("pk_traces")),
    )
    op.create_index("ix_traces_user", "traces", ["user_id"])
    op.create_index("ix_traces_seen", "traces", ["seen_ms"])
    op.create_table(
        "evasion_hints",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("like_id", sa.String(length=128), nullable=False),
        sa.Column("like_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", "like_id", name=op.f("pk_evasion_hints")),
    )
    op.create_table(
        "user_notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by_id", sa.String(length=128), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_notes")),
    )
    op.create_index("ix_user_notes", "user_notes", ["room_id", "user_id", "id"])
    op.create_table(
        "address_bans",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("everywhere", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=20), nullable=False),
        sa.Column("width", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", sa.String(length=128), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_bans")),
    )
    op.create_index("ix_address_bans_digest", "address_bans", ["digest"])
    op.create_index("ix_address_bans_room", "address_bans", ["room_id", "until_ms"])
    op.create_index("ix_members_user", "members", ["user_id"])
    op.create_table(
        "address_ban_reached",
        sa.Column("ban_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("ban_id", "user_id", name=op.f("pk_address_ban_reached")),
    )


def downgrade() -> None:
    op.drop_index("ix_members_user", table_name="members")
    for table in ("address_ban_reached", "address_bans", "user_notes", "evasion_hints", "traces"):
        op.drop_table(table)
