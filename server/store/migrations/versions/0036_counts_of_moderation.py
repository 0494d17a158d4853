"""What was moderated each day, and how far the trails are verified"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_chain_time", "audit_chain", ["at_ms"])
    erasures = sa.text("action = 'audit.erase'")
    op.create_index(
        "ix_audit_chain_erasures",
        "audit_chain",
        ["trail", "seq"],
        sqlite_where=erasures,
        postgresql_where=erasures,
    )
    op.create_table(
        "audit_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trail", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", "trail", name=op.f("pk_audit_days")),
    )
    op.create_table(
        "audit_watch",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("going", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_watch")),
    )


def downgrade() -> None:
    op.drop_table("audit_watch")
    op.drop_table("audit_days")
    op.drop_index("ix_audit_chain_erasures", table_name="audit_chain")
    op.drop_index("ix_audit_chain_time", table_name="audit_chain")
