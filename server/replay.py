"""Replays: recordings' timelines, and the room's state at any place of them, found quickly again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.history import read_room
from rooms.recordings.blurs import Said, Stretch, stretches
from rooms.recordings.blurs import read_said as read_blurs
from rooms.recordings.chapters import Chapter, read_chapters
from rooms.recordings.replay import (
    Excerpt,
    Place,
    clock_of,
    placed,
    read_excerpt,
    read_offset_at,
    read_place,
    read_said,
    with_comments,
)
from rooms.recordings.store import RecordingRow, read_segments
from rooms.recordings.timeline import Timeline
from rooms.state import encode_state

KEPT = 32
PLACES_KEPT = 64
APART = 500
"""States are kept at least so many entries apart: folding fewer than that is quicker than looking."""


@dataclass(slots=True)
class Known:
    """What doesn't change of a complete recording: its timeline, its first and last offsets, and the states
    (without anybody's words) at some places, by offset; and what the log says of blurs so far."""

    room_id: str
    epoch: str
    timeline: Timeline
    first: int
    last: int
    places: OrderedDict[int, Place] = field(default_factory=OrderedDict)
    blurs: tuple[int, tuple[Said, ...]] = (0, ())


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch of a recording in ms; ``cursor`` is the offset to go on after; ``snapshot``: with the state
    before the first entry."""

    from_ms: int
    to_ms: int | None
    cursor: int | None
    limit: int
    snapshot: bool


class Replays:
    """Answers from the log as it is now. Called on readers' threads; what is remembered is bounded, and lost
    with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()

    def timeline(self, conn: Connection, recording: RecordingRow, asked: Asked) -> bytes:
        """A page of what happened, as JSON. Raises ``Refused("not_found")`` when there is nothing to play."""
        known = self._know(conn, recording)
        length_ms = known.timeline.duration_ms
        from_ms = min(asked.from_ms, length_ms)
        to_ms = length_ms if asked.to_ms is None else min(asked.to_ms, length_ms)
        after = self._before(conn, known, from_ms) if asked.cursor is None else asked.cursor
        after = max(known.first, min(after, known.last))
        to = known.last if to_ms >= length_ms else self._before(conn, known, to_ms)
        page = read_excerpt(
            conn, known.room_id, known.epoch, known.timeline, after=after, to=to, limit=asked.limit
        )
        answer: dict[str, object] = {
            "recording": recording.id,
            "duration_ms": length_ms,
            "from_ms": from_ms,
            "to_ms": to_ms,
            "clock": clock_of(known.timeline),
            "blurred": [stretch.wire for stretch in self._blurred(conn, known)],
        }
        if asked.snapshot:
            answer["snapshot"] = orjson.Fragment(self._snapshot(conn, known, after))
        return orjson.dumps(answer | _wire(page))

    def chapters(self, conn: Connection, recording: RecordingRow) -> list[Chapter]:
        """Raises ``Refused("not_found")`` when there is nothing to play."""
        known = self._know(conn, recording)
        begins = self._place(conn, known, known.first)
        return read_chapters(conn, known.room_id, known.epoch, known.timeline, begins, known.last)

    def blurred(self, conn: Connection, recording: RecordingRow) -> tuple[Stretch, ...]:
        """Where its picture was blurred. Raises ``Refused("not_found")`` when there is nothing to play."""
        return self._blurred(conn, self._know(conn, recording))

    def _blurred(self, conn: Connection, known: Known) -> tuple[Stretch, ...]:
        """Also of a complete recording the log goes on: a moderator may find that a blur was a mistake."""
        room = read_room(conn, known.room_id)
        head = known.last if room is None or room.epoch != known.epoch else room.head
        with self._lock:
            read_to, said = known.blurs
        if read_to < head:
            said += tuple(read_blurs(conn, known.room_id, known.epoch, after=read_to, to=head))
            with self._lock:
                known.blurs = head, said
        return stretches(said, known.timeline)

    def _know(self, conn: Connection, recording: RecordingRow) -> Known:
        with self._lock:
            known = self._known.get(recording.id)
            if known is not None:
                self._known.move_to_end(recording.id)
                return known
        known = _look_up(conn, recording)
        if recording.status == "ready":
            with self._lock:
                self._known[recording.id] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return known

    def _before(self, conn: Connection, known: Known, media_ms: int) -> int:
        """The offset of the last entry before a place of the recording."""
        at_ms = known.timeline.at_ms_of(media_ms)
        if at_ms is None or media_ms == 0:
            return known.first
        return read_offset_at(conn, known.room_id, known.epoch, known.last, at_ms - 1)

    def _snapshot(self, conn: Connection, known: Known, offset: int) -> bytes:
        """The state after ``offset``, with what was said in this recording."""
        place = self._place(conn, known, offset)
        said = read_said(conn, known.room_id, known.epoch, after=known.first, to=offset)
        return encode_state(with_comments(place, said))

    def _place(self, conn: Connection, known: Known, offset: int) -> Place:
        with self._lock:
            since = max(
                (place for at, place in known.places.items() if at <= offset),
                key=lambda place: place.offset,
                default=Place(0),
            )
        place = read_place(conn, known.room_id, known.epoch, offset, since)
        if offset == known.first or offset - since.offset >= APART:
            with self._lock:
                known.places[offset] = place
                while len(known.places) > PLACES_KEPT:
                    known.places.popitem(last=False)
        return place


def _look_up(conn: Connection, recording: RecordingRow) -> Known:
    room = read_room(conn, recording.room_id)
    timeline = Timeline.of(read_segments(conn, recording.id))
    if room is None or not timeline.segments:
        raise Refused("not_found", "There is nothing of this recording to play.")
    begin_ms = timeline.starts[0]
    first = read_offset_at(conn, room.id, room.epoch, room.head, begin_ms - 1)
    last = read_offset_at(conn, room.id, room.epoch, room.head, timeline.ended_ms)
    return Known(room.id, room.epoch, timeline, first, last)


def _wire(page: Excerpt) -> dict[str, object]:
    return {
        "items": [orjson.Fragment(placed(media_ms, event)) for media_ms, event in page.items],
        "skipped": {"comment": page.skipped} if page.skipped else {},
        "next": None if page.following is None else str(page.following),
    }
