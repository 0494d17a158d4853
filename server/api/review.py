"""The moderators' queue, page by page."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from moderation.permissions import Action, may
from moderation.review.reading import read_times, read_whole, told_of_appeal
from moderation.review.rules import DECISIONS
from moderation.review.store import count_open, read_appeals, read_item, read_queue
from moderation.standing import can
from rooms.avatars import show_faces
from rooms.errors import Refused
from server.api.context import API, ok, page_args
from server.live.entering import APPEALS_SHOWN_MS

routes = web.RouteTableDef()

STATES = ("open", "decided", "expired")


@routes.get("/api/v1/rooms/{room}/review")
async def list_review(request: web.Request) -> web.Response:
    """What waits for moderators, the longest first; or what was decided, the newest first."""
    api = request.app[API]
    room_id, identity, _, role = await api.in_room(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    if not may(role, Action.REVIEW):
        raise Refused("forbidden")
    state, kind = request.query.get("state", "open"), request.query.get("kind")
    if state not in STATES or (kind is not None and kind not in DECISIONS):
        raise Refused("bad_request", "There is no such state or kind of items.")
    cursor, limit = page_args(request)
    after, now_ms = _after(cursor), api.clock_ms()

    def read(conn: Connection) -> dict[str, Any]:
        items = read_queue(conn, room_id, can(role), state=state, kind=kind, after=after, limit=limit)
        last = items[-1] if len(items) == limit else None
        wires = [item.wire(now_ms) for item in items]
        show_faces(conn, [wire["user"] for wire in wires])
        return {
            "items": wires,
            "next": f"{last.at_ms}-{last.id}" if last else None,
            "waiting": count_open(conn, room_id, can(role)),
            "times": read_times(conn, room_id, now_ms),
        }

    return ok(await api.store.read(read))


@routes.get("/api/v1/rooms/{room}/review/{item}")
async def get_review_item(request: web.Request) -> web.Response:
    """One item, with what was said around it and its writer's record."""
    api = request.app[API]
    room_id, identity, _, role = await api.in_room(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    item_id, now_ms = request.match_info["item"], api.clock_ms()

    def read(conn: Connection) -> dict[str, Any] | None:
        item = read_item(conn, item_id)
        if item is None or item.room_id != room_id or item.state == "gathering":
            return None
        if item.action not in can(role):
            return {}
        whole = read_whole(conn, item, now_ms)
        show_faces(conn, [whole["user"]])
        return whole

    if not may(role, Action.REVIEW):
        raise Refused("forbidden")
    found = await api.store.read(read)
    if found is None:
        raise Refused("not_found", "There is no such item in this room's queue.")
    if not found:
        raise Refused("forbidden")
    return ok(found)


@routes.get("/api/v1/appeals")
async def list_appeals(request: web.Request) -> web.Response:
    """One's own appeals, of all rooms, the newest first: those that wait, and those decided of late. For who
    is kept out of a room, and can't be told by it."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.id is None:
        raise Refused("unauthenticated")
    user_id, since_ms = identity.id, api.clock_ms() - APPEALS_SHOWN_MS
    appeals = await api.store.read(lambda conn: read_appeals(conn, user_id, since_ms=since_ms))
    return ok({"items": [told_of_appeal(item) for item in appeals], "next": None})


def _after(cursor: str | None) -> tuple[int, str] | None:
    """The time and the id in a cursor; raises ``Refused("bad_request")``."""
    if cursor is None:
        return None
    at_ms, _, item_id = cursor.partition("-")
    if not at_ms.isdecimal() or len(at_ms) > 15 or not item_id:
        raise Refused("bad_request", "That is no cursor of this list.")
    return int(at_ms), item_id
