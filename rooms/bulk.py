"""Statements for many rows at once, one round trip each, on SQLite and PostgreSQL.

They go past SQLAlchemy's compiler, which would take longer over a row than the database does: SQL is made
once a table, parameters are handed to the driver as they are. PostgreSQL gets a column's values as one array,
where a statement a row would cost it a plan each; SQLite, which is in this process, takes rows one by one,
and is asked without SQLAlchemy's result in between, which takes longer to make than the rows to find.
"""
# ruff: noqa: S608  # only names of tables and columns are put into statements, never values

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    String,
    Table,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from rooms.arrays import array

Names = tuple[str, ...]
Key = tuple[Any, ...]

_DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}


def insert(conn: Connection, table: Table, names: Names, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, each the values of the columns ``names``."""
    _run(conn, _insert_sql(conn.dialect.name, table, names), table, names, rows)


def update(conn: Connection, table: Table, names: Names, key: Names, rows: Sequence[Sequence[Any]]) -> None:
    """Set the columns ``names`` of the rows that are found by the columns ``key``: a row has the values of
    the former, then those of the latter."""
    _run(conn, _update_sql(conn.dialect.name, table, names, key), table, names + key, rows)


def delete(conn: Connection, table: Table, key: Names, keys: Sequence[Key]) -> None:
    """Take the rows with these keys away."""
    _run(conn, _delete_sql(conn.dialect.name, table, key), table, key, keys)


def select(
    conn: Connection, table: Table, key: Names, keys: Sequence[Key], *, lock: str = ""
) -> Iterator[Sequence[Any]]:
    """The rows with these keys that there are, all columns. ``lock`` is ``FOR UPDATE …``, taken in the keys'
    order, on a database that knows row locks."""
    readers = _readers(conn.dialect.name, table)
    # Locks are taken in one order by everybody, so which column varies can't depend on the keys.
    for place, others, values in by_one_column(keys, last=bool(lock)):
        sql = _select_sql(conn.dialect.name, table, key, place, lock)
        many = orjson.dumps(values).decode() if conn.dialect.name == "sqlite" else array(values)
        for record in fetch(conn, sql, (*others, many)):
            if not readers:
                yield record
                continue
            row = list(record)
            for index, read in readers:
                row[index] = read(row[index])
            yield row


def fetch(conn: Connection, sql: str, parameters: tuple[Any, ...]) -> Iterable[Sequence[Any]]:
    """The rows that a statement in the driver's own words gives, in the connection's transaction, which
    begins with it if need be. To be gone through before anything else is asked; raises, then at the latest,
    what SQLAlchemy raises."""
    if (driver := _direct(conn)) is None:
        return conn.exec_driver_sql(sql, parameters)
    return _rows(driver, sql, parameters)


def _rows(driver: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> Iterator[Sequence[Any]]:
    try:
        yield from driver.execute(sql, parameters)
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, parameters, error, sqlite3.Error) from error


def _execute_many(conn: Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """A statement for each of the rows, on SQLite."""
    if (driver := _direct(conn)) is None:
        conn.exec_driver_sql(sql, rows)
        return
    try:
        driver.executemany(sql, rows)
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, rows[:1], error, sqlite3.Error) from error


def _direct(conn: Connection) -> sqlite3.Connection | None:
    """SQLite's own connection, in a transaction; None: it is another database, or somebody listens to what is
    executed."""
    if conn.dialect.name != "sqlite" or conn.dispatch.before_cursor_execute:
        return None
    if not conn.in_transaction():
        conn.begin()
    driver = conn.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


def by_one_column(keys: Sequence[Key], *, last: bool = False) -> Iterator[tuple[int, Key, list[Any]]]:
    """Keys in bundles that differ in one column only, which both databases find by an index: the column's
    place, the other columns' values, and its values, sorted. That column is the ``last``, or else the one
    that makes the fewest bundles."""
    if not keys:
        return
    if len(keys[0]) == 1:
        yield 0, (), sorted([key[0] for key in keys])
        return
    others = [len({key[:n] + key[n + 1 :] for key in keys}) for n in range(len(keys[0]))]
    place = len(others) - 1 if last else others.index(min(others))

    def rest(key: Key) -> Key:
        return key[:place] + key[place + 1 :]

    for same, bundle in groupby(sorted(keys, key=lambda key: (rest(key), key[place])), key=rest):
        yield place, same, [key[place] for key in bundle]


def array_type(column: Column[Any]) -> str:
    """What PostgreSQL calls an array of a column's values. Of texts without their length: a cast to it would
    cut off silently what is too long, where storing it must fail."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, String):
        return "text[]"
    if isinstance(kind, LargeBinary):
        return "bytea[]"
    if isinstance(kind, Integer):
        return "bigint[]" if isinstance(kind, BigInteger) else "integer[]"
    return f"{kind.compile(_DIALECTS['postgresql'])}[]"


def _run(conn: Connection, sql: str, table: Table, names: Names, rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    writers = _writers(conn.dialect.name, table, names)
    if conn.dialect.name == "sqlite":
        if writers:
            rows = [_written(row, writers) for row in rows]
        _execute_many(conn, sql, [tuple(row) for row in rows])
        return
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for index, write in writers:
        columns[index] = list(map(write, columns[index]))
    conn.exec_driver_sql(sql, tuple(map(array, columns)))


def _written(row: Sequence[Any], writers: Sequence[tuple[int, Any]]) -> list[Any]:
    values = list(row)
    for index, write in writers:
        values[index] = write(values[index])
    return values


# What is made once.


@cache
def _writers(dialect: str, table: Table, names: Names) -> tuple[tuple[int, Any], ...]:
    """How values of types of our own become the database's, by place."""
    found = [(n, table.columns[name].type) for n, name in enumerate(names)]
    ours = [
        (n, kind.bind_processor(_DIALECTS[dialect])) for n, kind in found if isinstance(kind, TypeDecorator)
    ]
    return tuple((n, process) for n, process in ours if process is not None)


@cache
def _readers(dialect: str, table: Table) -> tuple[tuple[int, Any], ...]:
    ours = [
        (n, column.type.result_processor(_DIALECTS[dialect], None))
        for n, column in enumerate(table.columns)
        if isinstance(column.type, TypeDecorator)
    ]
    return tuple((n, process) for n, process in ours if process is not None)


def _quoted(dialect: str, names: Sequence[str]) -> list[str]:
    return [_DIALECTS[dialect].identifier_preparer.quote(name) for name in names]


def _values(dialect: str, table: Table, names: Names, *, called: str) -> str:
    """PostgreSQL's arrays as a table of rows, in the order given."""
    return f"unnest({_arrays(table, names)}) AS {called}({', '.join(_quoted(dialect, names))})"


def _arrays(table: Table, names: Names) -> str:
    return ", ".join(f"%s::{array_type(table.columns[name])}" for name in names)


@cache
def _insert_sql(dialect: str, table: Table, names: Names) -> str:
    head = f"INSERT INTO {table.name} ({', '.join(_quoted(dialect, names))})"
    if dialect == "sqlite":
        return f"{head} VALUES ({', '.join('?' * len(names))})"
    return f"{head} SELECT * FROM {_values(dialect, table, names, called='v')}"


@cache
def _update_sql(dialect: str, table: Table, names: Names, key: Names) -> str:
    columns, keys = _quoted(dialect, names), _quoted(dialect, key)
    if dialect == "sqlite":
        sets = ", ".join(f"{name} = ?" for name in columns)
        return f"UPDATE {table.name} SET {sets} WHERE {' AND '.join(f'{name} = ?' for name in keys)}"
    sets = ", ".join(f"{name} = v.{name}" for name in columns)
    found = _quoted(dialect, [f"k_{name}" for name in key])  # a column of the key may be set, too
    same = " AND ".join(f"{table.name}.{name} = v.{by}" for name, by in zip(keys, found, strict=True))
    values = f"unnest({_arrays(table, names + key)}) AS v({', '.join(columns + found)})"
    return f"UPDATE {table.name} SET {sets} FROM {values} WHERE {same}"


@cache
def _delete_sql(dialect: str, table: Table, key: Names) -> str:
    keys = _quoted(dialect, key)
    if dialect == "sqlite":
        return f"DELETE FROM {table.name} WHERE {' AND '.join(f'{name} = ?' for name in keys)}"
    same = " AND ".join(f"{table.name}.{name} = v.{name}" for name in keys)
    return f"DELETE FROM {table.name} USING {_values(dialect, table, key, called='v')} WHERE {same}"


@cache
def _select_sql(dialect: str, table: Table, key: Names, place: int, lock: str) -> str:
    keys = _quoted(dialect, key)
    columns = ", ".join(_quoted(dialect, [column.name for column in table.columns]))
    hole = "?" if dialect == "sqlite" else "%s"
    where = [f"{name} = {hole}" for n, name in enumerate(keys) if n != place]
    if dialect == "sqlite":
        where.append(f"{keys[place]} IN (SELECT value FROM json_each(?))")
        return f"SELECT {columns} FROM {table.name} WHERE {' AND '.join(where)}"
    where.append(f"{keys[place]} = ANY(%s::{array_type(table.columns[key[place]])})")
    order = f" ORDER BY {', '.join(keys)} {lock}" if lock else ""
    return f"SELECT {columns} FROM {table.name} WHERE {' AND '.join(where)}{order}"
