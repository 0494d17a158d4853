"""Lotteries, who entered them, and who has which place"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lotteries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("payer_id", sa.String(length=128), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.Column("prizes", sa.LargeBinary(), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("tag_secret", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_offset", sa.BigInteger(), nullable=False),
        sa.Column("closes_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("entrants", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("entrants_hash", sa.LargeBinary(), nullable=True),
        sa.Column("drawn_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("claim_by_ms", sa.BigInteger(), nullable=True),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("given_back", sa.Integer(), nullable=False),
        sa.Column("shown", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("weight >= entrants", name=op.f("ck_lotteries_weights_count")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lotteries")),
    )
    op.create_index("ix_lotteries_room", "lotteries", ["room_id", "phase", "id"])
    op.create_table(
        "lottery_entries",
        sa.Column("lottery_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("entered_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lottery_id", "tag", name=op.f("pk_lottery_entries")),
    )
    op.create_table(
        "lottery_winners",
        sa.Column("lottery_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("prize", sa.Integer(), nullable=True),
        sa.Column("claimed_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lottery_id", "user_id", name=op.f("pk_lottery_winners")),
    )
    op.create_index("ux_lottery_winners_place", "lottery_winners", ["lottery_id", "place"], unique=True)


def downgrade() -> None:
    op.drop_table("lottery_winners")
    op.drop_table("lottery_entries")
    op.drop_table("lotteries")
