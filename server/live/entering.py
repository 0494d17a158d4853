"""What somebody is told who enters a room, beside the room: who they are here, and what they missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from moderation.permissions import Action, Role, may
from moderation.standing import can, read_mute, read_mutes, read_role
from rooms.commands import RoomId
from rooms.errors import Refused
from rooms.history import read_events, read_room, read_staff, visible
from rooms.log import LogEvent, without_text
from rooms.people import read_private
from rooms.ports import Caller
from rooms.shop.store import read_orders
from server.live.view import RoomView

PAID_SHOWN_MS = 3_600_000
TRIES = 4

Seq = Annotated[int, Field(ge=0, le=2**53)]


class Position(BaseModel):
    """Where in a room's log a client is."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epoch: Annotated[str, Field(max_length=16)]
    offset: Seq


class Enter(BaseModel):
    """The payload of ``enter``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    room: RoomId
    after: Position | None = None
    after_you: Seq | None = None
    after_staff: Seq | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """The caller's side of a room. ``staff_seq`` is where the staff's log stood, whoever the caller is."""

    role: Role
    you: dict[str, Any]
    staff: dict[str, Any] | None
    staff_seq: int


def read_side(conn: Connection, cmd: Enter, caller: Caller, now_ms: int) -> Side:
    """Who the caller is in the room. Raises ``Refused``: ``room_not_found``, ``unauthenticated``."""
    room = read_room(conn, cmd.room)
    if room is None:
        raise Refused("room_not_found")
    if caller.id is None and not room.public:
        raise Refused("unauthenticated", "This room isn't public: sign in first.")
    role = read_role(conn, cmd.room, caller, room.host_id)
    you: dict[str, Any] = {
        "user": caller.card if caller.id else None,
        "role": role.value,
        "can": can(role),
        "seq": 0,
        "items": [],
        "mute": None,
        "orders": [],
    }
    if caller.id is not None:
        you |= _own(conn, cmd, caller.id, now_ms)
    staff = None
    if may(role, Action.SEE_STAFF):
        staff = _staff(conn, cmd, role, room.staff_head, now_ms)
    return Side(role, you, staff, room.staff_head)


def _own(conn: Connection, cmd: Enter, user_id: str, now_ms: int) -> dict[str, Any]:
    seq, items = read_private(conn, user_id, after=cmd.after_you)
    mute = read_mute(conn, cmd.room, user_id, now_ms)
    orders = read_orders(conn, cmd.room, buyer_id=user_id, since_ms=now_ms - PAID_SHOWN_MS)
    return {
        "seq": seq,
        "items": [orjson.Fragment(item) for item in items],
        "mute": {"until_ms": mute.until_ms, "reason": mute.reason} if mute else None,
        "orders": [order.wire() for order in orders],
    }


def _staff(conn: Connection, cmd: Enter, role: Role, head: int, now_ms: int) -> dict[str, Any]:
    items = read_staff(conn, cmd.room, can(role), after=cmd.after_staff)
    staff: dict[str, Any] = {
        "seq": head,
        "items": [orjson.Fragment(item) for item in items],
        "mutes": [mute.wire() for mute in read_mutes(conn, cmd.room, now_ms)],
    }
    if may(role, Action.SEE_ORDERS):
        staff["orders"] = [order.wire() for order in read_orders(conn, cmd.room)]
    return staff


def recoverable(view: RoomView, after: Position | None, limit: int) -> bool:
    """Whether what was missed since a position can be given entry by entry."""
    if after is None or after.epoch != view.epoch or after.offset > view.to:
        return False
    return view.to - after.offset <= limit


def read_missed(conn: Connection, view: RoomView, after: int) -> list[LogEvent]:
    """What memory no longer has, from SQL."""
    return read_events(conn, view.room_id, view.epoch, after=after, to=view.to)


def room_part(view: RoomView, missed: list[LogEvent] | None, viewer_id: str | None) -> dict[str, Any]:
    """The room's part of the answer to ``enter``: what was missed, or (``None``) a snapshot."""
    part: dict[str, Any] = {"room": view.room_id, "epoch": view.epoch, "offset": view.to}
    if missed is None:
        part |= {"recovered": False, "snapshot": orjson.Fragment(view.snapshot()), "skipped": {}}
        return part
    # What came from SQL may have been read before a deletion that came from memory.
    gone = {event.data["id"] for event in missed if event.kind == "comment.deleted"}
    shown, left_out = visible([without_text(event, gone) for event in missed], viewer_id)
    part |= {
        "recovered": True,
        "items": [orjson.Fragment(event.body) for event in shown],
        "skipped": {"comment": left_out} if left_out else {},
    }
    return part
