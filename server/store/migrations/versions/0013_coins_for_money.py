"""Orders of coins, and payouts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("coins", sa.BigInteger()))
    op.create_table(
        "payouts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("host_id", sa.String(length=128), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("takings", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("requested_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_at_ms", sa.BigInteger()),
        sa.Column("settled_by", sa.String(length=128)),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint(
            "coins > 0 AND takings >= 0 AND takings <= coins", name=op.f("ck_payouts_payouts_of_coins")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
    )
    op.create_index("ix_payouts_host", "payouts", ["host_id", "id"])
    op.create_index("ix_payouts_status", "payouts", ["status", "id"])


def downgrade() -> None:
    """Orders of coins are gone with what they were orders of; the coins stay where they are."""
    op.drop_table("payouts")
    op.execute("DELETE FROM payments WHERE order_id IN (SELECT id FROM orders WHERE coins IS NOT NULL)")
    op.execute("DELETE FROM orders WHERE coins IS NOT NULL")
    op.drop_column("orders", "coins")
