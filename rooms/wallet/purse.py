"""Paying an order with coins: they leave the wallet in the very transaction that makes the order paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from rooms.heads import USERS
from rooms.rows import Kind, Rank, Steps
from rooms.shop.store import OrderRow, PaymentRow
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import Account, Entry, taken_back, wallet
from rooms.wallet.store import MovementRow, entries_table, movements_table

COINS = "coins"
"""The way to pay."""
ORDER, ORDER_BACK = "order", "order_back"

# Whether coins have moved for something already. Whoever asks holds the accounts.
MOVEMENTS: Kind[MovementRow] = Kind(
    movements_table, MovementRow, Rank.WALLETS, locked=False, key=("kind", "ref")
)


@dataclass(frozen=True, slots=True)
class Purse:
    """What an order costs in coins, and whose takings they become."""

    coins: int
    buyer_id: str
    seller_id: str

    def load(self) -> Steps[None]:
        yield ledger.accounts(wallet(self.buyer_id), Account("takings", self.seller_id))

    def take(self, tx: Unit, order: OrderRow, payment: PaymentRow) -> None:
        """Refuses with ``insufficient_coins``, and has changed nothing then."""
        if self.coins == 0:
            return
        takings = Account("takings", self.seller_id)
        movement = ledger.pay(
            tx,
            ORDER,
            payment.id,
            wallet(self.buyer_id),
            takings,
            self.coins,
            room_id=order.room_id,
            actor_id=self.buyer_id,
        )
        tell_wallet(tx, self.buyer_id, movement, -self.coins)


def give_back(tx: Unit, payment_id: str, taken: Sequence[Entry], room_id: str | None) -> Steps[Any]:
    """The coins that were taken for a payment go back to the wallet, once, however often it is asked. What
    the seller no longer has (it was paid out) comes from the seller's correction."""
    accounts = [entry.account for entry in taken]
    sellers = [account.owner for account in accounts if account.kind == "takings"]
    buyers = [account.owner for account in accounts if account.kind == "wallet"]
    yield ledger.accounts(*accounts, *(Account("correction", seller) for seller in sellers))
    yield MOVEMENTS.rows((ORDER_BACK, payment_id))
    yield USERS.rows(*buyers)
    if tx.get(MOVEMENTS, ORDER_BACK, payment_id) is not None:
        return {}
    entries: list[Entry] = []
    for account, amount in taken:
        if amount < 0:
            entries.append(Entry(account, -amount))
        else:
            there = ledger.balance(tx, account)
            entries += taken_back(account, there, amount, Account("correction", account.owner))
    movement = ledger.move(tx, ORDER_BACK, payment_id, entries, room_id=room_id)
    for account, amount in taken:
        if account.kind == "wallet":
            tell_wallet(tx, account.owner, movement, -amount)
    return {}


def read_taken(conn: Connection, payment_id: str) -> tuple[list[Entry], str | None]:
    """What was taken for a payment, and in which room: never changes. Nothing if nothing was."""
    movements, entries = movements_table.c, entries_table.c
    query = (
        select(entries.kind, entries.owner, entries.amount, movements.room_id)
        .join(entries_table, entries.movement_id == movements.id)
        .where(movements.kind == ORDER, movements.ref == payment_id)
    )
    found = conn.execute(query).all()
    taken = [Entry(Account(r.kind, r.owner), r.amount) for r in found]
    return taken, found[0].room_id if found else None
