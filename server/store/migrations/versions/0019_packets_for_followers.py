"""Who may open a red packet"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("packets", sa.Column("who", sa.String(length=16), nullable=False, server_default="all"))


def downgrade() -> None:
    op.drop_column("packets", "who")
