"""Sanctions of several kinds, each kept for good, and what is in force now"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from uuid_utils import uuid7

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    mutes = _take("SELECT * FROM sanctions WHERE kind = 'mute' AND (until_ms IS NULL OR until_ms > 0)")
    op.execute("DELETE FROM timers WHERE kind = 'mute.end'")
    op.drop_table("sanctions")
    sanctions, standings = _make_sanctions(), _make_standings()
    # Nobody wrote down in which role a mute was given. Any moderator could lift it, and still can.
    rows = [
        {
            name: mute[name]
            for name in ("room_id", "user_id", "user_name", "reason", "by_id", "by_name", "at_ms", "until_ms")
        }
        | {"id": str(uuid7()), "kind": "mute", "by_role": "moderator"}
        for mute in sorted(mutes, key=lambda mute: mute["at_ms"])
    ]
    if not rows:
        return
    terms = ("id", "until_ms", "reason", "by_id", "by_role", "at_ms")
    op.bulk_insert(sanctions, rows)
    op.bulk_insert(
        standings,
        [
            {
                "room_id": row["room_id"],
                "user_id": row["user_id"],
                "kinds": json.dumps({"mute": {name: row[name] for name in terms}}).encode(),
            }
            for row in rows
        ],
    )
    _wake("sanction.end", [(f"{row['id']}:{row['user_id']}", row) for row in rows])


def downgrade() -> None:
    """What only the new tables know is lost: everything but the mutes in force, each in its room."""
    query = "SELECT * FROM sanctions WHERE kind = 'mute' AND over_at_ms IS NULL AND room_id <> '*'"
    mutes = _take(query)
    op.execute("DELETE FROM timers WHERE kind = 'sanction.end'")
    op.drop_table("standings")
    op.drop_table("sanctions")
    old = op.create_table(
        "sanctions",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", sa.String(length=128), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", "kind", name=op.f("pk_sanctions")),
    )
    if mutes:
        names = [column.name for column in old.columns if column.name != "serial"]
        op.bulk_insert(old, [{name: mute[name] for name in names} | {"serial": 1} for mute in mutes])
        _wake("mute.end", [(f"1:{mute['user_id']}", mute) for mute in mutes])


def _make_sanctions() -> sa.Table:
    table = op.create_table(
        "sanctions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", sa.String(length=128), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("by_role", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("over_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("over_by_id", sa.String(length=128), nullable=True),
        sa.Column("over_why", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sanctions")),
    )
    op.create_index("ix_sanctions_room", "sanctions", ["room_id", "id"])
    op.create_index("ix_sanctions_user", "sanctions", ["user_id", "id"])
    in_force = sa.text("over_at_ms IS NULL")
    op.create_index(
        "ix_sanctions_in_force",
        "sanctions",
        ["room_id", "id"],
        sqlite_where=in_force,
        postgresql_where=in_force,
    )
    return table


def _make_standings() -> sa.Table:
    table = op.create_table(
        "standings",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("kinds", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_standings")),
    )
    op.create_index("ix_standings_user", "standings", ["user_id"])
    return table


def _take(query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(sa.text(query)).mappings()]


def _wake(kind: str, sanctions: list[tuple[str, dict[str, Any]]]) -> None:
    """A timer for each that ends by itself, by what its timer is called."""
    timers = sa.table("timers", *(sa.column(name) for name in ("id", "kind", "ref", "room_id", "due_at_ms")))
    rows = [
        {
            "id": str(uuid7()),
            "kind": kind,
            "ref": ref,
            "room_id": row["room_id"],
            "due_at_ms": row["until_ms"],
        }
        for ref, row in sanctions
        if row["until_ms"] is not None
    ]
    if rows:
        op.bulk_insert(timers, rows)
