"""Moving coins and points: the only way in which a balance ever changes."""

from __future__ import annotations

from collections.abc import Iterable

from rooms.rows import Need, new_id
from rooms.unit import Unit
from rooms.wallet.rules import Account, Entry, after, check_balanced, merged
from rooms.wallet.store import ACCOUNTS, AccountRow, EntryRow, MovementRow, entries_table, movements_table


def accounts(*wanted: Account) -> Need:
    """For a handler's ``yield``: the accounts that its movements will touch."""
    return ACCOUNTS.rows(*(tuple(account) for account in wanted))


def balance(tx: Unit, account: Account) -> int:
    """What is in an account now, in this unit. It must have been asked for."""
    row = tx.get(ACCOUNTS, *account)
    return row.balance if row else 0


def known_balance(tx: Unit, account: Account) -> int | None:
    """The same, or None if it was not asked for in this unit."""
    return balance(tx, account) if tx.asked(ACCOUNTS, *account) else None


def move(
    tx: Unit,
    kind: str,
    ref: str,
    entries: Iterable[Entry],
    *,
    room_id: str | None = None,
    actor_id: str | None = None,
    reason: str | None = None,
) -> MovementRow:
    """Move coins (or points) between accounts, which must have been asked for: all of it, or nothing.

    ``kind`` and ``ref`` name what it is for; the database refuses to move twice for the same, so the caller
    looks first at what says whether it was done (an order's status, a gift's key). Several entries of one
    account are put together.

    Refuses with what :func:`rooms.wallet.rules.after` refuses with, and has changed nothing then. Raises
    ``ValueError`` for entries that don't sum to zero.
    """
    parts = merged(entries)
    check_balanced(parts)
    rows = [tx.get(ACCOUNTS, *entry.account) or AccountRow(*entry.account, 0, 0) for entry in parts]
    balances = [after(e.account, row.balance, e.amount) for e, row in zip(parts, rows, strict=True)]
    movement = MovementRow(new_id(), kind, ref, tx.now_ms, room_id, actor_id, reason)
    tx.add(movements_table, movement)
    for entry, row, new in zip(parts, rows, balances, strict=True):
        tx.put(ACCOUNTS, AccountRow(row.kind, row.owner, new, row.seq + 1))
        tx.add(entries_table, EntryRow(row.kind, row.owner, row.seq + 1, movement.id, entry.amount, new))
    return movement


def pay(
    tx: Unit, kind: str, ref: str, source: Account, target: Account, amount: int, **about: str | None
) -> MovementRow:
    """The usual movement: ``amount`` (> 0) from one account to another."""
    return move(tx, kind, ref, (Entry(source, -amount), Entry(target, amount)), **about)
