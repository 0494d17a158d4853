"""The sandbox provider: takes no money, but remembers like one that does, also over a crash.

What it does is told by the card:

=============  ==================================================================================
``ok``         pays
``declined``   is declined
``hangs``      pays, but never answers: the buyer is told to wait, and the check finds the payment
``late``       pays, and answers some seconds later
``twice``      pays, and says so twice, first by a report of its own
``after_hold`` can't say yet, and pays when the hold is over
=============  ==================================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Integer, String, Table

from rooms.rows import Kind, Rank, Steps
from rooms.schema import metadata
from rooms.shop.payments import Charge, Word
from rooms.shop.rules import Outcome
from rooms.shop.store import PaymentRow
from rooms.unit import Unit
from server.store.group import Answer, Work

LATE_S = 2.0
AFTER_HOLD_MS = 3_000
"""How long after a hold's end ``after_hold`` pays: the order has run out by then."""


@dataclass(frozen=True, slots=True)
class SandboxRow:
    """A charge as the sandbox's books have it. Nobody is told of it before ``at_ms``."""

    payment_id: str
    outcome: str
    amount_minor: int
    currency: str
    refunded: int
    at_ms: int


sandbox_table = Table(
    "sandbox_charges",
    metadata,
    Column("payment_id", String(36), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("refunded", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

SANDBOX: Kind[SandboxRow] = Kind(sandbox_table, SandboxRow, Rank.PAYMENTS)


def _charge(tx: Unit, charge: Charge) -> Steps[Any]:
    yield SANDBOX.rows(charge.payment_id)
    row = tx.get(SANDBOX, charge.payment_id)
    if row is None:
        outcome = "failed" if charge.card == "declined" else "succeeded"
        at_ms = charge.expires_at_ms + AFTER_HOLD_MS if charge.card == "after_hold" else tx.now_ms
        row = SandboxRow(charge.payment_id, outcome, charge.amount_minor, charge.currency, 0, at_ms)
        tx.put(SANDBOX, row)
    return {"word": _word(row, tx.now_ms)}


def _look_up(tx: Unit, payment_id: str) -> Steps[Any]:
    yield SANDBOX.rows(payment_id)
    row = tx.get(SANDBOX, payment_id)
    return {"word": _word(row, tx.now_ms) if row else None}


def _refund(tx: Unit, payment_id: str) -> Steps[Any]:
    yield SANDBOX.rows(payment_id)
    row = tx.get(SANDBOX, payment_id)
    if row is not None and not row.refunded:
        tx.put(SANDBOX, replace(row, refunded=1))
    return {}


def _word(row: SandboxRow, now_ms: int) -> str:
    return row.outcome if row.at_ms <= now_ms else "open"


class SandboxProvider:
    """Implements ``PaymentProvider``. ``report`` is whom it tells of a payment by itself, once that is known;
    a test may make ``late_s`` shorter."""

    name = "sandbox"

    def __init__(
        self,
        write: Callable[[Work], Awaitable[Answer]],
        *,
        late_s: float = LATE_S,
    ) -> None:
        self._write = write
        self._late_s = late_s
        self.report: Callable[[str, Outcome], Awaitable[None]] | None = None

    async def charge(self, charge: Charge) -> Outcome:
        word = await self._asked(Work("sandbox.charge", lambda tx: _charge(tx, charge)))
        if charge.card == "hangs":
            await asyncio.Event().wait()  # until whoever asked has had enough
        if charge.card == "late":
            await asyncio.sleep(self._late_s)
        if word == "open":
            raise ConnectionError("the sandbox can't say yet")
        outcome: Outcome = "succeeded" if word == "succeeded" else "failed"
        if charge.card == "twice" and self.report is not None:
            await self.report(charge.payment_id, outcome)
        return outcome

    async def look_up(self, payment: PaymentRow) -> Word | None:
        return await self._asked(Work("sandbox.look_up", lambda tx: _look_up(tx, payment.id)))

    async def refund(self, payment: PaymentRow) -> None:
        await self._asked(Work("sandbox.refund", lambda tx: _refund(tx, payment.id)))

    async def _asked(self, work: Work) -> Word | None:
        answer = await self._write(work)
        if not answer.ok:
            raise ConnectionError(f"the sandbox can't be reached: {answer.code}")
        word: Word | None = orjson.loads(answer.body).get("word")
        return word
