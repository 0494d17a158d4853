"""Kinds of rows, and the cache of one kind in a unit of work: read and locked together, written together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import BindParameter, Column, ColumnElement, Connection, Table, bindparam
from uuid_utils import uuid7

from rooms import bulk

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
    RULE_VERSIONS = 17
    RULES = 18
    TIMERS = 20
    GIFTS = 22
    PLAYS = 24
    PLAY_ENTRIES = 26
    PEOPLE = 28
    PAYOUTS = 29
    POINTS = 29
    WALLETS = 30
    COUPONS = 40
    CLAIMS = 42
    PRODUCTS = 50
    SALES = 52
    STOCK = 55
    USERS = 60
    NODES = 64
    ORIGINS = 65
    RECORDINGS = 68
    ROOMS = 70
    WEBHOOK_ENDPOINTS = 72
    WEBHOOK_LEASES = 74
    # What follows is guarded by the room's head: whoever changes it holds that lock.
    GUARDED = 80


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[R]):
    """A kind of row: its table, the dataclass of a row (fields as the columns), its place in the lock order.

    ``key`` names the columns of another unique key where rows are found by that instead of the primary one.
    ``skip_locked`` rows that another transaction holds look as if they weren't there. Rows that are not
    ``locked`` are only read, for what of them never changes. ``source`` finds rows that are no table's, such
    as what is worked out of several: they can't be put or dropped.
    """

    table: Table
    row: type[R]
    rank: int
    skip_locked: bool = False
    locked: bool = True
    key: tuple[str, ...] = ()
    source: Callable[[Connection, Sequence[Key]], Iterable[R]] | None = None

    @property
    def key_names(self) -> tuple[str, ...]:
        return self.key or tuple(column.name for column in self.table.primary_key.columns)

    def rows(self, *keys: Any) -> Need:
        """The rows with these keys (a tuple each where the key has several columns)."""
        return Need(self, tuple([k if type(k) is tuple else (k,) for k in keys]))


class Need(NamedTuple):
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


def read(conn: Connection, kind: Kind[R], keys: Iterable[Key]) -> Iterator[R]:
    """The rows with these keys that there are, read outside of a command: nothing is locked. One statement,
    as long as the keys differ in one column only."""
    return (kind.row(*record) for record in bulk.select(conn, kind.table, kind.key_names, list(keys)))


def as_dict(row: Any) -> dict[str, Any]:
    """A row dataclass as column values."""
    return {f.name: getattr(row, f.name) for f in fields(row)}


class RowCache(Generic[R]):
    """One table's rows in one unit: as they were read, and as they are now (None: not there)."""

    def __init__(self, kind: Kind[R]) -> None:
        self.kind = kind
        self.key_of = key_getter(kind)
        self.read: dict[Key, R | None] = {}
        self.now: dict[Key, R | None] = {}

    def load(self, conn: Connection, kind: Kind[R], keys: Iterable[Key]) -> None:
        """Read the rows that aren't known yet, and lock them if the kind says so."""
        if kind.key != self.kind.key:
            raise ValueError(f"rows of {kind.table.name} can be found by one key only within a unit")
        wanted = sorted({k for k in keys if k not in self.read})
        if not wanted:
            return
        found = {self.key_of(row): row for row in self._read(conn, kind, wanted)}
        for key in wanted:
            self.read[key] = self.now[key] = found.get(key)

    def _read(self, conn: Connection, kind: Kind[R], wanted: Sequence[Key]) -> Iterable[R]:
        if kind.source is not None:
            return kind.source(conn, wanted)
        return (kind.row(*r) for r in bulk.select(conn, kind.table, kind.key_names, wanted, lock=_lock(kind)))

    def flush(self, conn: Connection) -> None:
        """Write what has changed, a statement a sort of change."""
        values = column_values(self.kind.table)
        new, changed, gone = [], [], []
        for key, row in self.now.items():
            was = self.read.get(key)
            if row is was:
                continue
            if row is None:
                gone.append(key)
            elif was is None:
                new.append(values(row))
            elif row != was:
                changed.append((row, key))
        table, key_names = self.kind.table, self.kind.key_names
        bulk.delete(conn, table, key_names, gone)
        if changed:
            names, of = _changeable(table)
            bulk.update(conn, table, names, key_names, [of(row) + key for row, key in changed])
        bulk.insert(conn, table, names_of(table), new)


def _lock(kind: Kind[Any]) -> str:
    if not kind.locked or kind.rank >= Rank.GUARDED:
        return ""
    return "FOR UPDATE SKIP LOCKED" if kind.skip_locked else "FOR UPDATE"


# Made once a table: these are called for each row.


@cache
def names_of(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


@cache
def column_values(table: Table) -> Callable[[Any], tuple[Any, ...]]:
    """Takes a row's values, in the order of ``names_of``."""
    return _getter(names_of(table))


@cache
def key_getter(kind: Kind[Any]) -> Callable[[Any], Key]:
    return _getter(kind.key_names)


@cache
def _changeable(table: Table) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """All columns but the primary key's."""
    names = tuple(column.name for column in table.columns if not column.primary_key)
    return names, _getter(names)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) != 1:
        return attrgetter(*names) if names else lambda row: ()
    one = attrgetter(names[0])
    return lambda row: (one(row),)
