"""Refunds: the host gives an order's money back. The order says so at once; the provider is asked until it
has done it, as for any payment that is due back."""

from __future__ import annotations

from typing import Any

from rooms.commands import RefundOrder
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Audit, Caller, Standing, TextRules
from rooms.rows import Steps
from rooms.shop import sale_rules
from rooms.shop.orders import CouponPort, announce, load_buyer, load_goods
from rooms.shop.payments import give_back
from rooms.shop.rules import refund, restock
from rooms.shop.sale_store import SALES
from rooms.shop.sales import count_bought, sale_of, say_what_is_left
from rooms.shop.store import ORDERS, PAYMENTS, SKUS, OrderRow
from rooms.unit import Unit
from rooms.wallet.crediting import load_wallet, take_back

REASON_MAX_CHARS = 200


class Refunds:
    """The command ``order.refund``. ``coupons`` None: there are none."""

    def __init__(
        self, standing: Standing, texts: TextRules, audit: Audit, coupons: CouponPort | None = None
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._coupons = coupons

    def refund(self, tx: Unit, cmd: RefundOrder, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, ``order_not_paid``, ``text_…``; of a top-up, which only
        an operator can refund, with ``insufficient_coins`` if its coins aren't there any more."""
        yield ORDERS.rows(cmd.order)
        order = tx.get(ORDERS, cmd.order)
        payment_id = (order.payment_id if order else None) or ""
        yield PAYMENTS.rows(payment_id)
        yield from load_wallet(order)
        if self._coupons and order and order.coupon_ids:
            yield from self._coupons.load_for(order)
        yield from load_goods(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield from load_buyer(order)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "refund")
        order = tx.get(ORDERS, cmd.order)
        if order is None or order.room_id != cmd.room:
            raise Refused("not_found", "There is no such order in this room.")
        if order.coins is not None:
            self._standing.require(tx, cmd.room, caller, "manage_wallets")
        reason = self._texts.clean(cmd.reason, REASON_MAX_CHARS)
        order = refund(order, tx.now_ms, by=caller.id, reason=reason)
        if order.coins is not None:
            take_back(tx, order, by=caller.id, reason=reason, all_of_it=True)
        tx.put(ORDERS, order)
        give_back(tx, order)
        if self._coupons and order.coupon_ids:
            self._coupons.give_back(tx, order)
        if cmd.restock:
            _put_back(tx, order)
        announce(tx, order)
        detail = {"reason": reason, "amount_minor": order.total_minor, "restock": cmd.restock}
        self._audit.note(tx, cmd.room, caller, "order.refund", order.id, detail)
        return {"order": order.wire()}


def _put_back(tx: Unit, order: OrderRow) -> None:
    sku, sale = tx.get(SKUS, order.sku), sale_of(tx, order)
    if sale is not None:
        tx.put(SALES, sale_rules.take_back(sale, order.qty))
        count_bought(tx, sale, order.buyer_id, -order.qty)
    if sku is not None:
        say_what_is_left(tx, tx.put(SKUS, restock(sku, order.qty)))
