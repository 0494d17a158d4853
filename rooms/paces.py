"""When people last commented: a row for each person and room, and its end when it says nothing any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, String, Table, select, tuple_

from rooms.commands import SLOW_MODE_MAX_S
from rooms.heads import ROOMS
from rooms.rows import Kind, Rank, Steps
from rooms.schema import Json, metadata
from rooms.unit import Unit

PaceKey = tuple[str, str]
"""Room and user."""


@dataclass(frozen=True, slots=True)
class PaceRow:
    """When somebody last commented in a room; kept while slow mode is on, and where there are several nodes.

    ``recent`` are the times within the window, so that one pace holds on all nodes. It is written in the
    transaction of the comment, under the room's lock: a counter elsewhere could be asked before the key of a
    repeated command is looked up, and be wrong whenever that elsewhere is away.
    """

    room_id: str
    user_id: str
    at_ms: int
    recent: list[int] | None = None


paces_table = Table(
    "paces",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("recent", Json),
)

PACES: Kind[PaceRow] = Kind(paces_table, PaceRow, Rank.GUARDED)

_KEY = tuple_(paces_table.c.room_id, paces_table.c.user_id)


def is_over(row: PaceRow, window_ms: int, now_ms: int) -> bool:
    """Whether the row can't refuse anything any more, whatever the room's slow mode is or becomes."""
    return max(row.at_ms + SLOW_MODE_MAX_S * 1000, max(row.recent or [0]) + window_ms) <= now_ms


def read_paces(conn: Connection, after: PaceKey, limit: int) -> list[PaceRow]:
    """Rows in the order of their keys: found by walking, as an index on a time would cost every comment."""
    query = (
        select(paces_table)
        .where(after < _KEY)
        .order_by(paces_table.c.room_id, paces_table.c.user_id)
        .limit(limit)
    )
    return [PaceRow(*record) for record in conn.execute(query)]


def drop_over(tx: Unit, keys: Iterable[PaceKey], window_ms: int) -> Steps[None]:
    """Drop those of the rows that are over. Somebody may just have commented again, so it is looked at once
    more, under the rooms' locks."""
    keys = list(keys)
    yield ROOMS.rows(*sorted({room_id for room_id, _ in keys}))
    yield PACES.rows(*keys)
    for key in keys:
        row = tx.get(PACES, *key)
        if row is not None and is_over(row, window_ms, tx.now_ms):
            tx.drop(PACES, *key)
