"""The stage's table: one row for each person who is to come on a room's stage, or is on it.

Guarded by the room's head: whoever changes a row holds that lock. Who has left has no row.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, UniqueConstraint, and_, select

from rooms.guests.rules import Guest
from rooms.origins import origins_table
from rooms.rows import Kind, Rank
from rooms.schema import metadata

guests_table = Table(
    "guests",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("slot", String(16)),
    Column("at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),
    # The database, too, gives no slot to two.
    UniqueConstraint("room_id", "slot"),
)

GUESTS: Kind[Guest] = Kind(guests_table, Guest, Rank.GUARDED)

_g = guests_table.c


def read_guests(conn: Connection, room_id: str) -> list[Guest]:
    """Everybody who waits for the room's stage or is on it, first come first."""
    query = select(guests_table).where(_g.room_id == room_id).order_by(_g.at_ms, _g.user_id)
    return [Guest(*row) for row in conn.execute(query)]


def read_guests_of(conn: Connection, room_id: str, user_ids: Sequence[str]) -> dict[str, Guest]:
    """What these users are in the room, of those who are anything."""
    query = select(guests_table).where(_g.room_id == room_id, _g.user_id.in_(user_ids))
    return {row.user_id: Guest(*row) for row in conn.execute(query)}


def read_rooms_of(conn: Connection, user_id: str) -> list[str]:
    """The rooms on whose stage somebody is, or waits to be. Few are on any stage at a time."""
    return list(conn.scalars(select(_g.room_id).where(_g.user_id == user_id)))


def read_holder(conn: Connection, room_id: str, slot: str) -> Guest | None:
    """Whose slot it is."""
    row = conn.execute(select(guests_table).where(_g.room_id == room_id, _g.slot == slot)).one_or_none()
    return Guest(*row) if row else None


def read_abandoned_guests(conn: Connection, now_ms: int) -> list[tuple[Guest, int]]:
    """Guests who are seen while nobody holds the lease of their picture, each with its fence (0: there never
    was a lease)."""
    origins = origins_table.c
    stream = _g.room_id + ":" + _g.slot
    query = (
        select(guests_table, origins.fence, origins.node, origins.expires_at_ms)
        .select_from(guests_table.outerjoin(origins_table, origins.room_id == stream))
        .where(and_(_g.status == "on", _g.due_at_ms.is_(None)))
    )
    return [
        (Guest(*row[:-3]), row.fence or 0)
        for row in conn.execute(query)
        if not row.node or (row.expires_at_ms or 0) <= now_ms
    ]
