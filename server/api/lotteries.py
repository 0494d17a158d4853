"""Lotteries over HTTP: a room's list, and the published file of a draw."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
from aiohttp import web
from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.heads import RoomRow
from rooms.history import read_room
from rooms.play.lotteries.drawing import PART
from rooms.play.lotteries.published import head_of
from rooms.play.lotteries.store import (
    LotteryRow,
    WinnerRow,
    read_lines,
    read_lotteries,
    read_lottery,
    read_winners,
)
from server.api.context import API, ok, page_args
from server.store.store import Store

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/lotteries")
async def list_lotteries(request: web.Request) -> web.Response:
    """A room's lotteries, newest first."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    cursor, limit = page_args(request)
    rows = await api.store.read(lambda conn: read_lotteries(conn, room_id, before=cursor, limit=limit))
    items = [row.wire() | {"given_back": row.given_back} for row in rows]
    return ok({"items": items, "next": rows[-1].id if len(rows) == limit else None})


@routes.get("/api/v1/lotteries/{lottery}/draw")
async def get_draw(request: web.Request) -> web.StreamResponse:
    """The file of a draw, with which anybody can check it: rules, prizes, entrants, seed and winners."""
    api = request.app[API]
    identity = await api.identify(request)
    lottery_id = request.match_info["lottery"]
    found = await api.store.read(lambda conn: _read(conn, lottery_id))
    if found is None or not identity.may_enter(found[1].id):
        raise Refused("not_found")
    lottery, room, winners = found
    if not room.public and identity.is_guest:
        raise Refused("unauthenticated")
    if lottery.drawn_at_ms is None:
        raise Refused("not_started", "It hasn't been drawn.")
    answer = web.StreamResponse()
    answer.content_type = "application/json"
    answer.headers["Content-Disposition"] = f'inline; filename="draw-{lottery.id}.json"'
    await answer.prepare(request)
    async for part in _parts(api.store, lottery, winners):
        await answer.write(part)
    await answer.write_eof()
    return answer


def _read(conn: Connection, lottery_id: str) -> tuple[LotteryRow, RoomRow, list[WinnerRow]] | None:
    lottery = read_lottery(conn, lottery_id) if lottery_id.isascii() and lottery_id.isprintable() else None
    room = read_room(conn, lottery.room_id) if lottery else None
    if lottery is None or room is None:
        return None
    return lottery, room, read_winners(conn, lottery.id)


async def _parts(store: Store, lottery: LotteryRow, winners: list[WinnerRow]) -> AsyncIterator[bytes]:
    """The file in parts, each read by itself: a million entrants are never in memory at once."""
    yield orjson.dumps(head_of(lottery, winners))[:-1] + b',"entries":['
    after, first = "", True
    while lines := await store.read(
        lambda conn: read_lines(conn, lottery.id, after=after, limit=PART)  # noqa: B023  called at once
    ):
        part = orjson.dumps(lines)[1:-1]
        yield part if first else b"," + part
        after, first = lines[-1][:32], False
    yield b"]}\n"
