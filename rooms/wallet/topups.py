"""Top-ups: coins for money. What is to be paid is an order like any other, only that nothing is held for it
and what it hands over is coins: so payments, late words, and refunds are what they are for goods."""

from __future__ import annotations

from typing import Any

from rooms.commands import TopUp
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Caller, Standing
from rooms.rows import Steps
from rooms.shop.orders import HOLD_TIMER, OrderRules, announce
from rooms.shop.rules import step
from rooms.shop.store import ORDERS, OrderRow
from rooms.unit import Unit
from rooms.wallet.coins import CoinPack, CoinRules


class TopUps:
    """The first half of the command ``wallet.topup``; the second is paying, as any order is."""

    def __init__(self, standing: Standing, coins: CoinRules, rules: OrderRules) -> None:
        self._standing = standing
        self._coins = coins
        self._rules = rules

    def begin(self, tx: Unit, cmd: TopUp, caller: Caller, order_id: str) -> Steps[Any]:
        """Write down what is to be paid. Repeating it (the same ``order_id``) gives it as it is.

        Refuses with ``not_found`` (no such pack), ``forbidden``; ``key_conflict`` if ``order_id`` was for
        another pack.
        """
        yield ORDERS.rows(order_id)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "buy")
        order = tx.get(ORDERS, order_id)
        if order is not None:
            if (order.room_id, _pack_of(order)) != (cmd.room, cmd.pack):
                raise Refused("key_conflict")
            return {"order": order.wire()}
        pack = self._coins.pack(cmd.pack)
        if pack is None:
            raise Refused("not_found", "There is no such pack of coins.")
        order = tx.put(ORDERS, self._order(tx, cmd.room, pack, caller, order_id))
        tx.wake(HOLD_TIMER, order.id, cmd.room, order.hold_until_ms)
        announce(tx, order)
        return {"order": order.wire()}

    def _order(self, tx: Unit, room_id: str, pack: CoinPack, caller: Caller, order_id: str) -> OrderRow:
        title = f"{pack.coins} coins"
        line = {"kind": "item", "label": title, "amount_minor": pack.price_minor, "ref": pack.id}
        order = OrderRow(
            id=order_id,
            room_id=room_id,
            product_id="",
            sku="",
            title=title,
            qty=1,
            unit_price_minor=pack.price_minor,
            total_minor=pack.price_minor,
            currency=pack.currency,
            status="held",
            buyer_id=caller.id or "",
            buyer_name=caller.name,
            created_at_ms=tx.now_ms,
            hold_until_ms=tx.now_ms + self._rules.hold_ms,
            paid_at_ms=None,
            payment_id=None,
            subtotal_minor=pack.price_minor,
            lines=[line],
            coins=pack.coins,
        )
        return step(order, "held", tx.now_ms, by=caller.id)


def _pack_of(order: OrderRow) -> str | None:
    return order.lines[0].get("ref") if order.coins is not None and order.lines else None
