"""Orders of coins: what a paid one puts into its buyer's wallet, and takes out again when it is refunded."""

from __future__ import annotations

from rooms.rows import Steps
from rooms.shop.store import OrderRow
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import Account, Entry, taken_back, wallet

TOPUP, TOPUP_BACK = "topup", "topup_back"


def load_wallet(order: OrderRow | None) -> Steps[None]:
    """The accounts that an order of coins moves; none for any other. After timers in the lock order, before
    coupons. The buyer must be asked for afterwards, to be told."""
    if order is not None and order.coins is not None:
        yield ledger.accounts(wallet(order.buyer_id), _issued(order), _correction(order))


def credit(tx: Unit, order: OrderRow) -> None:
    """The order is paid: its coins are the buyer's."""
    coins = order.coins or 0
    movement = ledger.pay(
        tx,
        TOPUP,
        order.id,
        _issued(order),
        wallet(order.buyer_id),
        coins,
        room_id=order.room_id,
        actor_id=order.buyer_id,
    )
    tell_wallet(tx, order.buyer_id, movement, coins)


def take_back(tx: Unit, order: OrderRow, *, by: str | None, reason: str, all_of_it: bool) -> None:
    """The order's money goes back, so its coins do.

    With ``all_of_it`` refuses with ``insufficient_coins`` if the buyer has spent some of them. Without, the
    money has gone back already: what the wallet hasn't any more is the buyer's correction, below zero.
    """
    coins, purse = order.coins or 0, wallet(order.buyer_id)
    there = coins if all_of_it else ledger.balance(tx, purse)
    entries = taken_back(purse, there, coins, _correction(order))
    movement = ledger.move(
        tx,
        TOPUP_BACK,
        order.id,
        (*entries, Entry(_issued(order), coins)),
        room_id=order.room_id,
        actor_id=by,
        reason=reason,
    )
    tell_wallet(tx, order.buyer_id, movement, -min(there, coins))


def _issued(order: OrderRow) -> Account:
    return Account("issued", order.buyer_id)


def _correction(order: OrderRow) -> Account:
    return Account("correction", order.buyer_id)
