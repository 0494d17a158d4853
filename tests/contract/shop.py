"""What tests ask of orders and money, and a payment provider that is unreachable at will."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select

from rooms.shop.payments import Charge, Redirect, Word
from rooms.shop.rules import Outcome
from rooms.shop.store import PaymentRow, orders_table, payments_table
from server.payments.sandbox import sandbox_table
from tests.contract.house import VIEWER, House

HOLD_MS = 60_000
CHECK_MS = 10_000


class Shaky:
    """A provider whose line breaks: ``before`` or ``after`` it has charged; ``deaf`` to questions too."""

    name = "sandbox"

    def __init__(self, house: House) -> None:
        self._real = house.providers["sandbox"]
        house.providers["sandbox"] = self
        self.breaks = ""
        self.deaf = False
        self.late: asyncio.Event | None = None
        self._asked = asyncio.Condition()
        self._charges = 0

    async def charge(self, charge: Charge) -> Outcome | Redirect:
        async with self._asked:
            self._charges += 1
            self._asked.notify_all()
        if self.late is not None:
            await self.late.wait()
        if self.breaks == "before":
            raise ConnectionError("unreachable")
        outcome = await self._real.charge(charge)
        if self.breaks == "after":
            raise TimeoutError
        return outcome

    async def was_asked(self, times: int = 1) -> None:
        async with asyncio.timeout(30), self._asked:
            await self._asked.wait_for(lambda: self._charges >= times)

    async def look_up(self, payment: PaymentRow) -> Word | None:
        if self.deaf:
            raise ConnectionError("unreachable")
        return await self._real.look_up(payment)

    async def refund(self, payment: PaymentRow) -> None:
        if self.deaf:
            raise ConnectionError("unreachable")
        await self._real.refund(payment)


async def order_status(house: House, order: str) -> str:
    (row,) = await house.rows(select(orders_table.c.status).where(orders_table.c.id == order))
    status: str = row["status"]
    return status


async def payment_statuses(house: House) -> list[str]:
    rows = await house.rows(select(payments_table.c.status).order_by(payments_table.c.created_at_ms))
    return [r["status"] for r in rows]


async def money(house: House) -> int:
    """What the provider has taken and not given back."""
    query = select(sandbox_table.c.amount_minor).where(
        sandbox_table.c.outcome == "succeeded", sandbox_table.c.refunded == 0
    )
    return sum(r["amount_minor"] for r in await house.rows(query))


async def stock(house: House, sku: str) -> tuple[int, int]:
    row = await house.sku(sku)
    return row.stock, row.held


async def buy(house: House, sku: str, qty: int = 1, caller: Any = VIEWER) -> str:
    order: str = (await house.ok("buy", caller, sku=sku, qty=qty))["order"]["id"]
    return order
