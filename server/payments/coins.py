"""Coins as a way to pay orders: a provider whose books are our own ledger.

It never takes coins before the order is paid, nor the other way round: both are one transaction. So there is
nothing to look up after a crash (either the payment has succeeded, or no coin has moved), and no late word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from sqlalchemy import Connection, select

from rooms.errors import Refused
from rooms.shop.payments import Charge, Payments, Word
from rooms.shop.rules import Outcome
from rooms.shop.store import PaymentRow, orders_table, skus_table
from rooms.wallet.coins import CoinRules
from rooms.wallet.purse import COINS, Purse, give_back, read_taken
from server.store.group import Answer, Work
from server.store.store import Store

_AWAY = frozenset({"busy", "temporarily_unavailable", "internal"})


class CoinsProvider:
    """Implements ``PaymentProvider``. ``report`` is whom it tells that an attempt came to nothing."""

    name = COINS

    def __init__(self, store: Store, payments: Payments, coins: CoinRules) -> None:
        self._store = store
        self._payments = payments
        self._coins = coins
        self.report: Callable[[str, Outcome], Awaitable[None]] | None = None

    async def charge(self, charge: Charge) -> Outcome:
        """Raises ``Refused`` beside what the port says: ``insufficient_coins``, ``order_not_held``, and
        ``bad_request`` for a currency that coins aren't taken for; the attempt has failed then."""
        coins = self._coins.price(charge.amount_minor, charge.currency)
        if coins is None:
            await self._failed(charge)
            raise Refused("bad_request", f"What costs {charge.currency} can't be paid with coins.")
        seller = await self._store.read(lambda conn: _seller_of(conn, charge.order_id))
        if seller is None:
            await self._failed(charge)
            raise Refused("not_found", "What was ordered isn't sold any more.")
        purse = Purse(coins, charge.buyer_id, seller)
        answer = await self._asked(
            Work(
                "coins.charge",
                lambda tx: self._payments.settle(
                    tx, charge.payment_id, charge.order_id, "succeeded", purse=purse
                ),
            )
        )
        if answer.ok:
            return "succeeded"
        await self._failed(charge)
        error = orjson.loads(answer.body)["error"]
        raise Refused(error["code"], error["message"], details=error.get("details"))

    async def look_up(self, payment: PaymentRow) -> Word | None:
        """Nothing is known of an attempt that is open: had coins been taken, it would have succeeded."""
        return None

    async def refund(self, payment: PaymentRow) -> None:
        taken, room_id = await self._store.read(lambda conn: read_taken(conn, payment.id))
        if taken:
            await self._asked(
                Work("coins.refund", lambda tx: give_back(tx, payment.id, taken, room_id)), must=True
            )

    async def _asked(self, work: Work, *, must: bool = False) -> Answer:
        answer = await self._store.write(work)
        if answer.code in _AWAY or (must and not answer.ok):
            raise ConnectionError(f"{work.name}: {answer.code}")
        return answer

    async def _failed(self, charge: Charge) -> None:
        if self.report is not None:
            await self.report(charge.payment_id, "failed")


def _seller_of(conn: Connection, order_id: str) -> str | None:
    """Who sells what was ordered, which never changes."""
    query = select(skus_table.c.seller_id).join(orders_table, orders_table.c.sku == skus_table.c.id)
    return conn.scalar(query.where(orders_table.c.id == order_id))
