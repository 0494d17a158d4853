"""Engines on SQLite and PostgreSQL: how connections are set up so that a COMMIT means: it is on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

READERS = 4
CONNECT_TIMEOUT_S = 3
WRITE_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database."""
    return Path(make_url(url).database or "") if is_sqlite(url) else None


def open_writer(url: str, *, timeout_ms: int = WRITE_TIMEOUT_MS) -> Engine:
    """An engine with one connection, for the writer alone; its transactions lock as they begin.

    ``timeout_ms`` bounds a statement on PostgreSQL; 0: nothing does.
    """
    if is_sqlite(url):
        return _sqlite(url, begin="BEGIN IMMEDIATE", size=1)
    return create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args=_postgres_args(timeout_ms, _BY_KEY),
    )


def open_readers(url: str, *, size: int = READERS, timeout_ms: int = READ_TIMEOUT_MS) -> Engine:
    """An engine for reading: snapshots, history, lists; ``timeout_ms`` as for the writer."""
    if is_sqlite(url):
        return _sqlite(url, begin="BEGIN", size=size)
    return create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args=_postgres_args(timeout_ms),
    )


# For a few hundred keys the planner would rather read a whole table of some megabytes, each time. The writer
# finds its rows by their keys, whatever the tables come to.
_BY_KEY = "-c enable_seqscan=off"


def _postgres_args(statement_timeout_ms: int, options: str = "") -> dict[str, Any]:
    """Bounds for a host that has gone without a word: libpq would wait for minutes."""
    return {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": f"-c statement_timeout={statement_timeout_ms} {options}",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }


def _sqlite(url: str, *, begin: str, size: int) -> Engine:
    database = make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("SQLite needs a file: use sqlite:///path/to/danmart.db")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by the listener below, not by the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # NORMAL may lose the last commits when the power goes
            "foreign_keys=ON",
            "busy_timeout=30000",
            "temp_store=MEMORY",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        try:
            connection.connection.driver_connection.execute(begin)  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise DBAPIError.instance(begin, (), error, sqlite3.Error) from error

    return engine
