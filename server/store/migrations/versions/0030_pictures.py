"""What is known against streams' pictures, and stills of hits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "picture_states",
        sa.Column("stream", sa.String(length=96), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("blurred", sa.Integer(), nullable=False),
        sa.Column("quiet_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_picture_states")),
    )
    op.create_table(
        "picture_stills",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("still", sa.LargeBinary(), nullable=False),
        sa.Column("blurred", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_stills")),
    )
    op.create_index("ix_picture_stills_room", "picture_stills", ["room_id", "id"])
    op.create_index("ix_picture_stills_at", "picture_stills", ["at_ms"])


def downgrade() -> None:
    op.drop_table("picture_stills")
    op.drop_table("picture_states")
