"""The tables of points: people's days, what they ever earned, and how far the logs are read.

The points themselves are in the ledger. What is here says what they were for, and bounds them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    String,
    Table,
    select,
)

from rooms.points.rules import DayRow
from rooms.rows import Kind, Rank, read
from rooms.schema import Json, metadata

days_table = Table(
    "points_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String(128), primary_key=True),
    Column("done", Json, nullable=False),
    Column("earned", Json, nullable=False),
    Column("total", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class EarnedRow:
    """What somebody ever earned, whatever became of it: levels go by it."""

    user_id: str
    earned: int


earned_table = Table(
    "points_earned",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("earned", BigInteger, nullable=False),
    CheckConstraint("earned >= 0", name="not_negative"),
)


@dataclass(frozen=True, slots=True)
class CursorRow:
    """Up to where a room's public log and its staff's are counted."""

    room_id: str
    epoch: str
    offset: int
    staff_seq: int


cursors_table = Table(
    "points_cursors",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(16), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("staff_seq", BigInteger, nullable=False),
)

CURSORS: Kind[CursorRow] = Kind(cursors_table, CursorRow, Rank.PEOPLE)
DAYS: Kind[DayRow] = Kind(days_table, DayRow, Rank.POINTS)
EARNED: Kind[EarnedRow] = Kind(earned_table, EarnedRow, Rank.POINTS)


def read_earned(conn: Connection, user_ids: Collection[str]) -> dict[str, int]:
    """What these users ever earned; who never did is left out. One statement."""
    return {row.user_id: row.earned for row in read(conn, EARNED, [(user_id,) for user_id in user_ids])}


def read_day(conn: Connection, day: int, user_id: str) -> DayRow | None:
    """A user's day."""
    query = select(days_table).where(days_table.c.day == day, days_table.c.user_id == user_id)
    row = conn.execute(query).first()
    return DayRow(*row) if row else None
