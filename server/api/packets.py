"""Red packets over HTTP: a room's list, and who got what."""

from __future__ import annotations

from aiohttp import web

from rooms.errors import Refused
from rooms.play.packets.commands import PLACE_MAX, ListOpens
from rooms.play.packets.store import read_packets
from server.api.context import API, int_arg, ok, page_args
from server.live.connection import as_caller

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room}/packets")
async def list_packets(request: web.Request) -> web.Response:
    """A room's red packets, newest first."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    cursor, limit = page_args(request)
    rows = await api.store.read(lambda conn: read_packets(conn, room_id, before=cursor, limit=limit))
    return ok({"items": [row.wire() for row in rows], "next": rows[-1].id if len(rows) == limit else None})


@routes.get("/api/v1/rooms/{room}/packets/{packet}")
async def get_packet(request: web.Request) -> web.Response:
    """Who got what of a red packet, first come first; ``after`` is the last place of the page before."""
    api = request.app[API]
    room_id, identity, *_ = await api.in_room(request)
    packet_id = request.match_info["packet"]
    if not packet_id.isascii() or not packet_id.isprintable():
        raise Refused("not_found")
    after, limit = int_arg(request, "after", 0, 0, PLACE_MAX), int_arg(request, "limit", 50, 1, 200)
    cmd = ListOpens.model_construct(room=room_id, packet=packet_id, after=after, limit=limit)
    return ok(await api.packet_pages.opens(cmd, as_caller(identity)))
