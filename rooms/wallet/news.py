"""Telling people what has changed in their wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.rules import Account, wallet
from rooms.wallet.store import MovementRow, read_balances


def tell_wallet(tx: Unit, user_id: str, movement: MovementRow, amount: int) -> None:
    """A private event ``wallet`` for the user whose coins or points a movement changed, by ``amount``: the
    balances as they are now, and why. ``USERS.rows(user_id)`` must have been asked for.

    ``coins`` or ``points`` is left out where this unit hasn't asked for that account: it hasn't changed.
    """
    moved: dict[str, Any] = {
        "id": movement.id,
        "kind": movement.kind,
        "amount": amount,
        "ref": movement.ref,
        "at_ms": movement.at_ms,
    }
    if movement.room_id is not None:
        moved["room"] = movement.room_id
    data: dict[str, Any] = {}
    for name, account in (("coins", wallet(user_id)), ("points", Account("points", user_id))):
        if (balance := ledger.known_balance(tx, account)) is not None:
            data[name] = balance
    tx.tell(user_id, "wallet", data | {"movement": moved}, room_id=movement.room_id)


def read_wallets(conn: Connection, user_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """``{coins, points}`` of these users, by user, in two statements."""
    coins = read_balances(conn, "wallet", user_ids)
    points = read_balances(conn, "points", user_ids)
    return {user_id: {"coins": coins[user_id], "points": points[user_id]} for user_id in user_ids}
