"""Money that is owed to buyers: refunds under way, and those that failed, which somebody has to see to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller
from rooms.rows import Steps
from rooms.shop.payments import REFUND_TIMER, brief
from rooms.shop.settling import give_back_failed
from rooms.shop.store import ORDERS, PAYMENTS, OrderRow, PaymentRow, orders_table, payments_table
from rooms.unit import Unit

OWED = ("refund_failed", "refund_due")
"""What somebody has to see to first."""


class Owed:
    """What becomes of a refund that failed. That the caller is an operator has been checked."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def failed(
        self, tx: Unit, payment_id: str, order_id: str, reference: str | None, reason: str | None
    ) -> Steps[Any]:
        """The provider says that a refund failed: from now on the payment is ``refund_failed``, and the staff
        who may see orders are told."""
        payment, order = yield from _locked(tx, payment_id, order_id)
        after = give_back_failed(payment, reference, reason, tx.now_ms)
        if after is not payment:
            tx.put(PAYMENTS, after)
            brief(tx, after, order)
        return {}

    def retry(self, tx: Unit, payment_id: str, order_id: str, caller: Caller) -> Steps[Any]:
        """Ask the provider for the refund once more. Refuses with ``not_found``, ``refund_not_failed``."""
        payment, order = yield from _locked(tx, payment_id, order_id)
        _refuse_unless_failed(payment)
        payment = replace(payment, status="refund_due", settled_at_ms=tx.now_ms, problem=None)
        tx.put(PAYMENTS, payment)
        tx.wake(REFUND_TIMER, payment.id, order.room_id, tx.now_ms)
        self._told(tx, payment, order, caller, "payment.refund_retry", {})
        return {"payment": payment.wire()}

    def settle(self, tx: Unit, payment_id: str, order_id: str, caller: Caller, note: str) -> Steps[Any]:
        """The buyer has got the money in another way; ``note`` says how, for the audit trail. Refuses with
        ``not_found``, ``refund_not_failed``."""
        payment, order = yield from _locked(tx, payment_id, order_id)
        _refuse_unless_failed(payment)
        payment = replace(payment, status="refunded", problem=None)
        tx.put(PAYMENTS, payment)
        self._told(tx, payment, order, caller, "payment.refund_settled", {"note": note})
        return {"payment": payment.wire()}

    def _told(
        self,
        tx: Unit,
        payment: PaymentRow,
        order: OrderRow,
        caller: Caller,
        action: str,
        detail: dict[str, Any],
    ) -> None:
        brief(tx, payment, order)
        amount = {"amount_minor": payment.amount_minor, "currency": payment.currency}
        self._audit.note(tx, order.room_id, caller, action, payment.id, amount | detail)


def _locked(tx: Unit, payment_id: str, order_id: str) -> Steps[tuple[PaymentRow, OrderRow]]:
    yield ORDERS.rows(order_id)
    order = tx.get(ORDERS, order_id)
    yield PAYMENTS.rows(payment_id)
    yield ROOMS.rows(order.room_id if order else "")
    payment = tx.get(PAYMENTS, payment_id)
    if payment is None or order is None:
        raise Refused("not_found", "There is no such payment.")
    return payment, order


def _refuse_unless_failed(payment: PaymentRow) -> None:
    if payment.status != "refund_failed":
        raise Refused("refund_not_failed", details={"status": payment.status})


# Reading


@dataclass(frozen=True, slots=True)
class Debt:
    """A payment that is owed, and where its order is."""

    payment: PaymentRow
    room_id: str
    buyer_id: str

    def wire(self) -> dict[str, Any]:
        where = {"order": self.payment.order_id, "room": self.room_id, "buyer": self.buyer_id}
        return self.payment.wire() | where


def read_owed(
    conn: Connection, *, status: str, after: tuple[int, str] | None = None, limit: int = 50
) -> list[Debt]:
    """Payments of one of the statuses ``OWED``, those that wait longest first; ``after`` is the last one's
    time and id of the page before."""
    columns = payments_table.c
    query = select(payments_table, orders_table.c.room_id, orders_table.c.buyer_id).join(
        orders_table, orders_table.c.id == columns.order_id
    )
    query = query.where(columns.status == status)
    if after is not None:
        at_ms, last = after
        later = and_(columns.settled_at_ms == at_ms, columns.id > last)
        query = query.where(or_(columns.settled_at_ms > at_ms, later))
    width = len(columns)
    found = conn.execute(query.order_by(columns.settled_at_ms, columns.id).limit(limit))
    return [Debt(PaymentRow(*r[:width]), *r[width:]) for r in found]


def count_owed(conn: Connection) -> dict[str, tuple[int, int]]:
    """By status, how many payments are owed, and since when the oldest (Unix ms; 0: there is none)."""
    columns = payments_table.c
    query = select(columns.status, func.count(), func.min(columns.settled_at_ms))
    found = conn.execute(query.where(columns.status.in_(OWED)).group_by(columns.status))
    counted = {status: (int(number), int(since or 0)) for status, number, since in found}
    return {status: counted.get(status, (0, 0)) for status in OWED}
