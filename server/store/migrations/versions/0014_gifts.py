"""Gifts: the catalogue, what was given, combos, totals, fans"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gifts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.Column("picture", sa.String(length=128), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gifts")),
    )
    op.create_table(
        "gifts_given",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("week", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("giver_id", sa.String(length=128), nullable=False),
        sa.Column("giver_name", sa.Text(), nullable=False),
        sa.Column("gift_id", sa.String(length=36), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("platform_coins", sa.BigInteger(), nullable=False),
        sa.Column("combo_id", sa.String(length=36), nullable=False),
        sa.Column("combo_n", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("refunded_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "coins > 0 AND platform_coins >= 0 AND platform_coins <= coins",
            name=op.f("ck_gifts_given_sane_coins"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gifts_given")),
        sa.UniqueConstraint("combo_id", "combo_n", name=op.f("uq_gifts_given_combo_id_combo_n")),
    )
    op.create_index("ix_gifts_given_room", "gifts_given", ["room_id", "id"])
    op.create_index("ix_gifts_given_giver", "gifts_given", ["giver_id", "room_id", "at_ms"])
    op.create_table(
        "gift_combos",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("giver_id", sa.String(length=128), nullable=False),
        sa.Column("gift_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "giver_id", "gift_id", name=op.f("pk_gift_combos")),
    )
    op.create_table(
        "gift_totals",
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("reached_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("coins >= 0", name=op.f("ck_gift_totals_not_negative")),
        sa.PrimaryKeyConstraint("host_id", "scope", "user_id", name=op.f("pk_gift_totals")),
    )
    op.create_index("ix_gift_totals_top", "gift_totals", ["host_id", "scope", "coins"])
    op.create_table(
        "fans",
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("reached_ms", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.Integer(), nullable=False),
        sa.Column("watched_ms", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("said_today", sa.Integer(), nullable=False),
        sa.Column("watched_today_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("coins >= 0", name=op.f("ck_fans_not_negative")),
        sa.PrimaryKeyConstraint("host_id", "user_id", name=op.f("pk_fans")),
    )
    op.create_index("ix_fans_top", "fans", ["host_id", "coins"])


def downgrade() -> None:
    for table in ("fans", "gift_totals", "gift_combos", "gifts_given", "gifts"):
        op.drop_table(table)
