"""Sanctions over HTTP: what is in force in a room or everywhere, and what was."""

from __future__ import annotations

from aiohttp import web

from moderation.permissions import Action, may
from moderation.sanctions.rules import EVERYWHERE
from moderation.sanctions.store import read_page
from moderation.standing import role_of
from rooms.errors import Refused
from server.api.context import API, Api, ok, page_args
from server.live.connection import as_caller

routes = web.RouteTableDef()

USER_MAX_CHARS = 128


@routes.get("/api/v1/rooms/{room}/sanctions")
async def list_of_room(request: web.Request) -> web.Response:
    """The room's sanctions, newest first; with `user`, also those that hold for them everywhere."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_STAFF)
    return await _page(api, request, room_id)


@routes.get("/api/v1/sanctions")
async def list_of_all(request: web.Request) -> web.Response:
    """Those that hold everywhere; with `user`, all of theirs, in whichever room."""
    api = request.app[API]
    identity = await api.identify(request)
    caller = as_caller(identity)
    role = role_of(caller.id, operator=caller.operator, host_id="", member_role=None)
    if identity.is_guest:
        raise Refused("unauthenticated")
    if not may(role, Action.SANCTION_EVERYWHERE):
        raise Refused("forbidden", "This is for operators: it needs a token with the claim operator.")
    return await _page(api, request, EVERYWHERE if _user(request) is None else None)


async def _page(api: Api, request: web.Request, room_id: str | None) -> web.Response:
    cursor, limit = page_args(request)
    user_id, in_force, now_ms = _user(request), _flag(request, "in_force"), api.clock_ms()
    rows = await api.store.read(
        lambda conn: read_page(
            conn, room_id, now_ms, user_id=user_id, in_force=in_force, before=cursor, limit=limit
        )
    )
    following = rows[-1].id if len(rows) == limit else None
    return ok({"items": [row.history(now_ms) for row in rows], "next": following})


def _user(request: web.Request) -> str | None:
    user_id = request.query.get("user")
    if user_id is not None and not 0 < len(user_id) <= USER_MAX_CHARS:
        raise Refused("bad_request", "user: the id of somebody, please")
    return user_id


def _flag(request: web.Request, name: str) -> bool | None:
    """Raises ``Refused``; None: it isn't there."""
    raw = request.query.get(name)
    if raw not in (None, "true", "false"):
        raise Refused("bad_request", f"{name}: true or false, please")
    return None if raw is None else raw == "true"
