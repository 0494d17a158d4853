"""Rooms over HTTP: create, list, read, command, and the log's pages."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter
from sqlalchemy import Connection, case, select

from moderation.permissions import Action, may
from rooms.avatars import faced, read_avatars, show_faces
from rooms.commands import CreateRoom, Key
from rooms.errors import Refused
from rooms.heads import RoomRow, rooms_table
from rooms.history import read_events, visible
from rooms.modes import settings_of
from rooms.shop.shelf import read_shelf
from rooms.shop.store import ProductRow, SkuRow, product_card, read_products, read_skus
from server.api.context import API, Api, body, from_answer, int_arg, ok, page_args, parsed, place_of
from server.api.posters import poster_url
from server.commands import request_hash
from server.live.connection import as_caller
from server.store.group import Work
from server.store.keys import CommandKey

routes = web.RouteTableDef()

_KEY: TypeAdapter[str] = TypeAdapter(Key)


def room_card(api: Api, row: RoomRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "status": row.status,
        "host": {"id": row.host_id, "name": row.host_name},
        "viewers": api.live.viewers(row.id),
        "started_at_ms": row.started_at_ms,
        "poster": poster_url(api, row.id, public=bool(row.public)),
    }


def room_page(api: Api, row: RoomRow) -> dict[str, Any]:
    return room_card(api, row) | {
        "settings": settings_of(row),
        "playback": {"whep": f"/whep/{row.id}"} | _hls(api, row),
    }


def _hls(api: Api, row: RoomRow) -> dict[str, Any]:
    """Where players go. A private room's address proves by itself that its bearer may watch."""
    if row.public:
        return {"hls": f"/hls/{row.id}/index.m3u8"}
    now_ms = api.clock_ms()
    key = api.paths.sign(row.id, now_ms)
    return {"hls": f"/hls/{row.id}/~{key}/index.m3u8", "hls_until_ms": api.paths.good_until_ms(now_ms)}


@routes.get("/api/v1/rooms")
async def list_rooms(request: web.Request) -> web.Response:
    """Public rooms, live ones first."""
    api = request.app[API]
    cursor, limit = page_args(request)
    if cursor and not cursor.isdigit():
        raise Refused("bad_request", "cursor: not one of ours")
    start = min(int(cursor or 0), 10**9)

    def read(conn: Connection) -> tuple[list[RoomRow], dict[str, str]]:
        rows = read_public_rooms(conn, start, limit + 1)
        return rows, read_avatars(conn, [row.host_id for row in rows])

    rows, faces = await api.store.read(read)
    following = str(start + limit) if len(rows) > limit else None
    items = [room_card(api, row) for row in rows[:limit]]
    for item in items:
        item["host"] = faced(item["host"], faces.get(item["host"]["id"]))
    return ok({"items": items, "next": following})


def read_public_rooms(conn: Connection, start: int, limit: int) -> list[RoomRow]:
    order = case({"live": 0, "interrupted": 1}, value=rooms_table.c.status, else_=2)
    query = (
        select(rooms_table)
        .where(rooms_table.c.public == 1)
        .order_by(order, rooms_table.c.created_at_ms.desc(), rooms_table.c.id)
        .offset(start)
        .limit(limit)
    )
    return [RoomRow(*record) for record in conn.execute(query)]


@routes.post("/api/v1/rooms")
async def create_room(request: web.Request) -> web.Response:
    """Create a room; the caller is its host."""
    api = request.app[API]
    identity = await api.identify(request)
    cmd = await parsed(request, CreateRoom)
    if identity.only_room is not None:
        raise Refused("forbidden", "The demo has one room.")
    await api.signins.note(identity, place_of(request))
    caller = as_caller(identity)
    key = None
    if (raw_key := request.headers.get("Idempotency-Key")) and caller.id:
        key = CommandKey(caller.id, "room.create", _KEY.validate_python(raw_key))
    answer = await api.store.write(
        Work("room.create", lambda tx: api.services.lifecycle.create(tx, cmd, caller), key, request_hash(cmd))
    )
    if not answer.ok:
        return from_answer(answer)
    room_id = orjson.loads(answer.body)["room"]
    row = await api.store.read(lambda conn: _one(conn, room_id))
    return ok(room_page(api, row), 201, {"Location": f"/api/v1/rooms/{room_id}"})


