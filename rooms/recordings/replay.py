"""A recording's part of its room's log: what happened, by media time, and how the room was at any place.

Read from the log as it is now, never from a copy: what has been deleted since, or redacted, is so here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, text

from rooms.corrections import KINDS
from rooms.history import read_events
from rooms.log import RARE, LogEvent, Visibility, room_events
from rooms.recordings.timeline import Timeline
from rooms.state import COMMENTS_KEPT, EMPTY, RoomState, Shown, fold_all


@dataclass(frozen=True, slots=True)
class Place:
    """A room's log after ``offset``; ``state`` is what its entries up to there come to, without comments."""

    offset: int
    state: RoomState = EMPTY


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A page of what happened: entries with their media time in ms. ``skipped`` comments were shown to
    nobody but their senders; ``following`` is the offset to go on after, None at the end."""

    items: list[tuple[int, LogEvent]]
    skipped: int
    following: int | None


def read_offset_at(conn: Connection, room_id: str, epoch: str, head: int, at_ms: int) -> int:
    """The offset of the last entry that was made at or before ``at_ms``, 0 if there is none.

    Offsets have no holes and times hardly ever fall, so it is found by halving: a dozen look-ups by key.
    """
    table = room_events.c
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        query = select(table.at_ms).where(
            table.room_id == room_id, table.epoch == epoch, table.offset == middle
        )
        made_ms = conn.scalar(query)
        if made_ms is not None and made_ms <= at_ms:
            low = middle
        else:
            high = middle - 1
    return low


def read_place(conn: Connection, room_id: str, epoch: str, offset: int, since: Place) -> Place:
    """The state after ``offset``, from that at ``since`` on."""
    table = room_events.c
    query = (
        select(room_events)
        .where(table.room_id == room_id, table.epoch == epoch)
        .where(table.offset > since.offset, table.offset <= offset, text(RARE))
        .order_by(table.offset)
    )
    events = [LogEvent(*record) for record in conn.execute(query)]
    return Place(offset, fold_all(since.state, events))


def read_said(conn: Connection, room_id: str, epoch: str, *, after: int, to: int) -> list[Shown]:
    """The last comments with ``after < offset <= to`` that everybody was shown and nobody has deleted."""
    table = room_events.c
    query = (
        select(table.id, table.body)
        .where(table.room_id == room_id, table.epoch == epoch, table.offset > after, table.offset <= to)
        .where(table.kind == "comment", table.visibility == Visibility.ALL.value)
        .order_by(table.offset.desc())
        .limit(COMMENTS_KEPT)
    )
    return [Shown(record.id, record.body) for record in conn.execute(query)][::-1]


def with_comments(place: Place, said: Sequence[Shown]) -> RoomState:
    return replace(place.state, comments=tuple(said))


def read_excerpt(
    conn: Connection, room_id: str, epoch: str, timeline: Timeline, *, after: int, to: int, limit: int
) -> Excerpt:
    """Entries with ``after < offset <= to``, the first ``limit`` of the log."""
    events = read_events(conn, room_id, epoch, after=after, to=to, limit=limit)
    items = []
    skipped = 0
    for event in events:
        if event.kind == "comment" and event.visibility == Visibility.SENDER:
            skipped += 1
        elif is_shown(event) and (media_ms := timeline.media_ms_at(event.at_ms)) is not None:
            items.append((media_ms, event))
    ended = len(events) < limit or events[-1].offset >= to
    return Excerpt(items, skipped, None if ended else events[-1].offset)


def is_shown(event: LogEvent) -> bool:
    """Whether a replay has it. Of deleted comments nothing is left, neither they nor that they were; a masked
    one is as it is now from the beginning, and one that was brought back is in its place."""
    return event.visibility == Visibility.ALL and event.kind not in (*KINDS, "comment.restored")


def placed(media_ms: int, event: LogEvent) -> bytes:
    """The event as it goes over the wire, with its place in the recording."""
    return b'{"media_ms":%d,' % media_ms + event.body[1:]


LEAP_MS = 500


def clock_of(timeline: Timeline) -> list[dict[str, int]]:
    """Where the clock was at places of the recording, from each of which on it goes as the picture does: at
    the beginning, and wherever it has leapt since, as after an interruption."""
    points: list[dict[str, int]] = []
    ahead_ms = 0
    for span, start_ms in zip(timeline.segments, timeline.starts, strict=True):
        if not points or abs(start_ms - span.media_ms - ahead_ms) > LEAP_MS:
            ahead_ms = start_ms - span.media_ms
            points.append({"media_ms": span.media_ms, "at_ms": start_ms})
    return points
