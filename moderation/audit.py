"""The audit trail: who did what to whom, written in the transaction of the deed.

Each room has a trail, and each seller has one, for what is done to products beyond any room. A seller's is
kept like a room's, under a name that no room can have.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, String, Table, Text, select

from rooms.ports import Caller
from rooms.rows import new_id
from rooms.schema import metadata
from rooms.unit import Unit

audit_table = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor_id", String(128), nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", String(128), nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Index("ix_audit_room", "room_id", "id"),
)


class AuditTrail:
    """Implements the rooms' ``Audit`` port."""

    def note(
        self, tx: Unit, room_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        tx.insert(
            audit_table,
            {
                "id": new_id(),
                "room_id": room_id,
                "at_ms": tx.now_ms,
                "actor_id": actor.id or "",
                "actor_name": actor.name,
                "action": action,
                "target": target,
                "detail": orjson.dumps(detail),
            },
        )

    def note_of_seller(
        self, tx: Unit, seller_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        self.note(tx, trail_of_seller(seller_id), actor, action, target, detail)


def trail_of_seller(seller_id: str) -> str:
    """What ``read_audit`` finds a seller's trail by. Ids of users are longer than those of rooms may be."""
    return "@" + hashlib.sha256(seller_id.encode()).hexdigest()[:48]


def read_audit(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The room's trail, newest first; ``before`` is the last id of the page before."""
    query = select(audit_table).where(audit_table.c.room_id == room_id)
    if before is not None:
        query = query.where(audit_table.c.id < before)
    return [
        {
            "id": r.id,
            "at_ms": r.at_ms,
            "actor": {"id": r.actor_id or None, "name": r.actor_name},
            "action": r.action,
            "target": r.target,
            "detail": orjson.loads(r.detail),
        }
        for r in conn.execute(query.order_by(audit_table.c.id.desc()).limit(limit))
    ]