def _one(conn: Connection, room_id: str) -> RoomRow:
    return RoomRow(*conn.execute(select(rooms_table).where(rooms_table.c.id == room_id)).one())


@routes.get("/api/v1/rooms/{room}")
async def get_room(request: web.Request) -> web.Response:
    """One room, with where to watch it."""
    api = request.app[API]
    _, _, row, role = await api.in_room(request)
    page = room_page(api, row)
    await api.store.read(lambda conn: show_faces(conn, [page["host"]]))
    if may(role, Action.RECORD):
        page["settings"]["recording"] = row.recording or "default"
    if may(role, Action.SEE_STAFF) and (unique := api.live.unique_viewers(row.id)) is not None:
        page["viewers_unique"] = unique
    return ok(page)


@routes.post("/api/v1/rooms/{room}/commands/{command}")
async def run_command(request: web.Request) -> web.Response:
    """Any command of the socket. ``Idempotency-Key`` is its ``key``."""
    api = request.app[API]
    identity = await api.identify(request)
    room_id = request.match_info["room"]
    if not identity.may_enter(room_id):
        raise Refused("forbidden", "Your token is for another room.")
    payload = await body(request) | {"room": room_id}
    api.limits.check_size(len(await request.read()))  # which are kept: nothing is read twice
    if key := request.headers.get("Idempotency-Key"):
        payload["key"] = key
    await api.signins.note(identity, place_of(request))
    caller = as_caller(identity)
    return from_answer(
        await api.commands.run(request.match_info["command"], payload, caller, caller.id or "")
    )


@routes.get("/api/v1/rooms/{room}/events")
async def list_events(request: web.Request) -> web.Response:
    """The log after an offset, as this caller may see it."""
    api = request.app[API]
    room_id, identity, row, _ = await api.in_room(request)
    after = int_arg(request, "after", 0, 0, 2**53)
    limit = int_arg(request, "limit", 100, 1, 1000)
    events = await api.store.read(
        lambda conn: read_events(conn, room_id, row.epoch, after=after, limit=limit)
    )
    shown, left_out = visible(events, identity.id)
    following = str(events[-1].offset) if len(events) == limit else None
    return ok(
        {
            "epoch": row.epoch,
            "items": [orjson.Fragment(event.body) for event in shown],
            "skipped": {"comment": left_out} if left_out else {},
            "next": following,
        }
    )


@routes.get("/api/v1/rooms/{room}/products")
async def list_products(request: web.Request) -> web.Response:
    """The shelf with stock."""
    api = request.app[API]
    room_id, _, _, role = await api.in_room(request)
    shelf = await api.store.read(lambda conn: _shelf(conn, room_id))
    stock_too = may(role, Action.MANAGE_PRODUCTS)

    def card(product: ProductRow, skus: list[SkuRow], position: int) -> dict[str, Any]:
        wire = product_card(product, skus, position) | {"description": product.description}
        for sku, sku_wire in zip(skus, wire["skus"], strict=True):
            sku_wire["stock"] = sku.stock
            if stock_too:
                sku_wire["held"] = sku.held
        return wire

    return ok({"items": [card(*place) for place in shelf], "next": None})


def _shelf(conn: Connection, room_id: str) -> list[tuple[ProductRow, list[SkuRow], int]]:
    places = read_shelf(conn, room_id)
    products = read_products(conn, [place.product_id for place in places])
    skus = read_skus(conn, products)
    return [(products[place.product_id], skus.get(place.product_id, []), place.position) for place in places]
