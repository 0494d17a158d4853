"""What somebody is told who enters a room, beside the room: who they are here, and what they missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from moderation.permissions import Action, Role, may
from moderation.review.holding import told
from moderation.review.reading import review_part, told_of_appeal
from moderation.review.rules import Item
from moderation.review.store import read_own
from moderation.sanctions.rules import SanctionKind
from moderation.sanctions.store import Found, own_part, read_in_force, read_page
from moderation.standing import can, read_roles_of, refused_by, role_of
from rooms.avatars import faced, show_faces
from rooms.commands import RoomId
from rooms.corrections import corrections
from rooms.errors import Refused
from rooms.follows import read_followers, read_following
from rooms.guests.rules import Guest
from rooms.guests.store import read_guests, read_guests_of
from rooms.heads import RoomRow, UserRow
from rooms.history import read_events, read_rooms, read_staff, visible
from rooms.log import LogEvent
from rooms.people import read_private, read_users
from rooms.points.rules import LEVELS, standing
from rooms.points.store import read_earned
from rooms.ports import Caller
from rooms.shop.coupons.store import read_held
from rooms.shop.store import OrderRow, read_open_orders, read_orders
from rooms.wallet.news import read_wallets
from server.live.view import RoomView

PAID_SHOWN_MS = 3_600_000
APPEALS_SHOWN_MS = 14 * 86_400_000
TRIES = 4
SANCTIONS_SHOWN = 500

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
class Ask:
    """Somebody who wants to enter a room."""

    cmd: Enter
    caller: Caller


@dataclass(frozen=True, slots=True)
class Side:
    """The caller's side of a room. ``staff_seq`` is where the staff's log stood, whoever the caller is."""

    role: Role
    you: dict[str, Any]
    staff: dict[str, Any] | None
    staff_seq: int


def read_sides(
    conn: Connection, asked: Sequence[Ask], now_ms: int, levels: tuple[int, ...] = LEVELS
) -> list[Side | Refused]:
    """Who each of them is in the room that they want to enter; for each the same as if it had asked alone.

    A refusal is ``room_not_found``, ``unauthenticated`` or ``banned``. However many they are, it is two
    statements, twelve more a room, and others only for the staff and for those who missed private events.
    """
    rooms = read_rooms(conn, {ask.cmd.room for ask in asked})
    users: dict[str, list[str]] = {}
    for ask in asked:
        if ask.caller.id is not None and ask.cmd.room in rooms:
            users.setdefault(ask.cmd.room, []).append(ask.caller.id)
    known = {user_id for ids in users.values() for user_id in ids} | {room.host_id for room in rooms.values()}
    heads = read_users(conn, known)
    facts = {room_id: _read_facts(conn, room, users.get(room_id), now_ms) for room_id, room in rooms.items()}
    return [_side(conn, ask, facts.get(ask.cmd.room), heads, now_ms, levels) for ask in asked]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is written of some users in one room."""

    room: RoomRow
    roles: dict[str, str]
    sanctions: Mapping[str, Mapping[SanctionKind, Found]]
    orders: dict[str, list[OrderRow]]
    coupons: Mapping[str, list[dict[str, Any]]]
    wallets: Mapping[str, dict[str, int]]
    following: Mapping[str, int]
    followers: int
    earned: Mapping[str, int]
    guests: Mapping[str, Guest]
    review: Mapping[str, list[Item]]


def _read_facts(conn: Connection, room: RoomRow, user_ids: list[str] | None, now_ms: int) -> _Facts:
    if not user_ids:
        return _Facts(room, {}, {}, {}, {}, {}, {}, read_followers(conn, room.host_id), {}, {}, {})
    return _Facts(
        room,
        read_roles_of(conn, room.id, user_ids),
        read_in_force(conn, room.id, user_ids, now_ms),
        read_open_orders(conn, room.id, user_ids, paid_since_ms=now_ms - PAID_SHOWN_MS),
        read_held(conn, room.id, user_ids, now_ms=now_ms),
        read_wallets(conn, user_ids),
        read_following(conn, room.host_id, user_ids),
        read_followers(conn, room.host_id),
        read_earned(conn, user_ids),
        read_guests_of(conn, room.id, user_ids),
        read_own(conn, room.id, user_ids, since_ms=now_ms - APPEALS_SHOWN_MS),
    )


