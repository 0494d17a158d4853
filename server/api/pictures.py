"""Uploaded pictures: as everybody gets them, and as those do who look after the room."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from aiohttp import web
from PIL import Image, ImageDraw

from moderation.permissions import Action
from rooms.errors import Refused
from server.api.context import API
from server.pictures import read_picture

routes = web.RouteTableDef()

_NAME = r"{name:[A-Za-z0-9_-]{1,64}\.webp}"
_FOR_GOOD = "public, max-age=31536000, immutable"
_FOR_NOW = "public, max-age=3600"
"""Of a picture that nobody has looked at: it may be withheld yet."""
_NOT_NOW = "public, max-age=60"


@routes.get(f"/pictures/{_NAME}")
async def get_picture(request: web.Request) -> web.Response:
    """A product's picture; in the place of one that is withheld, a drawing that says so."""
    api = request.app[API]
    name = request.match_info["name"]
    picture = await api.store.read(lambda conn: read_picture(conn, name))
    if picture is None:
        raise Refused("not_found")
    etag = f'"{"withheld" if picture.withheld else name}"'
    cache_for = _NOT_NOW if picture.withheld else _FOR_GOOD if picture.checked else _FOR_NOW
    headers = {"Cache-Control": cache_for, "ETag": etag, "X-Content-Type-Options": "nosniff"}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    body = withheld_picture() if picture.withheld else picture.body
    return web.Response(body=body, content_type="image/webp", headers=headers)


@routes.get("/api/v1/rooms/{room}/pictures/{name}")
async def get_seen(request: web.Request) -> web.Response:
    """A picture of the room, withheld or not: blurred, or as it is with ``clear=1``."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.REVIEW)
    name = request.match_info["name"]
    picture = await api.store.read(lambda conn: read_picture(conn, name, room_id))
    if picture is None:
        raise Refused("not_found", "This room has no such picture.")
    clear = request.query.get("clear") == "1"
    body = picture.body if clear else await api.pictures.blurred(picture.body)
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type="image/webp" if clear else "image/jpeg", headers=headers)


@cache
def withheld_picture() -> bytes:
    """A crossed-out eye on grey: no words, so it does for every language."""
    side, ink = 256, "#8a8f98"
    image = Image.new("RGB", (side * 2, side * 2), "#e4e6ea")
    draw = ImageDraw.Draw(image)
    draw.chord((96, 136, 416, 456), 213, 327, outline=ink, width=18)
    draw.chord((96, 56, 416, 376), 33, 147, outline=ink, width=18)
    draw.ellipse((216, 216, 296, 296), fill=ink)
    draw.line((136, 376, 376, 136), fill="#e4e6ea", width=48)
    draw.line((136, 376, 376, 136), fill=ink, width=20)
    out = BytesIO()
    image.resize((side, side), Image.Resampling.LANCZOS).save(out, "WEBP", quality=82)
    return out.getvalue()
