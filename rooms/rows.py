"""Kinds of rows, and the cache of one kind in a unit of work: read and locked together, written together."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    select,
)
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from uuid_utils import uuid7

R = TypeVar("R")
T = TypeVar("T")
Key = tuple[Any, ...]


def new_id() -> str:
    """A UUIDv7 (RFC 9562): ids made later sort later, which keeps indexes dense."""
    return str(uuid7())


class Rank:
    """The order in which a transaction locks. Keys of commands come before all of these."""

    ORDERS = 10
    PAYMENTS = 15
    TIMERS = 20
    WALLETS = 30
    COUPONS = 40
    PRODUCTS = 50
    SALES = 52
    STOCK = 55
    USERS = 60
    ORIGINS = 65
    ROOMS = 70
    WEBHOOK_ENDPOINTS = 72
    WEBHOOK_LEASES = 74
    # What follows is guarded by the room's head: whoever changes it holds that lock.
    GUARDED = 80


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[R]):
    """A kind of row: its table, the dataclass of a row (fields as the columns), its place in the lock order.

    ``key`` names the columns of another unique key where rows are found by that instead of the primary one.
    ``skip_locked`` rows that another transaction holds look as if they weren't there.
    """

    table: Table
    row: type[R]
    rank: int
    skip_locked: bool = False
    key: tuple[str, ...] = ()

    @property
    def key_columns(self) -> list[Column[Any]]:
        if self.key:
            return [self.table.columns[name] for name in self.key]
        return list(self.table.primary_key.columns)

    def key_of(self, row: R) -> Key:
        return tuple(getattr(row, c.name) for c in self.key_columns)

    def rows(self, *keys: Any) -> Need:
        """The rows with these keys (a tuple each where the key has several columns)."""
        return Need(self, tuple(k if isinstance(k, tuple) else (k,) for k in keys))


@dataclass(frozen=True, slots=True)
class Need:
    """Rows that a handler asks for; missing ones are simply not there."""

    kind: Kind[Any]
    keys: tuple[Key, ...]


Steps = Generator[Need, None, T]


def by_first_columns(keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
    """The keys as values for ``match_first_columns``, in order, those that differ in the last column only
    together. SQLite finds no index for ``(a, b) IN ((…), …)``; it would read the whole table."""
    for first, group in groupby(sorted(keys), key=lambda key: key[:-1]):
        yield {"last": [key[-1] for key in group]} | {f"first_{n}": value for n, value in enumerate(first)}


def match_first_columns(columns: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
    """Rows by their key in these columns: all but the last equal, the last one of several."""
    *first, last = columns
    keys: BindParameter[Any] = bindparam("last", expanding=True)
    return [*(column == bindparam(f"first_{n}") for n, column in enumerate(first)), last.in_(keys)]


def as_dict(row: Any) -> dict[str, Any]:
    """A row dataclass as column values."""
    return {f.name: getattr(row, f.name) for f in fields(row)}


class RowCache(Generic[R]):
    """One table's rows in one unit: as they were read, and as they are now (None: not there)."""

    def __init__(self, kind: Kind[R]) -> None:
        self.kind = kind
        self.read: dict[Key, R | None] = {}
        self.now: dict[Key, R | None] = {}

    def load(self, conn: Connection, kind: Kind[R], keys: Iterable[Key]) -> None:
        """Read the rows that aren't known yet, and lock them if the kind says so."""
        if kind.key != self.kind.key:
            raise ValueError(f"rows of {kind.table.name} can be found by one key only within a unit")
        wanted = sorted({k for k in keys if k not in self.read})
        if not wanted:
            return
        found = {}
        for values in by_first_columns(wanted):
            for record in conn.execute(_select(kind), values):
                row = self.kind.row(*record)
                found[self.kind.key_of(row)] = row
        for key in wanted:
            self.read[key] = self.now[key] = found.get(key)

    def flush(self, conn: Connection) -> None:
        """Write what has changed, a statement a sort of change."""
        new, changed, gone = [], [], []
        for key, row in self.now.items():
            was = self.read.get(key)
            if row is was:
                continue
            if row is None:
                gone.append(self._match(key))
            elif was is None:
                new.append(as_dict(row))
            elif row != was:
                changed.append(as_dict(row) | self._match(key))
        if gone:
            conn.execute(_delete(self.kind), gone)
        if changed:
            conn.execute(_update(self.kind), changed)
        if new:
            conn.execute(_insert(self.kind.table), new)

    def _match(self, key: Key) -> dict[str, Any]:
        return {f"k_{c.name}": v for c, v in zip(self.kind.key_columns, key, strict=True)}


# Statements are made once a kind: to make one anew costs as much as to run it.


@cache
def _select(kind: Kind[Any]) -> Select[Any]:
    columns = kind.key_columns
    query = select(kind.table).where(*match_first_columns(columns))
    if kind.rank < Rank.GUARDED:
        query = query.order_by(*columns).with_for_update(skip_locked=kind.skip_locked)
    return query


@cache
def _update(kind: Kind[Any]) -> Update:
    values: dict[str, Any] = {c.name: bindparam(c.name) for c in kind.table.columns if not c.primary_key}
    return sql_update(kind.table).where(*_matches(kind)).values(values)


@cache
def _delete(kind: Kind[Any]) -> Delete:
    return sql_delete(kind.table).where(*_matches(kind))


@cache
def _insert(table: Table) -> Insert:
    return table.insert()


def _matches(kind: Kind[Any]) -> list[ColumnElement[bool]]:
    return [c == bindparam(f"k_{c.name}") for c in kind.key_columns]
