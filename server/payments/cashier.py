"""The walk of ``order.pay``: write the attempt down, ask the provider, write its word down."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from sqlalchemy import select

from rooms.commands import PayOrder
from rooms.errors import Refused
from rooms.heads import TimerRow
from rooms.ports import Caller
from rooms.shop.payments import Charge, PaymentProvider, Payments
from rooms.shop.rules import Outcome
from rooms.shop.store import payments_table
from server.store.group import Answer, Work, refused
from server.store.keys import CommandKey
from server.store.store import Store

log = structlog.get_logger(__name__)

_NAMESPACE = uuid.UUID("5f1c1d0a-7f0e-5d53-9f6a-0a4f6f2f4b11")
_NOT_WRITTEN = frozenset({"busy", "temporarily_unavailable", "internal"})


class Cashier:
    """Takes orders to their payment. A lost answer is asked for again with the same key, safely."""

    def __init__(self, store: Store, payments: Payments, providers: Mapping[str, PaymentProvider]) -> None:
        self._store = store
        self._payments = payments
        self._providers = providers

    async def pay(self, cmd: PayOrder, caller: Caller, key: CommandKey, request: bytes) -> Answer:
        """The command ``order.pay``; the answer is given when the order is paid, or refused."""
        # The attempt's id follows from the key alone: a repeat finds the attempt and not a second one, and
        # the key with another order is a conflict before any money moves.
        payment_id = str(uuid.uuid5(_NAMESPACE, f"{key.user_id}\n{key.key}"))
        begun = await self._store.write(
            Work("payment.begin", lambda tx: self._payments.begin(tx, cmd, caller, payment_id))
        )
        if not begun.ok:
            return begun
        attempt = orjson.loads(begun.body)
        charge = Charge(payment_id, attempt["amount_minor"], attempt["currency"], cmd.card)
        outcome: Outcome = "succeeded"  # of what isn't open any more, nothing else is told here
        try:
            if attempt["status"] == "started":
                outcome = await self._providers[cmd.method].charge(charge)
        except (OSError, TimeoutError) as error:
            log.warning("payment_open", payment=payment_id, error=repr(error))
            return refused(Refused("payment_pending", retry_after_ms=3000))
        return await self._store.write(
            Work(
                "order.pay",
                lambda tx: self._payments.settle(tx, payment_id, cmd.order, outcome),
                key=key,
                request=request,
            )
        )

    async def check(self, timer: TimerRow) -> None:
        """The timer of an attempt: ask the provider what became of it, if that isn't known yet."""
        payment = await self._read(timer.ref)
        if payment is not None and payment["status"] == "started":
            outcome = await self._providers[payment["provider"]].look_up(timer.ref)
            await self._settle(timer.ref, payment["order_id"], outcome or "failed")
        await self._done(timer)

    async def refund(self, timer: TimerRow) -> None:
        """The timer of a payment for an order that no longer held stock: give the money back."""
        payment = await self._read(timer.ref)
        if payment is not None and payment["status"] == "refund_due":
            await self._providers[payment["provider"]].refund(timer.ref)
            await self._write(Work("payment.refunded", lambda tx: self._payments.refunded(tx, timer.ref)))
        await self._done(timer)

    async def _settle(self, payment_id: str, order_id: str, outcome: Outcome) -> None:
        await self._write(
            Work("payment.settle", lambda tx: self._payments.settle(tx, payment_id, order_id, outcome))
        )

    async def _done(self, timer: TimerRow) -> None:
        await self._write(Work("timer.done", lambda tx: self._payments.done(tx, timer)))

    async def _write(self, work: Work) -> None:
        """Raises ``ConnectionError`` if it could not be written: then the timer must come again."""
        answer = await self._store.write(work)
        if answer.code in _NOT_WRITTEN:
            raise ConnectionError(f"{work.name}: {answer.code}")

    async def _read(self, payment_id: str) -> dict[str, Any] | None:
        query = select(payments_table).where(payments_table.c.id == payment_id)
        record = await self._store.read(lambda conn: conn.execute(query).mappings().one_or_none())
        return dict(record) if record else None
