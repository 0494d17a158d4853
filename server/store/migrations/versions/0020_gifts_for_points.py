"""Offers of gifts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("points_offers", sa.Column("gift_id", sa.String(length=36)))


def downgrade() -> None:
    op.drop_column("points_offers", "gift_id")
