"""Orders and sales over HTTP, beside the desk's lists."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Connection

from moderation.permissions import Action, Role, may
from moderation.standing import read_role
from rooms.errors import Refused
from rooms.history import read_room
from rooms.ports import Caller
from rooms.shop.orders import seen_by
from rooms.shop.sale_store import read_past_sales, read_sales
from rooms.shop.store import OrderRow, PaymentRow, read_order, read_payments
from server.api.context import API, ok, page_args
from server.live.connection import as_caller

routes = web.RouteTableDef()


@routes.get("/api/v1/orders/{order}")
async def get_order(request: web.Request) -> web.Response:
    """One order, with address, note, whole history, and every attempt to pay it: its buyer's, and who may see
    the room's orders."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.is_guest:
        raise Refused("unauthenticated")
    order_id, caller = request.match_info["order"], as_caller(identity)
    found = await api.store.read(lambda conn: _order_and_role(conn, order_id, caller))
    # Somebody else's order looks as if it weren't there.
    if found is None or not identity.may_enter(found[0].room_id):
        raise Refused("not_found")
    order, role, payments = found
    if order.buyer_id != caller.id and not may(role, Action(seen_by(order))):
        raise Refused("not_found")
    return ok(order.whole() | {"payments": [payment.wire() for payment in payments]})


def _order_and_role(
    conn: Connection, order_id: str, caller: Caller
) -> tuple[OrderRow, Role, list[PaymentRow]] | None:
    order = read_order(conn, order_id) if order_id.isascii() and order_id.isprintable() else None
    room = read_room(conn, order.room_id) if order else None
    if order is None or room is None:
        return None
    return order, read_role(conn, room.id, caller, room.host_id), read_payments(conn, order.id)


@routes.get("/api/v1/rooms/{room}/sales")
async def list_sales(request: web.Request) -> web.Response:
    """Flash sales: on the first page those announced and running, then those that are over, newest first."""
    api = request.app[API]
    room_id, *_ = await api.in_room(request)
    cursor, limit = page_args(request)
    current, past = await api.store.read(
        lambda conn: (
            read_sales(conn, room_id) if cursor is None else [],
            read_past_sales(conn, room_id, before=cursor, limit=limit),
        )
    )
    following = past[-1].id if len(past) == limit else None
    items = [*(sale.wire() for sale in current), *(sale.wire() for sale in past)]
    return ok({"items": items, "next": following})
