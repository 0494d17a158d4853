"""The red packets' tables and rows.

Whoever opens a packet or ends it holds its row's lock; that guards its opens and its coins in escrow too.
What the shares are worth is in a table of its own, which is written once: nobody learns of them from a row
that is passed around, and they needn't be written again with every group of openers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    case,
    func,
    select,
)

from rooms.play.packets.rules import Packet
from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata

packets_table = Table(
    "packets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("sender_id", String(128), nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("split", String(16), nullable=False),
    Column("greeting", Text, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("closes_at_ms", BigInteger, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("left_coins", BigInteger, nullable=False),
    Column("ended", String(16)),
    Column("ended_at_ms", BigInteger),
    Column("best_id", String(128)),
    Column("best_name", Text),
    Column("best_coins", BigInteger, nullable=False),
    Column("who", String(16), nullable=False, server_default="all"),
    # Those that are open are few, and found without those that were.
    Index("ix_packets_open", "room_id", "ended", "sender_id"),
    Index("ix_packets_room", "room_id", "id"),
    CheckConstraint("opened >= 0 AND opened <= count AND left_coins >= 0", name="not_overdrawn"),
)


@dataclass(frozen=True, slots=True)
class SharesRow:
    """What each share is worth, in the order in which they are opened. A secret until then."""

    packet_id: str
    shares: list[int]


packet_shares_table = Table(
    "packet_shares",
    metadata,
    Column("packet_id", String(36), primary_key=True),
    Column("shares", Json, nullable=False),
)


@dataclass(frozen=True, slots=True)
class OpenRow:
    """Somebody's share. ``place`` is the how manieth it was, from 1."""

    packet_id: str
    user_id: str
    user_name: str
    place: int
    coins: int
    opened_at_ms: int

    def wire(self) -> dict[str, Any]:
        return {
            "user": {"id": self.user_id, "name": self.user_name},
            "place": self.place,
            "coins": self.coins,
            "opened_at_ms": self.opened_at_ms,
        }


# The database, too, lets nobody open one twice, and no share be opened twice.
packet_opens_table = Table(
    "packet_opens",
    metadata,
    Column("packet_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Index("ux_packet_opens_place", "packet_id", "place", unique=True),
    CheckConstraint("coins > 0", name="a_coin_at_least"),
)

PACKETS: Kind[Packet] = Kind(packets_table, Packet, Rank.PLAYS)
# Never changed; read under the packet's lock.
SHARES: Kind[SharesRow] = Kind(packet_shares_table, SharesRow, Rank.PLAY_ENTRIES, locked=False)
OPENS: Kind[OpenRow] = Kind(packet_opens_table, OpenRow, Rank.PLAY_ENTRIES, locked=False)

_p, _o = packets_table.c, packet_opens_table.c


def count_open(conn: Connection, room_id: str, sender_id: str) -> tuple[int, int]:
    """How many packets are open in the room, and how many of them are the sender's."""
    mine = func.coalesce(func.sum(case((_p.sender_id == sender_id, 1), else_=0)), 0)
    query = select(func.count(), mine).where(_p.room_id == room_id, _p.ended.is_(None))
    in_room, of_sender = conn.execute(query).one()
    return int(in_room), int(of_sender)


def read_packet(conn: Connection, packet_id: str) -> Packet | None:
    row = conn.execute(select(packets_table).where(_p.id == packet_id)).one_or_none()
    return Packet(*row) if row else None


def read_packets(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[Packet]:
    """A room's packets, newest first; ``before`` is the last id of the page before."""
    query = select(packets_table).where(_p.room_id == room_id)
    if before is not None:
        query = query.where(_p.id < before)
    return [Packet(*row) for row in conn.execute(query.order_by(_p.id.desc()).limit(limit))]


def read_opens(conn: Connection, packet_id: str, *, after: int = 0, limit: int = 50) -> list[OpenRow]:
    """Who got what, first come first; ``after`` is the last place of the page before."""
    query = select(packet_opens_table).where(_o.packet_id == packet_id, _o.place > after)
    return [OpenRow(*row) for row in conn.execute(query.order_by(_o.place).limit(limit))]


def read_own(conn: Connection, packet_id: str, user_ids: Sequence[str]) -> dict[str, OpenRow]:
    """The shares of these users, of those who have one."""
    query = select(packet_opens_table).where(_o.packet_id == packet_id, _o.user_id.in_(user_ids))
    return {row.user_id: OpenRow(*row) for row in conn.execute(query)}
