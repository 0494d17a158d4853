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
    paid at once, if its stock and its price are still there (of coins there are always enough); for any other
    the money is due back (``refund_due``). That holds, too, when the attempt had been given up as failed
    before the provider said that it had succeeded. The same word twice changes nothing, and no later word
    undoes a success.
    """
    if payment.status not in ("started", "failed") or payment.status == outcome:
        return Settled(payment, order, sku)
    if outcome == "failed":
        return Settled(replace(payment, status="failed", settled_at_ms=now_ms), _let_go(order, payment), sku)
    if sku is not None and can_be_taken_up(order, sku):
        sku = take(sku, order.qty)
    elif order.status != "held" and not is_late_topup(order):
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


def is_late_topup(order: OrderRow) -> bool:
    """Whether it is of coins and ran out: they can be had still, at the price that was paid."""
    return order.coins is not None and order.status == "expired"


def owe(payment: PaymentRow, now_ms: int) -> PaymentRow:
    """The money of a payment that succeeded is due back; of any other, nothing changes."""
    if payment.status != "succeeded":
        return payment
    return replace(payment, status="refund_due", settled_at_ms=now_ms)


def give_back_done(payment: PaymentRow, reference: str | None) -> PaymentRow:
    """The provider says that it has given the money back, by the refund of this name (None: it has none).

    Of a payment whose refund had failed only another refund says so: words may overtake each other, and the
    one that the failed refund was made is older.
    """
    if payment.status == "refunded":
        known = reference is None or payment.refund_reference is not None
        return payment if known else replace(payment, refund_reference=reference)
    if payment.status == "refund_failed" and reference in (None, payment.refund_reference):
        return payment
    if payment.status not in ("succeeded", "refund_due", "refund_failed"):
        return payment
    return replace(
        payment,
        status="refunded",
        refund_reference=reference or payment.refund_reference,
        problem=None,
    )


def give_back_failed(
    payment: PaymentRow, reference: str | None, reason: str | None, now_ms: int
) -> PaymentRow:
    """The provider says that a refund which it had taken on came to nothing.

    What it says of an earlier refund than the latest changes nothing, nor does saying it again.
    """
    latest = payment.refund_reference
    if payment.status == "refunded":
        is_old = latest is not None and reference is not None and latest != reference
    elif payment.status == "refund_due":
        is_old = reference is not None and latest == reference  # it was this one that is being tried again
    else:
        return payment
    if is_old:
        return payment
    return replace(
        payment,
        status="refund_failed",
        settled_at_ms=now_ms,
        refund_reference=reference or latest,
        problem=reason or "the provider doesn't say why",
    )


def close_at(created_at_ms: int, hold_until_ms: int) -> int:
    """When a provider's own page stops taking money: a little before the hold ends, so that what became of
    the attempt is known while the stock is still there."""
    return hold_until_ms - min(CLOSE_EARLY_MS, max(0, hold_until_ms - created_at_ms) // 10)


def _let_go(order: OrderRow, payment: PaymentRow) -> OrderRow:
    """The order no longer waits for this attempt."""
    return replace(order, payment_id=None) if order.payment_id == payment.id else order
