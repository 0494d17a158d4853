"""People's own pictures: given, taken back, and shown to everybody."""

from __future__ import annotations

import asyncio

from aiohttp import web

from rooms.errors import Refused
from server.answers import problem
from server.api.context import API, from_answer, place_of
from server.api.desk import read_bounded
from server.late_stocks import PLATFORM
from server.live.connection import as_caller

routes = web.RouteTableDef()

UPLOAD_WITHIN_S = 60

# The name is the picture's for good; but what is taken down mustn't live on for long in caches.
_CHECKED = "public, max-age=86400, immutable"
_UNCHECKED = "public, max-age=3600"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@routes.put("/api/v1/me/avatar")
async def set_avatar(request: web.Request) -> web.Response:
    """Show this picture beside one's name: cut square, checked, and encoded anew."""
    api = request.app[API]
    identity = await api.identify(request)
    caller = as_caller(identity)
    if (refusal := await api.avatars.refuse(caller)) is not None:
        return from_answer(refusal)
    if request.content_type not in ("image/jpeg", "image/png", "image/webp"):
        raise Refused("unsupported_media_type", "Send a JPEG, PNG or WebP picture as the body.")
    with api.avatars.place():
        try:
            async with asyncio.timeout(UPLOAD_WITHIN_S):
                upload = await read_bounded(request, api.avatars.max_bytes)
        except TimeoutError:
            raise Refused("temporarily_unavailable", "The picture came too slowly: try again.") from None
        await api.signins.note(identity, place_of(request))
        answer = await api.avatars.take(
            upload, caller, lambda picture: api.vision.check_upload(PLATFORM, picture, caller)
        )
    return from_answer(answer)


@routes.delete("/api/v1/me/avatar")
async def clear_avatar(request: web.Request) -> web.Response:
    """Show no picture any more, and keep none."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.id is None:
        raise Refused("unauthenticated")
    return from_answer(await api.avatars.clear(identity.id))


@routes.get(r"/avatars/{digest:[A-Za-z0-9_-]{22}}")
async def get_avatar(request: web.Request) -> web.Response:
    """Somebody's picture."""
    served = await request.app[API].avatars.served(request.match_info["digest"])
    if served is None:
        return problem(Refused("not_found"), {"Cache-Control": "no-store"})
    headers = _HEADERS | {"Cache-Control": _CHECKED if served.checked else _UNCHECKED}
    return web.Response(body=served.body, content_type="image/webp", headers=headers)
