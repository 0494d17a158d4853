"""What a room's staff know of somebody beside sanctions: notes, hints, and where a ban would reach."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from moderation.evasion.address_bans import read_bans_in
from moderation.evasion.hints import read_hints
from moderation.evasion.notes import read_notes
from moderation.evasion.ranges import sharers
from moderation.evasion.trace_rows import read_known_since, read_marks, read_who_left
from moderation.evasion.traces import KEPT_MS, Trace
from moderation.permissions import Action, may
from rooms.avatars import faced
from rooms.errors import Refused
from rooms.heads import USERS
from rooms.rows import read
from server.api.context import API, ok

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/people/{user}")
async def person(request: web.Request) -> web.Response:
    """Notes on somebody, whom of those banned here they look like, and what banning where they come from
    would do (``ranges``, for who may)."""
    api = request.app[API]
    room_id, identity, _, role = await api.in_room(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    if not may(role, Action.SEE_STAFF):
        raise Refused("forbidden")
    user_id, now_ms = request.match_info["user"], api.clock_ms()
    with_ranges = may(role, Action.BAN_ADDRESS)
    return ok(await api.store.read(lambda conn: _person(conn, room_id, user_id, now_ms, with_ranges)))


@routes.get("/api/v1/rooms/{room}/address-bans")
async def list_address_bans(request: web.Request) -> web.Response:
    """The bans of address ranges in force here, newest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.BAN_ADDRESS)
    bans = await api.store.read(lambda conn: read_bans_in(conn, room_id, api.clock_ms()))
    return ok({"items": [ban.wire() for ban in bans], "next": None})


def _person(conn: Connection, room_id: str, user_id: str, now_ms: int, with_ranges: bool) -> dict[str, Any]:
    user = next(read(conn, USERS, [(user_id,)]), None)
    if user is None:
        raise Refused("not_found", "There is no such user.")
    return {
        "user": faced({"id": user.id, "name": user.name}, user.avatar),
        "known_since_ms": read_known_since(conn, [user_id]).get(user_id),
        "notes": [note.wire() for note in read_notes(conn, room_id, user_id)],
        "hints": [hint.wire() for hint in read_hints(conn, room_id, [user_id]).get(user_id, [])],
        "ranges": _ranges(conn, user_id, now_ms) if with_ranges else None,
    }


def _ranges(conn: Connection, user_id: str, now_ms: int) -> list[dict[str, Any]]:
    """The latest address, and the network around it, each with how many others came from there lately."""
    found: dict[Trace, dict[str, Any]] = {}
    for mark, seen_ms in read_marks(conn, user_id):
        if mark.kind is Trace.DEVICE or mark.kind in found:
            continue
        others = read_who_left(conn, mark, now_ms - KEPT_MS)
        others.pop(user_id, None)
        told = sharers(others.values(), now_ms)
        found[mark.kind] = {
            "width": mark.kind.value,
            "seen_ms": seen_ms,
            "people": told.people,
            "reached": told.reached,
        }
    return list(found.values())
