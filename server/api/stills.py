"""Stills of pictures that a check has hit, for those who look after the room."""

from __future__ import annotations

from aiohttp import web

from moderation.permissions import Action
from moderation.pictures.store import read_still
from rooms.errors import Refused
from server.api.context import API

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/stills/{still}.jpg")
async def get_still(request: web.Request) -> web.Response:
    """A still of a hit: blurred, or as it was with ``clear=1``."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.REVIEW)
    still_id, clear = request.match_info["still"], request.query.get("clear") == "1"
    body = await api.store.read(lambda conn: read_still(conn, room_id, still_id, clear=clear))
    if body is None:
        raise Refused("not_found", "There is no such still (any more).")
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type="image/jpeg", headers=headers)
