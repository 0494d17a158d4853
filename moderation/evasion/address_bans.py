"""Bans of address ranges: their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, select

from rooms.rows import Kind, Rank, read
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class AddressBanRow:
    """A range that is banned from a room, or from ``everywhere``: then ``room_id`` is where that was said.
    ``digest`` is the range's; ``user_id`` is who it was aimed at."""

    id: str
    room_id: str
    everywhere: int
    digest: str
    width: str
    user_id: str
    user_name: str
    reason: str
    by_id: str
    by_name: str
    at_ms: int
    until_ms: int

    def in_force(self, now_ms: int) -> bool:
        return now_ms < self.until_ms

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "everywhere": bool(self.everywhere),
            "width": self.width,
            "user": {"id": self.user_id, "name": self.user_name},
            "reason": self.reason,
            "by": {"id": self.by_id, "name": self.by_name},
            "at_ms": self.at_ms,
            "until_ms": self.until_ms,
        }


address_bans_table = Table(
    "address_bans",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("everywhere", Integer, nullable=False),
    Column("digest", String(20), nullable=False),
    Column("width", String(8), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("user_name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_id", String(128), nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Index("ix_address_bans_digest", "digest"),
    Index("ix_address_bans_room", "room_id", "until_ms"),
)

reached_table = Table(
    "address_ban_reached",
    metadata,
    Column("ban_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("sanction_id", String(36), nullable=False),
)

ADDRESS_BANS: Kind[AddressBanRow] = Kind(address_bans_table, AddressBanRow, Rank.GUARDED)


def read_bans_on(conn: Connection, digests: Collection[str], now_ms: int) -> list[AddressBanRow]:
    """The bans in force on these ranges, in whichever rooms."""
    columns = address_bans_table.c
    query = select(address_bans_table).where(columns.digest.in_(digests), columns.until_ms > now_ms)
    return [AddressBanRow(*row) for row in conn.execute(query)]


def read_bans(conn: Connection, now_ms: int, *, limit: int = 5000) -> list[AddressBanRow]:
    """All bans of ranges in force, the newest first."""
    columns = address_bans_table.c
    query = select(address_bans_table).where(columns.until_ms > now_ms)
    return [AddressBanRow(*row) for row in conn.execute(query.order_by(columns.id.desc()).limit(limit))]


def read_bans_in(conn: Connection, room_id: str, now_ms: int, *, limit: int = 500) -> list[AddressBanRow]:
    """The bans of ranges in force in a room, those of all rooms too, the newest first."""
    columns = address_bans_table.c
    here = (columns.room_id == room_id) | (columns.everywhere == 1)
    query = select(address_bans_table).where(here, columns.until_ms > now_ms)
    return [AddressBanRow(*row) for row in conn.execute(query.order_by(columns.id.desc()).limit(limit))]


def read_address_ban(conn: Connection, ban_id: str) -> AddressBanRow | None:
    return next(read(conn, ADDRESS_BANS, [(ban_id,)]), None)


def read_reached(conn: Connection, ban_id: str) -> dict[str, str]:
    """Whom a ban of a range has reached so far, with the sanction that each of them got."""
    query = select(reached_table.c.user_id, reached_table.c.sanction_id)
    rows = conn.execute(query.where(reached_table.c.ban_id == ban_id))
    return {row.user_id: row.sanction_id for row in rows}
