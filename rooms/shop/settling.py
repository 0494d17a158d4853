"""What a provider's word does to a payment, its order and the stock. Pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rooms.shop.rules import Outcome, step, take
from rooms.shop.store import OrderRow, PaymentRow, SkuRow

CLOSE_EARLY_MS = 2_000


@dataclass(frozen=True, slots=True)
class Settled:
    """The three rows afterwards; those that are the same objects as before have not changed. What a paid
    order holds is still ``held`` in its stock: it is to be handed over."""

    payment: PaymentRow
    order: OrderRow
    sku: SkuRow | None


def settle(
    payment: PaymentRow, order: OrderRow, sku: SkuRow | None, outcome: Outcome, now_ms: int
) -> Settled:
    """After the provider's word on an attempt.

    Money finds exactly one place: an order that is held becomes paid; one that ran out is taken up again and
    paid at once, if its stock and its price are still there; for any other the money is due back
    (``refund_due``). That holds, too, when the attempt had been given up as failed before the provider said
    that it had succeeded. The same word twice changes nothing, and no later word undoes a success.
    """
    if payment.status not in ("started", "failed") or payment.status == outcome:
        return Settled(payment, order, sku)
    if outcome == "failed":
        return Settled(replace(payment, status="failed", settled_at_ms=now_ms), _let_go(order, payment), sku)
    if sku is not None and can_be_taken_up(order, sku):
        sku = take(sku, order.qty)
    elif order.status != "held":
        due = replace(payment, status="refund_due", settled_at_ms=now_ms)
        return Settled(due, _let_go(order, payment), sku)
    paid = step(order, "paid", now_ms, by=order.buyer_id)
    return Settled(
        replace(payment, status="succeeded", settled_at_ms=now_ms),
        replace(paid, paid_at_ms=now_ms, payment_id=payment.id),
        sku,
    )


def can_be_taken_up(order: OrderRow, sku: SkuRow) -> bool:
    """Whether an order that ran out can be sold after all: it was not let go on purpose, enough is left, and
    its price is the list price (a sale's share and coupons went back when it ran out, to others)."""
    plain = order.sale_id is None and not order.coupon_ids
    return order.status == "expired" and plain and sku.stock >= order.qty


def owe(payment: PaymentRow, now_ms: int) -> PaymentRow:
    """The money of a payment that succeeded is due back; of any other, nothing changes."""
    if payment.status != "succeeded":
        return payment
    return replace(payment, status="refund_due", settled_at_ms=now_ms)


def close_at(created_at_ms: int, hold_until_ms: int) -> int:
    """When a provider's own page stops taking money: a little before the hold ends, so that what became of
    the attempt is known while the stock is still there."""
    return hold_until_ms - min(CLOSE_EARLY_MS, max(0, hold_until_ms - created_at_ms) // 10)


def _let_go(order: OrderRow, payment: PaymentRow) -> OrderRow:
    """The order no longer waits for this attempt."""
    return replace(order, payment_id=None) if order.payment_id == payment.id else order
