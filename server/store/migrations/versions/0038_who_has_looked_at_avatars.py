"""Who has looked at somebody's own picture"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("avatar_files", sa.Column("checked_at_ms", sa.BigInteger(), nullable=True))
    op.add_column(
        "avatar_files", sa.Column("checked_by", sa.String(length=200), nullable=False, server_default="")
    )
    unchecked = sa.text("checked_at_ms IS NULL AND removed = 0")
    op.create_index(
        "ix_avatar_files_unchecked",
        "avatar_files",
        ["digest"],
        sqlite_where=unchecked,
        postgresql_where=unchecked,
    )


def downgrade() -> None:
    op.drop_index("ix_avatar_files_unchecked", table_name="avatar_files")
    with op.batch_alter_table("avatar_files") as table:
        for column in ("checked_by", "checked_at_ms"):
            table.drop_column(column)
