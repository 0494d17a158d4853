"""Payments that are made on a provider's own page: where it is, until when, and what it is called there"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("reference", sa.String(length=255), nullable=True))
    op.add_column("payments", sa.Column("redirect_url", sa.Text(), nullable=True))
    op.add_column("payments", sa.Column("expires_at_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("payments", "expires_at_ms")
    op.drop_column("payments", "redirect_url")
    op.drop_column("payments", "reference")
