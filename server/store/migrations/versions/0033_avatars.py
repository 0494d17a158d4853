"""People's own pictures"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("avatar", sa.String(length=22), nullable=False, server_default=""))
    op.create_table(
        "avatar_files",
        sa.Column("digest", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("over_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_avatar_files")),
    )
    op.create_index("ix_avatar_files_user", "avatar_files", ["user_id"])
    op.create_index("ix_avatar_files_over", "avatar_files", ["removed", "over_at_ms"])
    op.create_table(
        "avatar_paces",
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("recent", sa.LargeBinary(), nullable=False),
        sa.Column("refused_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("over_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_avatar_paces")),
    )
    op.create_index("ix_avatar_paces_over_at_ms", "avatar_paces", ["over_at_ms"])


def downgrade() -> None:
    op.drop_table("avatar_paces")
    op.drop_table("avatar_files")
    op.drop_column("users", "avatar")
