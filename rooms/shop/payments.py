"""Payments: a port for providers, and what the provider's word does to the order.

Paying has three steps, each safe to repeat: the attempt is written down (``begin``), the provider is asked
outside of any transaction, its word is written down (``settle``). A crash between them is mended by a timer
that asks the provider what became of the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from rooms.commands import PayOrder
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.orders import announce, hand_over, load_goods, own_order
from rooms.shop.rules import Outcome, refuse_unless_held, settle
from rooms.shop.store import ORDERS, PAYMENTS, PaymentRow
from rooms.unit import Unit

CHECK_TIMER = "payment.check"
REFUND_TIMER = "payment.refund"
CHECK_AFTER_MS = 10_000


@dataclass(frozen=True, slots=True)
class Charge:
    """What a provider is asked for. ``payment_id`` makes asking twice the same as asking once."""

    payment_id: str
    amount_minor: int
    currency: str
    card: str


class PaymentProvider(Protocol):
    """Somebody who takes money. All three are idempotent by ``payment_id``; they may raise ``OSError`` or
    ``TimeoutError`` when the provider can't be reached, which leaves the attempt open."""

    name: str

    async def charge(self, charge: Charge) -> Outcome: ...

    async def look_up(self, payment_id: str) -> Outcome | None:
        """What became of an attempt; None: the provider never heard of it."""
        ...

    async def refund(self, payment_id: str) -> None: ...


class Payments:
    """The steps of ``order.pay`` that happen in transactions."""

    def begin(self, tx: Unit, cmd: PayOrder, caller: Caller, payment_id: str) -> Steps[Any]:
        """Write an attempt down. Refuses with ``not_found``, ``order_not_held``, ``payment_pending``;
        ``key_conflict`` if ``payment_id`` was another order's attempt.

        Repeating an attempt (the same ``payment_id``) gives its status again; one that failed, or was given
        up because the provider had never heard of it, begins again.
        """
        yield ORDERS.rows(cmd.order)
        yield PAYMENTS.rows(payment_id)
        yield ROOMS.rows(cmd.room)
        order = own_order(tx, cmd.room, cmd.order, caller)
        payment = tx.get(PAYMENTS, payment_id)
        if payment is not None and payment.order_id != order.id:
            raise Refused("key_conflict")
        if payment is None or payment.status == "failed":
            refuse_unless_held(order, tx.now_ms)
            if order.payment_id is not None:
                raise Refused("payment_pending", retry_after_ms=2000)
            payment = PaymentRow(
                payment_id,
                order.id,
                cmd.method,
                "started",
                order.total_minor,
                order.currency,
                tx.now_ms,
                None,
            )
            tx.put(PAYMENTS, payment)
            tx.put(ORDERS, replace(order, payment_id=payment_id))
            tx.wake(CHECK_TIMER, payment_id, order.room_id, tx.now_ms + CHECK_AFTER_MS)
        return {"status": payment.status, "amount_minor": payment.amount_minor, "currency": payment.currency}

    def settle(self, tx: Unit, payment_id: str, order_id: str, outcome: Outcome) -> Steps[Any]:
        """Write the provider's word down; gives the order. Refuses with ``payment_declined`` if it failed."""
        yield ORDERS.rows(order_id)
        order = tx.get(ORDERS, order_id)
        yield PAYMENTS.rows(payment_id)
        yield from load_goods(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(order.room_id if order else "")
        payment, order = tx.get(PAYMENTS, payment_id), tx.get(ORDERS, order_id)
        if payment is None or order is None:
            raise Refused("not_found")
        settled, after = settle(payment, order, outcome, tx.now_ms)
        if settled is not payment:
            tx.put(PAYMENTS, settled)
            still_open = order.payment_id == payment.id and settled.status != "succeeded"
            tx.put(ORDERS, replace(after, payment_id=None) if still_open else after)
        if settled.status == "refund_due" and settled is not payment:
            tx.wake(REFUND_TIMER, payment_id, order.room_id, tx.now_ms)
        if after is not order:
            hand_over(tx, after)
            announce(tx, after)
        if settled.status == "failed":
            return Refused("payment_declined")
        if settled.status != "succeeded":
            return Refused("order_not_held", details={"status": after.status, "refund": True})
        return {"order": after.wire()}

    def refunded(self, tx: Unit, payment_id: str) -> Steps[Any]:
        """The provider has given the money back."""
        yield PAYMENTS.rows(payment_id)
        payment = tx.get(PAYMENTS, payment_id)
        if payment is not None and payment.status == "refund_due":
            tx.put(PAYMENTS, replace(payment, status="refunded"))
        return {}

    def done(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer has done its work."""
        yield TIMERS.rows(timer.id)
        if tx.get(TIMERS, timer.id) is not None:
            tx.drop(TIMERS, timer.id)
        return {}
