"""Where what somebody has won goes to: said when it is claimed, or afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.commands import SetAddress
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.orders import own_order, seen_by
from rooms.shop.store import ORDERS, OrderRow
from rooms.unit import Unit

ADDRESS_MS = 7 * 86_400_000
"""So long after winning, the winner may say, or correct, where it goes to. What has no address then stays as
it is: many shops know their customers' addresses, or sell what needs none. The host can refund such an order,
and put the goods back."""


def is_prize(order: OrderRow) -> bool:
    return any(line["kind"] == "prize" for line in order.lines)


def set_address(tx: Unit, cmd: SetAddress, caller: Caller) -> Steps[Any]:
    """The command ``order.address``: the winner says where the prize goes to, or says it anew.

    Refuses with ``not_found`` (no such prize of the caller's), ``order_not_paid`` (it was refunded),
    ``over`` (``ADDRESS_MS`` have passed). Tells the winner and who sees the room's orders.
    """
    yield ORDERS.rows(cmd.order)
    yield USERS.rows(caller.id or "")
    yield ROOMS.rows(cmd.room)
    order = own_order(tx, cmd.room, cmd.order, caller)
    if not is_prize(order):
        raise Refused("not_found", "You have no such prize in this room.")
    if order.status != "paid":
        raise Refused("order_not_paid", details={"status": order.status})
    if tx.now_ms >= order.created_at_ms + ADDRESS_MS:
        raise Refused("over", "The time to say where this prize goes to is over.")
    order = tx.put(ORDERS, replace(order, address=cmd.address.model_dump(exclude_none=True)))
    told = order.wire()
    tx.tell(order.buyer_id, "order", {"order": told}, room_id=order.room_id)
    # No change of its status: whoever counts what is paid must not count it again.
    tx.brief(order.room_id, "order_address", {"order": told}, action=seen_by(order))
    return {"order": told}
