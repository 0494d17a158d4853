"""Payments: a port for providers, and what the provider's word does to the order.

Paying has three steps, each safe to repeat: the attempt is written down (``begin``), the provider is asked
outside of any transaction, its word is written down (``settle``). A crash between them is mended by a timer
that asks the provider what became of the attempt.

There are two sorts of provider. One charges and says at once what came of it. The other has a page of its own
(a checkout): the buyer is sent there (``redirected``), the order stays held, and the word comes later, by the
provider's report or when the timer asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

from rooms.commands import PayOrder
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller
from rooms.rows import Steps, as_dict
from rooms.shop.orders import CouponPort, announce, hand_over, load_goods, own_order, seen_by
from rooms.shop.rules import Outcome, refund, refuse_unless_held
from rooms.shop.sales import say_what_is_left
from rooms.shop.settling import Settled, close_at, give_back_done, owe, settle
from rooms.shop.store import ORDERS, PAYMENTS, SKUS, OrderRow, PaymentRow
from rooms.unit import Unit
from rooms.wallet.crediting import load_wallet, take_back
from rooms.wallet.purse import COINS, Purse

CHECK_TIMER = "payment.check"
REFUND_TIMER = "payment.refund"
CHECK_AFTER_MS = 10_000

_BY_PROVIDER = "The provider gave the money back."

Word = Literal["succeeded", "failed", "open"]
"""What a provider says of an attempt; ``open``: nothing yet."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a provider is asked for. ``payment_id`` makes asking twice the same as asking once.

    Everything in it follows from the attempt's and the order's rows, so that a repeat asks for exactly the
    same. ``return_url`` is where a page of the provider's sends the buyer back to, and it takes no money from
    ``expires_at_ms`` on.
    """

    payment_id: str
    amount_minor: int
    currency: str
    card: str
    order_id: str
    room_id: str
    title: str
    qty: int
    lines: Sequence[Mapping[str, Any]]
    buyer_id: str
    buyer_name: str
    created_at_ms: int
    expires_at_ms: int
    return_url: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """The provider's page for a charge. ``reference`` is the provider's own name of the attempt, if any."""

    url: str
    expires_at_ms: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider reports by itself, proved to be its word. None: it doesn't say.

    ``refunded`` means the whole amount, given back as was asked or at the provider's own hand;
    ``refund_failed``, that a refund which it had taken on came to nothing, and ``reason`` why. ``reference``
    is the provider's name of the attempt, with these two words that of the refund.
    """

    payment_id: str
    word: Literal["succeeded", "failed", "refunded", "refund_failed"]
    amount_minor: int | None = None
    currency: str | None = None
    reference: str | None = None
    reason: str | None = None


class PaymentProvider(Protocol):
    """Somebody who takes money. All are idempotent by the payment's id; they may raise ``OSError`` (so
    ``TimeoutError`` too) when the provider can't be reached, which leaves the attempt open. Cancelling is
    safe at any time, for the same reason."""

    name: str

    async def charge(self, charge: Charge) -> Outcome | Redirect: ...

    async def look_up(self, payment: PaymentRow) -> Word | None:
        """What became of an attempt; None: the provider never heard of it, and can't take money for it."""
        ...

    async def refund(self, payment: PaymentRow) -> str | None:
        """Give all of it back; returns when the provider has taken that on, with its name of the refund if it
        has one. Should it fail after that, the provider reports it."""
        ...


