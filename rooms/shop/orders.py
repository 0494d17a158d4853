"""Orders: hold → paid | cancelled | expired; paid → refunded. A hold keeps stock until ``hold_until_ms``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from rooms.commands import Buy, CancelOrder
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller, Standing
from rooms.rows import Steps, new_id
from rooms.shop import sale_rules
from rooms.shop.pricing import CouponTerms, price
from rooms.shop.rules import entry, give_back, refuse_unless_held, sell, step, take
from rooms.shop.sale_store import PAST_SALES, SALE_BUYERS, SALES, SaleRow
from rooms.shop.sales import count_bought, end_if_sold_out, sale_of, say_what_is_left
from rooms.shop.shelf import OFFERS, OfferRow
from rooms.shop.store import ORDERS, SKUS, OrderRow, SkuRow
from rooms.unit import Unit
from rooms.wallet.crediting import credit

HOLD_TIMER = "hold.expire"


@dataclass(frozen=True, slots=True)
class OrderRules:
    """``hold_ms``: how long stock is kept for an unpaid order."""

    hold_ms: int = 300_000


class CouponPort(Protocol):
    """The buyers' coupons, as orders need them. Their rows have the rank ``COUPONS``."""

    def load(self, ids: Sequence[str], caller: Caller) -> Steps[None]:
        """The rows that ``terms`` and ``redeem`` read: the caller's coupons of these ids, and what they
        belong to."""
        ...

    def terms(self, tx: Unit, ids: Sequence[str], caller: Caller, room_id: str) -> list[CouponTerms]:
        """What they take off; raises ``Refused`` if one isn't the caller's, not of this room, used or run
        out. What they ask of the order (minimum, product, each other) is for ``pricing.price``."""
        ...

    def redeem(self, tx: Unit, ids: Sequence[str], order_id: str) -> None:
        """They are used up, by this order. After ``terms`` in the same handler."""
        ...

    def load_for(self, order: OrderRow) -> Steps[None]:
        """The rows that ``give_back`` reads, by the order's ``coupon_ids``."""
        ...

    def give_back(self, tx: Unit, order: OrderRow) -> None:
        """The order's hold has ended unpaid, or it was refunded: its coupons can be used again; after a
        refund, those that are still good."""
        ...


