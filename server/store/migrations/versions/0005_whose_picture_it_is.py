"""Whose picture a room's is, so that they may go on publishing at another node"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("origins", sa.Column("principal", sa.String(length=160), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("origins", "principal")
