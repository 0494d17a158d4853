"""Gifts over HTTP: the catalogue, what a room was given, and who gave most."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import orjson
from aiohttp import web
from pydantic import TypeAdapter

from moderation.permissions import Action, may
from moderation.standing import role_of
from rooms.commands import GiftTop
from rooms.errors import Refused
from rooms.gifts.catalogue import GiftId, GiftTerms, read_gifts
from rooms.gifts.rules import Span
from rooms.gifts.store import read_given
from rooms.ports import Caller
from server.api.context import API, from_answer, ok, page_args, parsed
from server.live.connection import as_caller
from server.store.group import Work

routes = web.RouteTableDef()

_GIFT_ID: TypeAdapter[str] = TypeAdapter(GiftId)
SPANS = ("stream", "week", "all")


@routes.get("/api/v1/gifts")
async def list_gifts(request: web.Request) -> web.Response:
    """The catalogue, in its order; an operator is shown withdrawn gifts too."""
    api = request.app[API]
    caller = as_caller(await api.identify(request))
    gifts = await api.store.read(read_gifts)
    shown = [gift.wire() for gift in gifts if caller.operator or not gift.withdrawn]
    etag = hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache", "Vary": "Authorization"}
    # Weak comparison (RFC 9110, 13.1.2): proxies that compress make tags weak.
    if any(known.value in (etag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return ok({"items": shown}, headers=headers)


@routes.put("/api/v1/gifts/{gift}")
async def put_gift(request: web.Request) -> web.Response:
    """Operator: make a gift, change it, or withdraw it."""
    api = request.app[API]
    caller = as_caller(await api.identify(request))
    _require_operator(caller)
    gift_id = _GIFT_ID.validate_python(request.match_info["gift"])
    terms = await parsed(request, GiftTerms)
    answer = await api.store.write(
        Work("gift.put", lambda tx: api.gift_catalogue.put(tx, gift_id, terms, caller))
    )
    return from_answer(answer)


@routes.get("/api/v1/rooms/{room}/gifts")
async def list_given(request: web.Request) -> web.Response:
    """Host: what was given in the room, newest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.SEE_EARNINGS)
    cursor, limit = page_args(request)
    rows = await api.store.read(lambda conn: read_given(conn, room_id, before=cursor, limit=limit))
    return ok({"items": [row.wire() for row in rows], "next": rows[-1].id if len(rows) == limit else None})


@routes.get("/api/v1/rooms/{room}/gifts/top")
async def top_givers(request: web.Request) -> web.Response:
    """Who gave most: in this ``span`` (stream, week, all), and the caller's own place."""
    api = request.app[API]
    room_id, identity, _, _ = await api.in_room(request)
    span = request.query.get("span", "stream")
    if span not in SPANS:
        raise Refused("bad_request", f"span: one of {', '.join(SPANS)}")
    cmd = GiftTop(room=room_id, span=cast("Span", span))
    answer: dict[str, Any] = await api.gift_keeper.top(cmd, as_caller(identity))
    return ok(answer)


def _require_operator(caller: Caller) -> None:
    """Raises ``Refused``: ``unauthenticated`` for a guest, ``forbidden``."""
    if caller.id is None:
        raise Refused("unauthenticated")
    role = role_of(caller.id, operator=caller.operator, host_id="", member_role=None)
    if not may(role, Action.MANAGE_GIFTS):
        raise Refused("forbidden")