@runtime_checkable
class CheckoutProvider(PaymentProvider, Protocol):
    """One with a page of its own, which reports by itself."""

    async def withdraw(self, payment: PaymentRow) -> Word:
        """Close the page of an attempt whose time is over; says what became of it, which may be that it was
        paid just before. ``open``: paid, and the money is still on its way."""
        ...

    def receive(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Report | None:
        """A report as it came over HTTP (header names in lower case), proved and read. None: of no concern.

        Raises ``Refused``: ``bad_signature``, ``bad_request``."""
        ...


class Payments:
    """The steps of ``order.pay`` that happen in transactions. ``coupons`` None: there are none."""

    def __init__(self, coupons: CouponPort | None = None) -> None:
        self._coupons = coupons

    def begin(
        self, tx: Unit, cmd: PayOrder, caller: Caller, payment_id: str, provider: str
    ) -> Steps[dict[str, Any]]:
        """Write an attempt down. Refuses with ``not_found``, ``order_not_held``, ``payment_pending``;
        ``bad_request`` (coins for coins); ``key_conflict`` if ``payment_id`` was another order's attempt, or
        another provider's.

        Repeating an attempt (the same ``payment_id``) gives it as it is; one that failed, or was given up
        because the provider had never heard of it, begins again, unless it had a page already.
        """
        yield ORDERS.rows(cmd.order)
        yield PAYMENTS.rows(payment_id)
        yield ROOMS.rows(cmd.room)
        order = own_order(tx, cmd.room, cmd.order, caller)
        payment = tx.get(PAYMENTS, payment_id)
        if payment is not None and (payment.order_id, payment.provider) != (order.id, provider):
            raise Refused("key_conflict")
        if payment is None or (payment.status == "failed" and payment.redirect_url is None):
            refuse_unless_held(order, tx.now_ms)
            if order.coins is not None and provider == COINS:
                raise Refused("bad_request", "Coins can't be bought with coins.")
            if order.payment_id is not None:
                raise Refused("payment_pending", retry_after_ms=2000)
            payment = PaymentRow(
                payment_id,
                order.id,
                provider,
                "started",
                order.total_minor,
                order.currency,
                tx.now_ms,
                None,
            )
            tx.put(PAYMENTS, payment)
            tx.put(ORDERS, replace(order, payment_id=payment_id))
            tx.wake(CHECK_TIMER, payment_id, order.room_id, tx.now_ms + CHECK_AFTER_MS)
        elif payment.status == "started" and payment.redirect_url is not None:
            refuse_unless_held(order, tx.now_ms)
        return {"payment": as_dict(payment), "order": order.wire()}

    def redirected(self, tx: Unit, payment_id: str, order_id: str, to: Redirect) -> Steps[Any]:
        """The provider has a page for the attempt. The order doesn't wait for it: its buyer may let it go, or
        pay in another way, and whichever money comes first counts."""
        yield ORDERS.rows(order_id)
        yield PAYMENTS.rows(payment_id)
        payment, order = tx.get(PAYMENTS, payment_id), tx.get(ORDERS, order_id)
        if payment is None or order is None:
            raise Refused("not_found")
        if payment.status == "failed" and payment.redirect_url is None:
            # Given up as never heard of, while the provider was making the page.
            refuse_unless_held(order, tx.now_ms)
            payment = replace(payment, status="started", settled_at_ms=None)
            tx.wake(CHECK_TIMER, payment_id, order.room_id, tx.now_ms + CHECK_AFTER_MS)
        if payment.redirect_url is None:
            payment = replace(
                payment, redirect_url=to.url, expires_at_ms=to.expires_at_ms, reference=to.reference
            )
            tx.put(PAYMENTS, payment)
        if order.payment_id == payment_id and payment.status == "started":
            tx.put(ORDERS, replace(order, payment_id=None))
        return redirect_answer(payment)

    def settle(
        self,
        tx: Unit,
        payment_id: str,
        order_id: str,
        outcome: Outcome,
        reference: str | None = None,
        *,
        purse: Purse | None = None,
    ) -> Steps[Any]:
        """Write the provider's word down; gives the order. Refuses with ``payment_declined`` if it failed,
        with ``order_not_held`` if the money is due back. ``reference``: the provider's name of it, if it
        said one only now.

        With a ``purse`` success is not yet a fact: it pays here and now, if the order can still be paid, or
        refuses with ``insufficient_coins``. So there never are coins to be given back for an order that is
        gone.
        """
        yield ORDERS.rows(order_id)
        order = tx.get(ORDERS, order_id)
        yield PAYMENTS.rows(payment_id)
        yield from load_wallet(order)
        if purse is not None:
            yield from purse.load()
        yield from load_goods(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(order.room_id if order else "")
        payment, order = tx.get(PAYMENTS, payment_id), tx.get(ORDERS, order_id)
        if payment is None or order is None:
            raise Refused("not_found")
        sku = tx.get(SKUS, order.sku)
        after = settle(payment, order, sku, outcome, tx.now_ms)
        if purse is not None and after.payment is not payment:
            if after.payment.status == "refund_due":
                raise Refused("order_not_held", details={"status": order.status})
            purse.take(tx, order, payment)
        if after.payment is not payment:
            _write(tx, after, order, reference)
        if after.payment.status == "failed":
            return Refused("payment_declined")
        if after.payment.status != "succeeded":
            return Refused("order_not_held", details={"status": after.order.status, "refund": True})
        return {"order": after.order.wire()}

    def refunded(self, tx: Unit, payment_id: str, order_id: str, reference: str | None = None) -> Steps[Any]:
        """The provider has given the money back: as was asked, or by itself, which refunds the order too.

        ``reference`` is its name of the refund. A refund that failed is mended by another one only: the word
        that the same one was made may have been under way for long.
        """
        yield ORDERS.rows(order_id)
        order = tx.get(ORDERS, order_id)
        yield PAYMENTS.rows(payment_id)
        yield from load_wallet(order)
        if self._coupons and order and order.coupon_ids:
            yield from self._coupons.load_for(order)
        yield USERS.rows(order.buyer_id if order else "")
        yield ROOMS.rows(order.room_id if order else "")
        payment, order = tx.get(PAYMENTS, payment_id), tx.get(ORDERS, order_id)
        if payment is None or order is None:
            return {}
        after = give_back_done(payment, reference)
        if after is payment:
            return {}
        tx.put(PAYMENTS, after)
        if payment.status == "refunded":
            return {}  # it is only now that the refund's name is known
        if order.status == "paid" and order.payment_id == payment.id:
            returned = refund(order, tx.now_ms, by=None, reason=_BY_PROVIDER)
            announce(tx, tx.put(ORDERS, returned))
            if order.coins is not None:
                take_back(tx, order, by=None, reason=_BY_PROVIDER, all_of_it=False)
            if self._coupons and order.coupon_ids:
                self._coupons.give_back(tx, returned)
        elif order.status != "refunded" or payment.status == "refund_failed":
            brief(tx, after, order)
        return {}

    def again(self, tx: Unit, timer: TimerRow, due_at_ms: int) -> Steps[Any]:
        """The timer is to come again at a later time."""
        yield TIMERS.rows(timer.id)
        if tx.get(TIMERS, timer.id) is not None:
            tx.put(TIMERS, replace(timer, due_at_ms=due_at_ms))
        return {}

    def done(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer has done its work."""
        yield TIMERS.rows(timer.id)
        if tx.get(TIMERS, timer.id) is not None:
            tx.drop(TIMERS, timer.id)
        return {}


def redirect_answer(payment: PaymentRow) -> dict[str, Any]:
    """What ``order.pay`` answers for an attempt on a provider's own page."""
    return {
        "redirect": {"url": payment.redirect_url},
        "payment": payment.id,
        "expires_at_ms": payment.expires_at_ms,
    }


def as_charge(payment: PaymentRow, order: Mapping[str, Any], card: str, return_url: str) -> Charge:
    """The charge that an attempt is about; ``order`` as on the wire."""
    return Charge(
        payment_id=payment.id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        card=card,
        order_id=payment.order_id,
        room_id=order["room"],
        title=order["title"],
        qty=order["qty"],
        lines=order["lines"],
        buyer_id=order["buyer"]["id"],
        buyer_name=order["buyer"]["name"],
        created_at_ms=payment.created_at_ms,
        expires_at_ms=close_at(payment.created_at_ms, order["hold_until_ms"]),
        return_url=return_url,
    )


def give_back(tx: Unit, order: OrderRow) -> bool:
    """An order's money is due back; the timer sees to it. Part of another command's transaction, which must
    have asked for ``PAYMENTS.rows(order.payment_id)`` and holds the order's row. False: there is no money."""
    payment = tx.get(PAYMENTS, order.payment_id) if order.payment_id else None
    if payment is None or (due := owe(payment, tx.now_ms)) is payment:
        return False
    tx.put(PAYMENTS, due)
    tx.wake(REFUND_TIMER, due.id, order.room_id, tx.now_ms)
    return True


def _write(tx: Unit, after: Settled, order: OrderRow, reference: str | None) -> None:
    payment = after.payment
    if payment.reference is None and reference is not None:
        payment = replace(payment, reference=reference)
    tx.put(PAYMENTS, payment)
    if after.order is not order:
        tx.put(ORDERS, after.order)
    if payment.status == "refund_due":
        tx.wake(REFUND_TIMER, payment.id, order.room_id, tx.now_ms)
    if payment.status in ("failed", "refund_due"):
        brief(tx, payment, order)
    if after.order.status != order.status:
        if after.sku is not None and order.status != "held":
            say_what_is_left(tx, tx.put(SKUS, after.sku))
        hand_over(tx, after.order)
        announce(tx, after.order)


def brief(tx: Unit, payment: PaymentRow, order: OrderRow) -> None:
    """Tell the staff of an attempt that no change of its order tells of. The room must be locked."""
    wire = {
        "id": payment.id,
        "order": payment.order_id,
        "status": payment.status,
        "provider": payment.provider,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }
    if payment.problem is not None:
        wire["problem"] = payment.problem
    tx.brief(order.room_id, "payment", {"payment": wire}, action=seen_by(order))
