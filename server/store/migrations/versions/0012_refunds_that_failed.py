"""Refunds that the provider had taken on and that failed later: which one it was, and why"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("refund_reference", sa.String(length=255), nullable=True))
    op.add_column("payments", sa.Column("problem", sa.Text(), nullable=True))
    owed = sa.text("status IN ('refund_due', 'refund_failed')")
    op.create_index(
        "ix_payments_owed",
        "payments",
        ["status", "settled_at_ms"],
        sqlite_where=owed,
        postgresql_where=owed,
    )


def downgrade() -> None:
    op.drop_index("ix_payments_owed", "payments")
    op.drop_column("payments", "problem")
    op.drop_column("payments", "refund_reference")
