"""Followers, watch time, points and what they are redeemed for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "follows",
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "user_id", name=op.f("pk_follows")),
    )
    op.create_index("ix_follows_newest", "follows", ["host_id", "since_ms", "user_id"])
    op.create_table(
        "followed",
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("followers", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("followers >= 0", name=op.f("ck_followed_not_negative")),
        sa.PrimaryKeyConstraint("host_id", name=op.f("pk_followed")),
    )
    op.create_table(
        "watched",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("before_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ms >= 0 AND until_ms >= from_ms", name=op.f("ck_watched_forwards")),
        sa.PrimaryKeyConstraint("room_id", "stream", "user_id", name=op.f("pk_watched")),
    )
    _points()
    _offers()


def _points() -> None:
    op.create_table(
        "points_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("done", sa.LargeBinary(), nullable=False),
        sa.Column("earned", sa.LargeBinary(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "user_id", name=op.f("pk_points_days")),
    )
    op.create_table(
        "points_earned",
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("earned", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("earned >= 0", name=op.f("ck_points_earned_not_negative")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_points_earned")),
    )
    op.create_table(
        "points_cursors",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("staff_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_points_cursors")),
    )
    # What was done before there were points earns none.
    op.execute(
        sa.text(
            'INSERT INTO points_cursors (room_id, epoch, "offset", staff_seq)'
            " SELECT id, epoch, head, staff_head FROM rooms"
        )
    )


def _offers() -> None:
    op.create_table(
        "points_offers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=True),
        sa.Column("coupon_id", sa.String(length=36), nullable=True),
        sa.Column("stock", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("per_person", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stock >= 0 AND taken >= 0 AND points > 0", name=op.f("ck_points_offers_sane")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_offers")),
    )
    op.create_table(
        "points_redeemed",
        sa.Column("offer_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_points_redeemed_some")),
        sa.PrimaryKeyConstraint("offer_id", "user_id", name=op.f("pk_points_redeemed")),
    )


def downgrade() -> None:
    for table in ("redeemed", "offers", "cursors", "earned", "days"):
        op.drop_table(f"points_{table}")
    op.drop_table("watched")
    op.drop_table("followed")
    op.drop_table("follows")
