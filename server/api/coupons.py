"""Coupons over HTTP: what the caller holds, and what the host has made."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from moderation.permissions import Action
from rooms.errors import Refused
from rooms.shop.coupons.store import Tally, read_coupons, read_held, read_tallies
from server.api.context import API, ok, page_args

routes = web.RouteTableDef()


@routes.get("/api/v1/coupons")
async def list_held_coupons(request: web.Request) -> web.Response:
    """The caller's coupons in all rooms that can still be used, newest first, at most 100."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    user_id, now_ms = identity.id or "", api.clock_ms()
    held = await api.store.read(lambda conn: read_held(conn, None, [user_id], now_ms=now_ms))
    items = [claim for claim in held.get(user_id, []) if identity.may_enter(claim["room"])]
    return ok({"items": items, "next": None})


@routes.get("/api/v1/rooms/{room}/coupons")
async def list_coupons(request: web.Request) -> web.Response:
    """Host: the room's coupons with what became of them, newest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.MANAGE_PRODUCTS)
    cursor, limit = page_args(request)
    items = await api.store.read(lambda conn: _read_page(conn, room_id, cursor, limit))
    return ok({"items": items, "next": items[-1]["id"] if len(items) == limit else None})


def _read_page(conn: Connection, room_id: str, before: str | None, limit: int) -> list[dict[str, Any]]:
    coupons = read_coupons(conn, room_id, before=before, limit=limit)
    tallies = read_tallies(conn, [coupon.id for coupon in coupons])
    none = Tally()
    return [
        coupon.card()
        | {"phase": coupon.phase, "claimed": coupon.claimed}
        | {"reserved": tallies.get(coupon.id, none).reserved, "used": tallies.get(coupon.id, none).used}
        for coupon in coupons
    ]