class Orders:
    """The commands ``buy`` and ``order.cancel``, and the end of a hold. ``coupons`` None: there are none."""

    def __init__(self, standing: Standing, rules: OrderRules, coupons: CouponPort | None = None) -> None:
        self._standing = standing
        self._rules = rules
        self._coupons = coupons

    def buy(self, tx: Unit, cmd: Buy, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found``, ``sold_out``, ``stock_held``, ``not_enough_stock``, ``forbidden``,
        ``not_started``, ``sale_ended``, ``buyer_limit``, ``coupon_…``, and what the coupons' rules say."""
        if self._coupons and cmd.coupons:
            yield from self._coupons.load(cmd.coupons, caller)
        yield SALES.rows(cmd.sku)
        known = tx.get(SALES, cmd.sku)
        yield SKUS.rows(cmd.sku)
        sku = tx.get(SKUS, cmd.sku)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield OFFERS.rows((cmd.room, sku.product_id if sku else ""))
        if known is not None:
            yield SALE_BUYERS.rows((known.id, caller.id or ""))
        if cmd.sale is not None:
            yield PAST_SALES.rows(cmd.sale)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "buy")
        sku = tx.get(SKUS, cmd.sku)
        offer = tx.get(OFFERS, cmd.room, sku.product_id) if sku else None
        if sku is None or offer is None:
            raise Refused("not_found", "There is no such product on this room's shelf.")
        coupons = self._terms(tx, cmd, caller)
        sale = _applying(tx, cmd, known)
        reserved = _reserve(tx, sale, caller, cmd.qty) if sale else None
        taken = take(sku, cmd.qty)
        order = self._order(tx, cmd, caller, sku, offer, sale, coupons)
        tx.put(SKUS, taken)
        if reserved is not None:
            tx.put(SALES, reserved)
            count_bought(tx, reserved, order.buyer_id, cmd.qty)
        tx.put(ORDERS, order)
        if self._coupons and cmd.coupons:
            self._coupons.redeem(tx, cmd.coupons, order.id)
        tx.wake(HOLD_TIMER, order.id, cmd.room, order.hold_until_ms)
        say_what_is_left(tx, taken)
        return {"order": announce(tx, order)}

    def _terms(self, tx: Unit, cmd: Buy, caller: Caller) -> list[CouponTerms]:
        if not cmd.coupons:
            return []
        if self._coupons is None:
            raise Refused("not_found", "There are no coupons here.")
        return self._coupons.terms(tx, cmd.coupons, caller, cmd.room)

    def _order(
        self,
        tx: Unit,
        cmd: Buy,
        caller: Caller,
        sku: SkuRow,
        offer: OfferRow,
        sale: SaleRow | None,
        coupons: Sequence[CouponTerms],
    ) -> OrderRow:
        priced = price(
            sku.price_minor,
            cmd.qty,
            sale_rules.price_of(sale) if sale else None,
            coupons,
            label=offer.title,
            product=offer.product_id,
            currency=sku.currency,
        )
        return OrderRow(
            id=new_id(),
            room_id=cmd.room,
            product_id=offer.product_id,
            sku=sku.id,
            title=offer.title,
            qty=cmd.qty,
            unit_price_minor=priced.unit_price_minor,
            total_minor=priced.total_minor,
            currency=sku.currency,
            status="held",
            buyer_id=caller.id or "",
            buyer_name=caller.name,
            created_at_ms=tx.now_ms,
            hold_until_ms=tx.now_ms + self._rules.hold_ms,
            paid_at_ms=None,
            payment_id=None,
            sale_id=sale.id if sale else None,
            subtotal_minor=priced.subtotal_minor,
            discount_minor=priced.discount_minor,
            lines=priced.lines,
            address=cmd.address.model_dump(exclude_none=True) if cmd.address else None,
            note=cmd.note,
            history=[entry("held", tx.now_ms, caller.id)],
        )

    def cancel(self, tx: Unit, cmd: CancelOrder, caller: Caller) -> Steps[Any]:
        """The buyer lets a hold go. Refuses with ``not_found``, ``order_not_held``, ``payment_pending``."""
        yield ORDERS.rows(cmd.order)
        order = tx.get(ORDERS, cmd.order)
        yield from self._load_coupons(order)
        yield from load_goods(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(cmd.room)
        yield from load_buyer(order)
        order = own_order(tx, cmd.room, cmd.order, caller)
        refuse_unless_held(order, tx.now_ms)
        if order.payment_id is not None:
            raise Refused("payment_pending", retry_after_ms=2000)
        return {"order": self._release(tx, order, "cancelled", by=caller.id).wire()}

    def expire(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a hold: stock comes back unless the order was paid or cancelled."""
        yield ORDERS.rows(timer.ref)
        order = tx.get(ORDERS, timer.ref)
        yield TIMERS.rows(timer.id)
        yield from self._load_coupons(order)
        yield from load_goods(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(timer.room_id)
        yield from load_buyer(order)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        order = tx.get(ORDERS, timer.ref)
        if order is not None and order.status == "held" and order.hold_until_ms <= tx.now_ms:
            self._release(tx, order, "expired")
        return {}

    def _load_coupons(self, order: OrderRow | None) -> Steps[None]:
        if self._coupons and order and order.coupon_ids:
            yield from self._coupons.load_for(order)

    def _release(self, tx: Unit, order: OrderRow, status: str, by: str | None = None) -> OrderRow:
        order = tx.put(ORDERS, step(order, status, tx.now_ms, by=by))
        sku, sale = tx.get(SKUS, order.sku), sale_of(tx, order)
        if sale is not None:
            tx.put(SALES, sale_rules.give_back(sale, order.qty))
            count_bought(tx, sale, order.buyer_id, -order.qty)
        if sku is not None:
            say_what_is_left(tx, tx.put(SKUS, give_back(sku, order.qty)))
        if self._coupons and order.coupon_ids:
            self._coupons.give_back(tx, order)
        announce(tx, order)
        return order


def load_goods(order: OrderRow | None) -> Steps[None]:
    """The rows of what an order holds. After coupons in the lock order, before users."""
    yield SALES.rows(order.sku if order else "")
    yield SKUS.rows(order.sku if order else "")


def load_buyer(order: OrderRow | None) -> Steps[None]:
    """What the order's buyer has in its sale. After the room in the lock order."""
    if order is not None and order.sale_id is not None:
        yield SALE_BUYERS.rows((order.sale_id, order.buyer_id))


def _applying(tx: Unit, cmd: Buy, known: SaleRow | None) -> SaleRow | None:
    """The sale at whose price this is bought: a sale is its room's, elsewhere the list price holds. One that
    was begun in this very group isn't known to any buyer yet, and the list price is what they were shown."""
    sale = tx.get(SALES, cmd.sku)
    if sale is not None and (known is None or known.id != sale.id or sale.room_id != cmd.room):
        sale = None
    past = tx.get(PAST_SALES, cmd.sale) if cmd.sale is not None else None
    return sale_rules.applying(sale, past if past and past.sku == cmd.sku else None, cmd.sale, tx.now_ms)


def _reserve(tx: Unit, sale: SaleRow, caller: Caller, qty: int) -> SaleRow:
    bought = tx.get(SALE_BUYERS, sale.id, caller.id or "")
    return sale_rules.take(sale, qty, bought.qty if bought else 0)


def hand_over(tx: Unit, order: OrderRow) -> None:
    """The order is paid: what it held is gone for good, or its coins are the buyer's. ``load_goods`` and
    ``load_wallet`` must have been stepped through, and the room be locked."""
    if order.coins is not None:
        credit(tx, order)
        return
    sku = tx.get(SKUS, order.sku)
    if sku is not None:
        tx.put(SKUS, sell(sku, order.qty))
    if (sale := sale_of(tx, order)) is not None:
        sale = tx.put(SALES, sale_rules.sell(sale, order.qty))
    # At the list price the last of the stock may go too, and with it what the sale had left.
    if (sale := sale or tx.get(SALES, order.sku)) is not None and sale.status == "running":
        end_if_sold_out(tx, sale, order.room_id)


def announce(tx: Unit, order: OrderRow) -> orjson.Fragment:
    """Tell the buyer, and who may see the room's orders, of a top-up operators; gives the order as it was
    told. The buyer's and the room's head must be locked."""
    told = orjson.Fragment(orjson.dumps(order.wire()))
    tx.tell(order.buyer_id, "order", {"order": told}, room_id=order.room_id)
    tx.brief(order.room_id, "order", {"order": told}, action=seen_by(order))
    return told


def seen_by(order: OrderRow) -> str:
    """Which action lets one see somebody else's order."""
    return "see_orders" if order.coins is None else "manage_wallets"


def own_order(tx: Unit, room_id: str, order_id: str, caller: Caller) -> OrderRow:
    """The caller's order; somebody else's looks as if it weren't there. Raises ``Refused``."""
    if caller.id is None:
        raise Refused("unauthenticated")
    tx.room(room_id)
    order = tx.get(ORDERS, order_id)
    if order is None or order.buyer_id != caller.id or order.room_id != room_id:
        raise Refused("not_found", "You have no such order in this room.")
    return order
