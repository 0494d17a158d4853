"""The ledger's tables and rows: accounts, movements, and the entries that belong to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from rooms.rows import Kind, Rank, read
from rooms.schema import metadata
from rooms.wallet.rules import OVERDRAWN, Account


@dataclass(frozen=True, slots=True)
class AccountRow:
    """``seq`` counts the account's entries, 1, 2, 3, … without holes; ``balance`` is their sum."""

    kind: str
    owner: str
    balance: int
    seq: int


accounts_table = Table(
    "accounts",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("owner", String(128), primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint(
        f"balance >= 0 OR kind IN ({', '.join(repr(kind) for kind in OVERDRAWN)})", name="not_overdrawn"
    ),
)


@dataclass(frozen=True, slots=True)
class MovementRow:
    """Why coins moved. ``ref`` is the id of what they moved for; a kind moves coins for it only once.

    ``actor_id`` is who asked for it (None: the system), ``reason`` an operator's words.
    """

    id: str
    kind: str
    ref: str
    at_ms: int
    room_id: str | None
    actor_id: str | None
    reason: str | None


movements_table = Table(
    "movements",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("ref", String(300), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("room_id", String(64)),
    Column("actor_id", String(128)),
    Column("reason", Text),
    UniqueConstraint("kind", "ref"),
)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A movement's part in one account: its place there, and the balance after it."""

    kind: str
    owner: str
    seq: int
    movement_id: str
    amount: int
    balance: int


entries_table = Table(
    "entries",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("owner", String(128), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("movement_id", String(36), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Index("ix_entries_movement", "movement_id"),
)

ACCOUNTS: Kind[AccountRow] = Kind(accounts_table, AccountRow, Rank.WALLETS)


def read_balances(conn: Connection, kind: str, owners: Sequence[str]) -> dict[str, int]:
    """What these owners have in accounts of one kind; those without an account have 0."""
    accounts = read(conn, ACCOUNTS, [(kind, owner) for owner in owners])
    found = {account.owner: account.balance for account in accounts}
    return {owner: found.get(owner, 0) for owner in owners}


def read_statement(
    conn: Connection, account: Account, *, before: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """An account's entries with their movements, newest first; ``before`` is the last ``seq`` of the page
    before."""
    entries, movements = entries_table.c, movements_table.c
    query = (
        select(
            entries.seq,
            entries.amount,
            entries.balance,
            movements.id,
            movements.kind,
            movements.ref,
            movements.at_ms,
            movements.room_id.label("room"),
            movements.reason,
        )
        .join(movements_table, movements.id == entries.movement_id)
        .where(entries.kind == account.kind, entries.owner == account.owner)
    )
    if before is not None:
        query = query.where(entries.seq < before)
    found = conn.execute(query.order_by(entries.seq.desc()).limit(limit))
    names = tuple(map(str, found.keys()))  # the library's own kind of string is nothing to encode
    return [dict(zip(names, row, strict=True)) for row in found]
