"""Points and followers over HTTP: one's own day, the operator's offers, a host's followers."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from moderation.permissions import Action, may
from moderation.standing import role_of
from rooms.errors import Refused
from rooms.follows import read_follower_page, read_followers
from rooms.history import read_room
from rooms.points.offers import EditOffer, NewOffer, read_offers, read_offers_here, read_redeemed
from rooms.points.rules import progress, standing
from rooms.points.store import read_day, read_earned
from rooms.ports import Caller
from rooms.wallet.store import read_balances
from server.api.context import API, Api, from_answer, int_arg, ok, parsed
from server.live.connection import as_caller
from server.store.group import Work

routes = web.RouteTableDef()

_CURSOR = re.compile(r"([0-9]{1,16}):(.{1,128})")


@routes.get("/api/v1/rooms/{room}/points")
async def my_points(request: web.Request) -> web.Response:
    """The caller's points and level, today's tasks, and what can be redeemed in the room."""
    api = request.app[API]
    room_id, identity, _, _ = await api.in_room(request)
    if identity.id is None:
        raise Refused("unauthenticated")
    user_id, now_ms = identity.id, api.clock_ms()
    return ok(await api.store.read(lambda conn: _mine(conn, api, room_id, user_id, now_ms)))


def _mine(conn: Connection, api: Api, room_id: str, user_id: str, now_ms: int) -> dict[str, Any]:
    earnings = api.services.points.earnings
    today = earnings.days.of(now_ms)
    day = read_day(conn, today, user_id)
    offers = read_offers_here(conn, room_id)
    mine = read_redeemed(conn, user_id, [offer.id for offer in offers])
    return {
        "points": read_balances(conn, "points", [user_id])[user_id],
        "level": standing(earnings.rules.levels, read_earned(conn, [user_id]).get(user_id, 0)),
        "tasks": list(progress(earnings.rules, day)),
        "today": day.total if day else 0,
        "a_day": earnings.rules.a_day,
        "day_ends_ms": earnings.days.ends_ms(today),
        "offers": [offer.wire(mine.get(offer.id, 0)) for offer in offers],
    }


@routes.get("/api/v1/points/offers")
async def list_offers(request: web.Request) -> web.Response:
    """Operator: everything that points can be redeemed for, withdrawn offers too, the newest first."""
    api, _ = await _operator(request)
    offers = await api.store.read(lambda conn: read_offers(conn, withdrawn=True))
    return ok({"items": [offer.wire() for offer in offers]})


@routes.post("/api/v1/points/offers")
async def make_offer(request: web.Request) -> web.Response:
    """Operator: offer coins, or a room's coupon, for points."""
    api, caller = await _operator(request)
    new = await parsed(request, NewOffer)
    work = Work("points.offer", lambda tx: api.services.offers.make(tx, new, caller))
    return from_answer(await api.store.write(work), 201)


@routes.patch("/api/v1/points/offers/{offer}")
async def change_offer(request: web.Request) -> web.Response:
    """Operator: say how many there are from now on, withdraw an offer, or bring it back."""
    api, caller = await _operator(request)
    edit, offer_id = await parsed(request, EditOffer), request.match_info["offer"]
    work = Work("points.offer", lambda tx: api.services.offers.change(tx, offer_id, edit, caller))
    return from_answer(await api.store.write(work))


@routes.get("/api/v1/rooms/{room}/followers")
async def list_followers(request: web.Request) -> web.Response:
    """Host: who follows the room's host, the newest first."""
    api = request.app[API]
    room_id, _ = await api.allowed(request, Action.MANAGE_ROOM)
    limit, before = int_arg(request, "limit", 50, 1, 200), _place(request)

    def read(conn: Connection) -> dict[str, Any]:
        room = read_room(conn, room_id)
        host_id = room.host_id if room else ""
        items = read_follower_page(conn, host_id, before=before, limit=limit)
        return {"items": items, "followers": read_followers(conn, host_id)}

    found = await api.store.read(read)
    last = found["items"][-1] if len(found["items"]) == limit else None
    return ok(found | {"next": f"{last['since_ms']}:{last['user']['id']}" if last else None})


def _place(request: web.Request) -> tuple[int, str] | None:
    cursor = request.query.get("cursor")
    if not cursor:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Refused("bad_request", "cursor: not one of ours")
    return int(match[1]), match[2]


async def _operator(request: web.Request) -> tuple[Api, Caller]:
    """Raises ``Refused``: ``unauthenticated`` for a guest, ``forbidden``."""
    api = request.app[API]
    caller = as_caller(await api.identify(request))
    if caller.id is None:
        raise Refused("unauthenticated")
    role = role_of(caller.id, operator=caller.operator, host_id="", member_role=None)
    if not may(role, Action.MANAGE_GIFTS):
        raise Refused("forbidden")
    return api, caller
