"""Red packets: what was sent, their shares, and who opened them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "packets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("sender_id", sa.String(length=128), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=16), nullable=False),
        sa.Column("greeting", sa.Text(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("closes_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("left_coins", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.String(length=16), nullable=True),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("best_id", sa.String(length=128), nullable=True),
        sa.Column("best_name", sa.Text(), nullable=True),
        sa.Column("best_coins", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "opened >= 0 AND opened <= count AND left_coins >= 0", name=op.f("ck_packets_not_overdrawn")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packets")),
    )
    op.create_index("ix_packets_open", "packets", ["room_id", "ended", "sender_id"])
    op.create_index("ix_packets_room", "packets", ["room_id", "id"])
    op.create_table(
        "packet_shares",
        sa.Column("packet_id", sa.String(length=36), nullable=False),
        sa.Column("shares", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("packet_id", name=op.f("pk_packet_shares")),
    )
    op.create_table(
        "packet_opens",
        sa.Column("packet_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("coins > 0", name=op.f("ck_packet_opens_a_coin_at_least")),
        sa.PrimaryKeyConstraint("packet_id", "user_id", name=op.f("pk_packet_opens")),
    )
    op.create_index("ux_packet_opens_place", "packet_opens", ["packet_id", "place"], unique=True)


def downgrade() -> None:
    for table in ("packet_opens", "packet_shares", "packets"):
        op.drop_table(table)
