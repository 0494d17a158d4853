"""People with coins in a room that is on the air, put straight into a node's database: for tests and
benchmarks that are about giving, not about topping up or sending a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, create_engine, select, update

from rooms import bulk
from rooms.heads import rooms_table
from rooms.rows import column_values, names_of, new_id
from rooms.wallet.rules import Account, wallet
from rooms.wallet.store import (
    AccountRow,
    EntryRow,
    MovementRow,
    accounts_table,
    entries_table,
    movements_table,
)


def endow(url: str, owners: Sequence[str], coins: int) -> None:
    """Give coins to those of these people who have no wallet yet, by a movement each that the books can be
    proved with."""
    _in_one(url, lambda conn: _endow(conn, owners, coins))


def _endow(conn: Connection, owners: Sequence[str], coins: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    known = select(accounts_table.c.owner).where(accounts_table.c.kind == "wallet")
    rich = set(conn.scalars(known.where(accounts_table.c.owner.in_(owners))))
    movements, accounts, entries = [], [], []
    for owner in owners:
        if owner in rich:
            continue
        movement = MovementRow(
            new_id(), "correction", f"endowed:{owner}", now_ms, None, None, "to try it out"
        )
        movements.append(movement)
        for account, amount in ((wallet(owner), coins), (Account("correction", owner), -coins)):
            accounts.append(AccountRow(*account, amount, 1))
            entries.append(EntryRow(*account, 1, movement.id, amount, amount))

    for table, rows in (
        (movements_table, movements),
        (accounts_table, accounts),
        (entries_table, entries),
    ):
        bulk.insert(conn, table, names_of(table), list(map(column_values(table), rows)))


def put_on_air(url: str, room: str) -> None:
    """Make the room live, as if its pictures had just begun to arrive."""
    now_ms = time.time_ns() // 1_000_000
    change = update(rooms_table).where(rooms_table.c.id == room)
    live = change.values(status="live", started_at_ms=now_ms, status_at_ms=now_ms)
    _in_one(url, lambda conn: conn.execute(live))


def _in_one(url: str, write: Callable[[Connection], Any]) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as conn:
            write(conn)
    finally:
        engine.dispose()