def _side(
    conn: Connection,
    ask: Ask,
    facts: _Facts | None,
    heads: dict[str, UserRow],
    now_ms: int,
    levels: tuple[int, ...],
) -> Side | Refused:
    if facts is None:
        return Refused("room_not_found")
    caller, cmd, room = ask.caller, ask.cmd, facts.room
    if caller.id is None and not room.public:
        return Refused("unauthenticated", "This room isn't public: sign in first.")
    sanctions = facts.sanctions.get(caller.id or "", {})
    if (ban := sanctions.get(SanctionKind.BAN)) is not None and not caller.operator:
        return refused_by(SanctionKind.BAN, ban, now_ms)
    given = facts.roles.get(caller.id) if caller.id is not None else None
    role = role_of(caller.id, operator=caller.operator, host_id=room.host_id, member_role=given)
    head, host = heads.get(caller.id or ""), heads.get(room.host_id)
    you: dict[str, Any] = {
        "user": faced(caller.card, head.avatar if head else None) if caller.id else None,
        "host_avatar": (host.avatar if host else "") or None,
        "role": role.value,
        "can": can(role),
        "seq": 0,
        "items": [],
        **own_part(sanctions),
        "orders": [],
        "coupons": [],
        "wallet": None,
        "following": caller.id in facts.following,
        "followed_since_ms": facts.following.get(caller.id) if caller.id is not None else None,
        "followers": facts.followers,
        "guest": None,
        "held": [],
        "appeals": [],
        "level": standing(levels, facts.earned.get(caller.id, 0)) if caller.id is not None else None,
    }
    if caller.id is not None:
        you |= _own(conn, cmd, caller.id, facts, head.seq if head else 0)
    staff = None
    if may(role, Action.SEE_STAFF):
        staff = _staff(conn, cmd, role, room.staff_head, now_ms)
    return Side(role, you, staff, room.staff_head)


def _own(conn: Connection, cmd: Enter, user_id: str, facts: _Facts, seq: int) -> dict[str, Any]:
    items = read_private(conn, user_id, head=seq, after=cmd.after_you)
    guest = facts.guests.get(user_id)
    own = facts.review.get(user_id, ())
    return {
        "seq": seq,
        "items": [orjson.Fragment(item) for item in items],
        "orders": [order.wire() for order in facts.orders.get(user_id, ())],
        "coupons": facts.coupons.get(user_id, []),
        "wallet": facts.wallets.get(user_id),
        "guest": guest.wire() if guest else None,
        "held": [told(item) for item in own if item.kind == "held"],
        "appeals": [told_of_appeal(item) for item in own if item.kind == "appeal"],
    }


def _staff(conn: Connection, cmd: Enter, role: Role, head: int, now_ms: int) -> dict[str, Any]:
    items = read_staff(conn, cmd.room, can(role), after=cmd.after_staff)
    in_force = read_page(conn, cmd.room, now_ms, in_force=True, limit=SANCTIONS_SHOWN)
    staff: dict[str, Any] = {
        "seq": head,
        "items": [orjson.Fragment(item) for item in items],
        "mutes": [row.wire() for row in in_force if row.kind == SanctionKind.MUTE],
        "sanctions": [row.wire() for row in in_force],
    }
    if may(role, Action.REVIEW):
        staff["review"] = review_part(conn, cmd.room, can(role), now_ms)
        show_faces(conn, [item["user"] for item in staff["review"]["items"]])
    if may(role, Action.MANAGE_STAGE):
        staff["guests"] = [guest.wire() for guest in read_guests(conn, cmd.room)]
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
    # What came from SQL may have been read before a deletion that came from memory, and a purge is in effect
    # before the last of the rows has been written.
    by = corrections(missed)
    shown, left_out = visible([by.of(event) for event in missed], viewer_id)
    part |= {
        "recovered": True,
        "items": [orjson.Fragment(event.body) for event in shown],
        "skipped": {"comment": left_out} if left_out else {},
    }
    return part
