"""The tables of what was given: gifts, running combos, and totals by giver.

Whoever writes a combo's or a total's row holds its giver's wallet, as giving and giving back both move coins
of it. So these rows need no locks of their own, also where one giver gives in two rooms at once.
"""

from __future__ import annotations

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
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
)

from rooms.gifts.rules import Combo
from rooms.rows import Kind, Rank
from rooms.schema import metadata


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A gift that was given; its id is also that of its event and what its movement is for.

    ``stream`` is when the stream began, ``combo_n`` its place in its combo, ``coins`` all that it cost, of
    which ``platform_coins`` were the platform's share.
    """

    id: str
    room_id: str
    stream: int
    week: int
    host_id: str
    giver_id: str
    giver_name: str
    gift_id: str
    count: int
    coins: int
    platform_coins: int
    combo_id: str
    combo_n: int
    at_ms: int
    refunded_at_ms: int | None

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "room": self.room_id,
            "user": {"id": self.giver_id, "name": self.giver_name},
            "gift": self.gift_id,
            "count": self.count,
            "coins": self.coins,
            "earned": self.coins - self.platform_coins,
            "combo": self.combo_id,
            "at_ms": self.at_ms,
            "refunded_at_ms": self.refunded_at_ms,
        }


given_table = Table(
    "gifts_given",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("stream", BigInteger, nullable=False),
    Column("week", Integer, nullable=False),
    Column("host_id", String(128), nullable=False),
    Column("giver_id", String(128), nullable=False),
    Column("giver_name", Text, nullable=False),
    Column("gift_id", String(36), nullable=False),
    Column("count", Integer, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("platform_coins", BigInteger, nullable=False),
    Column("combo_id", String(36), nullable=False),
    Column("combo_n", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("refunded_at_ms", BigInteger),
    UniqueConstraint("combo_id", "combo_n"),
    Index("ix_gifts_given_room", "room_id", "id"),
    Index("ix_gifts_given_giver", "giver_id", "room_id", "at_ms"),
    CheckConstraint("coins > 0 AND platform_coins >= 0 AND platform_coins <= coins", name="sane_coins"),
)

combos_table = Table(
    "gift_combos",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("giver_id", String(128), primary_key=True),
    Column("gift_id", String(36), primary_key=True),
    Column("id", String(36), nullable=False),
    Column("stream", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class TotalRow:
    """What somebody gave to a host within a scope. Of two with as much, who had it first is before."""

    host_id: str
    scope: str
    user_id: str
    name: str
    coins: int
    reached_ms: int


totals_table = Table(
    "gift_totals",
    metadata,
    Column("host_id", String(128), primary_key=True),
    Column("scope", String(100), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("reached_ms", BigInteger, nullable=False),
    Index("ix_gift_totals_top", "host_id", "scope", "coins"),
    CheckConstraint("coins >= 0", name="not_negative"),
)


GIVEN: Kind[GivenRow] = Kind(given_table, GivenRow, Rank.GIFTS)
COMBOS: Kind[Combo] = Kind(combos_table, Combo, Rank.GUARDED)
TOTALS: Kind[TotalRow] = Kind(totals_table, TotalRow, Rank.GUARDED)


def read_given(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[GivenRow]:
    """What was given in a room, newest first; ``before`` is the last id of the page before."""
    query = select(given_table).where(given_table.c.room_id == room_id)
    if before is not None:
        query = query.where(given_table.c.id < before)
    return [GivenRow(*r) for r in conn.execute(query.order_by(given_table.c.id.desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody's place on a board, from 1."""

    place: int
    user_id: str
    name: str
    coins: int

    def wire(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "user": {"id": self.user_id, "name": self.name},
            "coins": self.coins,
        }


def read_board(
    conn: Connection, board: Table, where: dict[str, str], user_id: str | None, *, limit: int = 10
) -> tuple[list[Standing], Standing | None]:
    """The first of a board, and one's own place on it (None: gave nothing). ``board`` is a table with
    ``user_id``, ``name``, ``coins``, ``reached_ms``, of which the rows ``where`` are the board's."""
    c = board.c
    ours = [c.coins > 0, *(c[name] == value for name, value in where.items())]
    query = select(c.user_id, c.name, c.coins, c.reached_ms).where(*ours)
    top = query.order_by(c.coins.desc(), c.reached_ms, c.user_id).limit(limit)
    rows = [Standing(place, r[0], r[1], r[2]) for place, r in enumerate(conn.execute(top), 1)]
    if user_id is None:
        return rows, None
    own = next((row for row in rows if row.user_id == user_id), None)
    if own is not None or (mine := conn.execute(query.where(c.user_id == user_id)).first()) is None:
        return rows, own
    same = c.coins == mine.coins
    before = or_(
        c.coins > mine.coins,
        and_(same, c.reached_ms < mine.reached_ms),
        and_(same, c.reached_ms == mine.reached_ms, c.user_id < user_id),
    )
    place = conn.scalar(select(func.count()).select_from(board).where(*ours, before)) or 0
    return rows, Standing(place + 1, user_id, mine.name, mine.coins)
