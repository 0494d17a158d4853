"""How long somebody has watched a stream: written about once a minute, and each moment counted once.

A node tells of spans of time in which it saw somebody in a live room. Each user's row of a stream has the
last span that was counted, and a further one counts with what of it is new. So two tabs, two nodes that saw
the same person, and a span that is told twice come to the same as one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, String, Table, bindparam, func, select

from rooms.rows import Kind, Rank
from rooms.schema import metadata
from rooms.unit import Unit


class Stream(NamedTuple):
    """A room's stream, by when it began (Unix milliseconds)."""

    room_id: str
    started_ms: int


class Span(NamedTuple):
    """Somebody was there from a time until another."""

    user_id: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """``ms`` in all; ``from_ms`` to ``until_ms`` is the last stretch without a gap of what is in it, and
    ``before_ms`` the end of the one before: what was earlier than that is dealt with."""

    room_id: str
    stream: int
    user_id: str
    ms: int
    before_ms: int
    from_ms: int
    until_ms: int


watched_table = Table(
    "watched",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", String(128), primary_key=True),
    Column("ms", BigInteger, nullable=False),
    Column("before_ms", BigInteger, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    CheckConstraint("ms >= 0 AND until_ms >= from_ms", name="forwards"),
)

WATCHED: Kind[WatchedRow] = Kind(watched_table, WatchedRow, Rank.PEOPLE)


def extended(row: WatchedRow, span: Span) -> WatchedRow:
    """The row with what is new of the span.

    A span that touches the last stretch makes it longer, at either end. A later one counts in full and
    becomes the last stretch. One that lies before it is taken for known: nodes tell within a minute or so of
    each other, and it is better to miss a moment than to count it twice.
    """
    if span.until_ms <= span.from_ms or span.until_ms < row.from_ms:
        return row
    if span.from_ms > row.until_ms:
        ms = row.ms + span.until_ms - span.from_ms
        return replace(row, ms=ms, before_ms=row.until_ms, from_ms=span.from_ms, until_ms=span.until_ms)
    from_ms = max(row.before_ms, min(row.from_ms, span.from_ms))
    until_ms = max(row.until_ms, span.until_ms)
    new_ms = (until_ms - from_ms) - (row.until_ms - row.from_ms)
    return replace(row, ms=row.ms + new_ms, from_ms=from_ms, until_ms=until_ms)


def keys_of(stream: Stream, spans: Sequence[Span]) -> list[tuple[str, int, str]]:
    """For ``WATCHED.rows``: the rows that :func:`watch` needs."""
    return [(*stream, user_id) for user_id in {span.user_id for span in spans}]


def watch(tx: Unit, stream: Stream, spans: Sequence[Span]) -> dict[str, int]:
    """Count the spans; gives how much of them was new, in milliseconds, by user. Safe to do twice."""
    new: dict[str, int] = {}
    for span in spans:
        was = tx.get(WATCHED, *stream, span.user_id)
        row = was or WatchedRow(*stream, span.user_id, 0, 0, span.from_ms, span.from_ms)
        longer = extended(row, span)
        if longer.ms > row.ms:
            tx.put(WATCHED, longer)
            new[span.user_id] = new.get(span.user_id, 0) + longer.ms - row.ms
    return new


_WATCHED = select(watched_table.c.user_id, watched_table.c.ms).where(
    watched_table.c.room_id == bindparam("room_id"),
    watched_table.c.stream == bindparam("stream"),
    watched_table.c.user_id.in_(bindparam("user_ids", expanding=True)),
)


def read_watched(conn: Connection, stream: Stream, user_ids: Collection[str]) -> dict[str, int]:
    """How long these users have watched a stream, in milliseconds, up to a minute ago; who hasn't is left
    out. One statement."""
    bounds = {"room_id": stream.room_id, "stream": stream.started_ms, "user_ids": list(user_ids)}
    return {r.user_id: r.ms for r in conn.execute(_WATCHED, bounds)}


def read_watched_in_room(
    conn: Connection, room_id: str, user_ids: Collection[str], *, since_ms: int = 0
) -> dict[str, int]:
    """The same of all streams of a room that began at ``since_ms`` or later."""
    columns = watched_table.c
    query = (
        select(columns.user_id, func.sum(columns.ms))
        .where(columns.room_id == room_id, columns.stream >= since_ms, columns.user_id.in_(list(user_ids)))
        .group_by(columns.user_id)
    )
    return {user_id: int(ms) for user_id, ms in conn.execute(query)}
