"""Who has looked at an uploaded picture, and whether it is withheld"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pictures", sa.Column("checked_at_ms", sa.BigInteger(), nullable=True))
    op.add_column(
        "pictures", sa.Column("checked_by", sa.String(length=200), nullable=False, server_default="")
    )
    op.add_column("pictures", sa.Column("withheld", sa.Integer(), nullable=False, server_default="0"))
    unchecked = sa.text("checked_at_ms IS NULL")
    op.create_index(
        "ix_pictures_unchecked",
        "pictures",
        ["name"],
        sqlite_where=unchecked,
        postgresql_where=unchecked,
    )


def downgrade() -> None:
    op.drop_index("ix_pictures_unchecked", table_name="pictures")
    with op.batch_alter_table("pictures") as table:
        for column in ("withheld", "checked_by", "checked_at_ms"):
            table.drop_column(column)
