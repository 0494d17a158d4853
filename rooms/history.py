"""Reading a room's log: its state for newcomers, what somebody missed, and its pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from rooms.heads import ROOMS, RoomRow, rooms_table
from rooms.log import LogEvent, StaffEvent, Visibility, checkpoints, room_events, staff_events
from rooms.rows import read
from rooms.state import EMPTY, FOLD_VERSION, RoomState, decode_state, encode_state, fold_all

RECOVERED_MAX = 1000
"""More than this many missed entries, and a snapshot is the better answer."""


@dataclass(frozen=True, slots=True)
class RoomNow:
    """A room's state as of an offset."""

    state: RoomState
    epoch: str
    offset: int


def read_room(conn: Connection, room_id: str) -> RoomRow | None:
    record = conn.execute(select(rooms_table).where(rooms_table.c.id == room_id)).one_or_none()
    return RoomRow(*record) if record else None


def read_rooms(conn: Connection, room_ids: Collection[str]) -> dict[str, RoomRow]:
    """These rooms' heads by id, in one query; rooms that aren't there are left out."""
    return {room.id: room for room in read(conn, ROOMS, [(room_id,) for room_id in room_ids])}


def read_events(
    conn: Connection, room_id: str, epoch: str, *, after: int, to: int | None = None, limit: int | None = None
) -> list[LogEvent]:
    """Entries with ``after < offset <= to``, in order."""
    query = select(room_events).where(
        room_events.c.room_id == room_id, room_events.c.epoch == epoch, room_events.c.offset > after
    )
    if to is not None:
        query = query.where(room_events.c.offset <= to)
    query = query.order_by(room_events.c.offset).limit(limit)
    return [LogEvent(*record) for record in conn.execute(query)]


def read_now(conn: Connection, room_id: str) -> RoomNow | None:
    """The room's state at its head: the checkpoint and the tail. None: no such room."""
    room = read_room(conn, room_id)
    if room is None:
        return None
    query = select(checkpoints.c.offset, checkpoints.c.state).where(
        checkpoints.c.room_id == room_id,
        checkpoints.c.epoch == room.epoch,
        checkpoints.c.fold_version == FOLD_VERSION,
    )
    kept = conn.execute(query).one_or_none()
    state, offset = (decode_state(kept.state), kept.offset) if kept else (EMPTY, 0)
    tail = read_events(conn, room_id, room.epoch, after=offset, to=room.head)
    return RoomNow(fold_all(state, tail), room.epoch, room.head)


@dataclass(frozen=True, slots=True)
class Heads:
    """How far a room's logs go, and the likes that are written."""

    epoch: str
    head: int
    staff_head: int
    likes: int


def read_heads(conn: Connection, room_ids: Collection[str]) -> dict[str, Heads]:
    """The heads of rooms, in one query; rooms that aren't there are left out."""
    found = read(conn, ROOMS, [(room_id,) for room_id in room_ids])
    return {r.id: Heads(r.epoch, r.head, r.staff_head, r.likes) for r in found}


def read_staff_events(conn: Connection, room_id: str, *, after: int, limit: int) -> list[StaffEvent]:
    """Staff events with ``seq > after``, in order, the first ``limit``."""
    query = select(staff_events).where(staff_events.c.room_id == room_id, staff_events.c.seq > after)
    return [StaffEvent(*r) for r in conn.execute(query.order_by(staff_events.c.seq).limit(limit))]


def save_checkpoint(conn: Connection, room_id: str, now: RoomNow) -> None:
    """Replace the room's checkpoint. To be called while the room's head is locked."""
    conn.execute(checkpoints.delete().where(checkpoints.c.room_id == room_id))
    conn.execute(
        checkpoints.insert().values(
            room_id=room_id,
            epoch=now.epoch,
            offset=now.offset,
            fold_version=FOLD_VERSION,
            state=encode_state(now.state),
        )
    )


def visible(events: Sequence[LogEvent], viewer_id: str | None) -> tuple[list[LogEvent], int]:
    """What a viewer may see of some entries, and how many comments were left out for this viewer. What was
    said in the shadow isn't counted: it must look as if it weren't there."""
    shown, left_out = [], 0
    for event in events:
        visibility = event.visibility
        if visibility == Visibility.ALL or (viewer_id is not None and event.user_id == viewer_id):
            shown.append(event)
        elif visibility == Visibility.SENDER:
            left_out += 1
        elif visibility != Visibility.SHADOW:
            shown.append(event)
    return shown, left_out


def read_staff(
    conn: Connection, room_id: str, actions: Sequence[str], *, after: int | None, limit: int = 100
) -> list[bytes]:
    """Staff events after a number as they go over the wire, the latest ``limit``, for who may ``actions``."""
    query = select(staff_events.c.body).where(
        staff_events.c.room_id == room_id, staff_events.c.action.in_(actions)
    )
    if after is not None:
        query = query.where(staff_events.c.seq > after)
    return list(conn.scalars(query.order_by(staff_events.c.seq.desc()).limit(limit)))[::-1]
