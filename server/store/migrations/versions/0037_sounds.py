"""What is known against streams' sound, and sounds of hits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sound_states",
        sa.Column("stream", sa.String(length=96), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("quiet_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_sound_states")),
    )
    op.create_table(
        "kept_sounds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_sounds")),
    )
    op.create_index("ix_kept_sounds_room", "kept_sounds", ["room_id", "id"])
    op.create_index("ix_kept_sounds_at", "kept_sounds", ["at_ms"])


def downgrade() -> None:
    op.drop_table("kept_sounds")
    op.drop_table("sound_states")
