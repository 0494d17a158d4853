"""Orders: hold → paid | cancelled | expired. A hold keeps stock until ``hold_until_ms``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rooms.commands import Buy, CancelOrder
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller, Standing
from rooms.rows import Steps, new_id
from rooms.shop.rules import give_back, refuse_unless_held, take
from rooms.shop.store import ORDERS, PRODUCTS_READ, SKUS, OrderRow
from rooms.unit import Unit

HOLD_TIMER = "hold.expire"


@dataclass(frozen=True, slots=True)
class OrderRules:
    """``hold_ms``: how long stock is kept for an unpaid order."""

    hold_ms: int = 300_000


class Orders:
    """The commands ``buy`` and ``order.cancel``, and the end of a hold."""

    def __init__(self, standing: Standing, rules: OrderRules) -> None:
        self._standing = standing
        self._rules = rules

    def buy(self, tx: Unit, cmd: Buy, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found``, ``sold_out``, ``stock_held``, ``not_enough_stock``, ``forbidden``."""
        yield SKUS.rows(cmd.sku)
        sku = tx.get(SKUS, cmd.sku)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield PRODUCTS_READ.rows(sku.product_id if sku else "")
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "buy")
        sku = tx.get(SKUS, cmd.sku)
        product = tx.get(PRODUCTS_READ, sku.product_id) if sku else None
        if sku is None or product is None or product.removed or sku.room_id != cmd.room:
            raise Refused("not_found", "There is no such product on this room's shelf.")
        sku = take(sku, cmd.qty)
        tx.put(SKUS, sku)
        order = OrderRow(
            id=new_id(),
            room_id=cmd.room,
            product_id=product.id,
            sku=sku.id,
            title=product.title,
            qty=cmd.qty,
            unit_price_minor=sku.price_minor,
            total_minor=sku.price_minor * cmd.qty,
            currency=sku.currency,
            status="held",
            buyer_id=caller.id or "",
            buyer_name=caller.name,
            created_at_ms=tx.now_ms,
            hold_until_ms=tx.now_ms + self._rules.hold_ms,
            paid_at_ms=None,
            payment_id=None,
        )
        tx.put(ORDERS, order)
        tx.wake(HOLD_TIMER, order.id, cmd.room, order.hold_until_ms)
        tx.stock_left(cmd.room, sku.id, sku.stock)
        announce(tx, order)
        return {"order": order.wire()}

    def cancel(self, tx: Unit, cmd: CancelOrder, caller: Caller) -> Steps[Any]:
        """The buyer lets a hold go. Refuses with ``not_found``, ``order_not_held``, ``payment_pending``."""
        yield ORDERS.rows(cmd.order)
        order = tx.get(ORDERS, cmd.order)
        yield SKUS.rows(order.sku if order else "")
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(cmd.room)
        order = own_order(tx, cmd.room, cmd.order, caller)
        refuse_unless_held(order, tx.now_ms)
        if order.payment_id is not None:
            raise Refused("payment_pending", retry_after_ms=2000)
        return {"order": self._release(tx, order, "cancelled").wire()}

    def expire(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a hold: stock comes back unless the order was paid or cancelled."""
        yield ORDERS.rows(timer.ref)
        order = tx.get(ORDERS, timer.ref)
        yield TIMERS.rows(timer.id)
        yield SKUS.rows(order.sku if order else "")
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        order = tx.get(ORDERS, timer.ref)
        if order is not None and order.status == "held" and order.hold_until_ms <= tx.now_ms:
            self._release(tx, order, "expired")
        return {}

    def _release(self, tx: Unit, order: OrderRow, status: str) -> OrderRow:
        order = tx.put(ORDERS, replace(order, status=status))
        sku = tx.get(SKUS, order.sku)
        if sku is not None:
            sku = tx.put(SKUS, give_back(sku, order.qty))
            tx.stock_left(order.room_id, sku.id, sku.stock)
        announce(tx, order)
        return order


def announce(tx: Unit, order: OrderRow) -> None:
    """Tell the buyer, and who may see the room's orders. The buyer's and the room's head must be locked."""
    tx.tell(order.buyer_id, "order", {"order": order.wire()}, room_id=order.room_id)
    tx.brief(order.room_id, "order", {"order": order.wire()}, action="see_orders")


def own_order(tx: Unit, room_id: str, order_id: str, caller: Caller) -> OrderRow:
    """The caller's order; somebody else's looks as if it weren't there. Raises ``Refused``."""
    if caller.id is None:
        raise Refused("unauthenticated")
    tx.room(room_id)
    order = tx.get(ORDERS, order_id)
    if order is None or order.buyer_id != caller.id or order.room_id != room_id:
        raise Refused("not_found", "You have no such order in this room.")
    return order
