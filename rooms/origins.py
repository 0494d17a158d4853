"""Which node publishes a room's picture: a lease in SQL, with a fence that counts its owners.

Whoever tells of the picture holds the lease, and says so in the transaction that tells. A node that was away
for so long that another has taken over finds its fence outdated, and what it tells is dropped.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Column, Connection, String, Table, select

from rooms.heads import rooms_table
from rooms.rows import Kind, Rank
from rooms.schema import metadata
from rooms.unit import Unit

LEASE_MS = 6_000
RENEW_EVERY_MS = 2_000


@dataclass(frozen=True, slots=True)
class OriginRow:
    """The lease on a stream: ``room_id`` is the stream's name, which is the room's id for the host's, and the
    room's id, a colon and the slot for a guest's. An empty ``node``: nobody's; the fence goes on counting.

    ``principal`` is who publishes: a stream key or a host, whichever node they come to.
    """

    room_id: str
    node: str
    fence: int
    expires_at_ms: int
    principal: str = ""


origins_table = Table(
    "origins",
    metadata,
    Column("room_id", String(96), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("principal", String(160), nullable=False, server_default=""),
)

# Locked just before the room's head, which every change of a room's status locks as well.
ORIGINS: Kind[OriginRow] = Kind(origins_table, OriginRow, Rank.ORIGINS)


def is_elsewhere(row: OriginRow | None, node: str, now_ms: int) -> bool:
    """Whether another node holds the lease."""
    return row is not None and row.node not in ("", node) and row.expires_at_ms > now_ms


def may_take_over(row: OriginRow, principal: str, *, is_host: bool) -> bool:
    """Whether somebody who says so explicitly may publish in the place of who does: whoever comes with the
    same key or identity, and the host."""
    return is_host or principal == row.principal


def take(tx: Unit, room_id: str, node: str, principal: str = "") -> int:
    """Make the room this node's; gives the fence. ``ORIGINS.rows(room_id)`` must have been asked for."""
    row = tx.get(ORIGINS, room_id)
    fence = row.fence + (row.node != node) if row else 1
    tx.put(ORIGINS, OriginRow(room_id, node, fence, tx.now_ms + LEASE_MS, principal))
    return fence


def let_go(tx: Unit, row: OriginRow) -> None:
    """Make the room nobody's: what its owner still tells is dropped."""
    tx.put(ORIGINS, replace(row, node="", fence=row.fence + 1, expires_at_ms=0))


def is_mine(row: OriginRow | None, node: str, fence: int) -> bool:
    """Whether the lease is still the one that was taken, be it expired or not."""
    return row is not None and row.node == node and row.fence == fence


def read_origin(conn: Connection, room_id: str) -> OriginRow | None:
    record = conn.execute(select(origins_table).where(origins_table.c.room_id == room_id)).one_or_none()
    return OriginRow(*record) if record else None


def read_status(conn: Connection, room_id: str) -> str | None:
    """The room's status; None: there is no such room."""
    return conn.scalar(select(rooms_table.c.status).where(rooms_table.c.id == room_id))


def read_owners(conn: Connection, streams: Collection[str]) -> dict[str, str]:
    """Which node holds each lease, expired or not; streams without an owner are left out."""
    columns = origins_table.c
    query = select(columns.room_id, columns.node).where(columns.room_id.in_(streams), columns.node != "")
    return {record.room_id: record.node for record in conn.execute(query)}


def read_going_on(conn: Connection, room_ids: Collection[str]) -> dict[str, int]:
    """Those of the rooms that are live or interrupted: since when (Unix ms)."""
    columns = rooms_table.c
    going_on = columns.status.in_(("live", "interrupted"))
    query = select(columns.id, columns.started_at_ms).where(columns.id.in_(room_ids), going_on)
    return {record.id: record.started_at_ms or 0 for record in conn.execute(query)}


def read_abandoned(conn: Connection, now_ms: int) -> dict[str, int]:
    """Rooms that are live while nobody holds their lease: their fences (0: there never was a lease)."""
    origins = origins_table.c
    query = (
        select(rooms_table.c.id, origins.fence, origins.node, origins.expires_at_ms)
        .select_from(rooms_table.outerjoin(origins_table, origins.room_id == rooms_table.c.id))
        .where(rooms_table.c.status == "live")
    )
    return {r.id: r.fence or 0 for r in conn.execute(query) if not r.node or (r.expires_at_ms or 0) <= now_ms}
