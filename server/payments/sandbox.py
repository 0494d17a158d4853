"""The sandbox provider: takes no money, but remembers like one that does, also over a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, select

from rooms.rows import Kind, Rank, Steps
from rooms.schema import metadata
from rooms.shop.payments import Charge
from rooms.shop.rules import Outcome
from rooms.unit import Unit
from server.store.group import Answer, Work


@dataclass(frozen=True, slots=True)
class SandboxRow:
    """A charge as the sandbox's books have it."""

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
        row = SandboxRow(charge.payment_id, outcome, charge.amount_minor, charge.currency, 0, tx.now_ms)
        tx.put(SANDBOX, row)
    return {"outcome": row.outcome}


def _refund(tx: Unit, payment_id: str) -> Steps[Any]:
    yield SANDBOX.rows(payment_id)
    row = tx.get(SANDBOX, payment_id)
    if row is not None and not row.refunded:
        tx.put(SANDBOX, replace(row, refunded=1))
    return {}


class SandboxProvider:
    """Implements ``PaymentProvider``. The card ``declined`` is declined, every other one pays."""

    name = "sandbox"

    def __init__(
        self,
        write: Callable[[Work], Awaitable[Answer]],
        read: Callable[[Callable[[Any], Any]], Awaitable[Any]],
    ) -> None:
        self._write = write
        self._read = read

    async def charge(self, charge: Charge) -> Outcome:
        await self._done(Work("sandbox.charge", lambda tx: _charge(tx, charge)))
        outcome = await self.look_up(charge.payment_id)
        if outcome is None:
            raise ConnectionError("the sandbox lost a charge")
        return outcome

    async def look_up(self, payment_id: str) -> Outcome | None:
        query = select(sandbox_table.c.outcome).where(sandbox_table.c.payment_id == payment_id)
        outcome: Outcome | None = await self._read(lambda conn: conn.scalar(query))
        return outcome

    async def refund(self, payment_id: str) -> None:
        await self._done(Work("sandbox.refund", lambda tx: _refund(tx, payment_id)))

    async def _done(self, work: Work) -> None:
        answer = await self._write(work)
        if not answer.ok:
            raise ConnectionError(f"the sandbox can't be reached: {answer.code}")
