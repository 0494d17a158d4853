"""What was said when a check of the sound hit, for those who look after the room."""

from __future__ import annotations

from aiohttp import web

from moderation.permissions import Action
from moderation.sounds.store import read_sound
from rooms.errors import Refused
from server.api.context import API

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/sounds/{sound}.ogg")
async def get_sound(request: web.Request) -> web.Response:
    """The seconds that hit, as Opus in Ogg."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.REVIEW)
    sound_id = request.match_info["sound"]
    body = await api.store.read(lambda conn: read_sound(conn, room_id, sound_id))
    if body is None:
        raise Refused("not_found", "There is no such sound (any more).")
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type="audio/ogg", headers=headers)
