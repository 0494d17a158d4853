"""The table of keys: the same command with the same key is answered once and carried out once.

A key is inserted before anything else in the transaction, so that a repeat on another node waits for the
first one's outcome. Successes and final refusals are kept for seven days; temporary refusals are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, bindparam, select, tuple_
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from sqlalchemy.dialects import postgresql, sqlite

from rooms.rows import by_first_columns, match_first_columns
from rooms.schema import metadata

KEPT_MS = 7 * 24 * 3600 * 1000

command_keys = Table(
    "command_keys",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("command", String(32), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("request", LargeBinary(16), nullable=False),
    Column("answer", LargeBinary),
    Column("at_ms", BigInteger, nullable=False, index=True),
)

_COLUMNS = (command_keys.c.user_id, command_keys.c.command, command_keys.c.key)


@dataclass(frozen=True, slots=True, order=True)
class CommandKey:
    """Whose command, which command, and the key that the client chose."""

    user_id: str
    command: str
    key: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a known key was used for: a hash of the request, and the answer that it got."""

    request: bytes
    answer: bytes


def claim(
    conn: Connection, wanted: dict[CommandKey, bytes], now_ms: int
) -> tuple[set[CommandKey], dict[CommandKey, Remembered]]:
    """Insert the keys (``wanted`` maps them to request hashes); gives those that are new, and the known ones.

    On PostgreSQL this waits for a transaction on another node that holds one of them.
    """
    if not wanted:
        return set(), {}
    rows = [
        {"user_id": k.user_id, "command": k.command, "key": k.key, "request": wanted[k], "at_ms": now_ms}
        for k in sorted(wanted)
    ]
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(command_keys).on_conflict_do_nothing().returning(*_COLUMNS)
    new = {CommandKey(*record) for record in conn.execute(insert, rows)}
    known_keys = [(k.user_id, k.command, k.key) for k in wanted if k not in new]
    known = {}
    if known_keys:
        for values in by_first_columns(known_keys):
            for user_id, command, key, request, answer in conn.execute(_KNOWN, values):
                known[CommandKey(user_id, command, key)] = Remembered(request, answer)
    return new, known


_KNOWN = select(*_COLUMNS, command_keys.c.request, command_keys.c.answer).where(
    *match_first_columns(_COLUMNS)
)


_MATCH = [c == bindparam(f"k_{c.name}") for c in _COLUMNS]
_SET_ANSWER = sql_update(command_keys).where(*_MATCH).values(answer=bindparam("new_answer"))
_FORGET = sql_delete(command_keys).where(*_MATCH)


def _bound(key: CommandKey) -> dict[str, Any]:
    return {"k_user_id": key.user_id, "k_command": key.command, "k_key": key.key}


def remember(conn: Connection, answers: Sequence[tuple[CommandKey, bytes]]) -> None:
    if answers:
        conn.execute(_SET_ANSWER, [_bound(key) | {"new_answer": answer} for key, answer in answers])


def forget(conn: Connection, keys: Iterable[CommandKey]) -> None:
    rows = [_bound(key) for key in keys]
    if rows:
        conn.execute(_FORGET, rows)


def prune(conn: Connection, now_ms: int, *, limit: int = 2000) -> int:
    """Drop keys older than seven days, a bounded number at a time; gives how many went."""
    old = (
        select(*_COLUMNS)
        .where(command_keys.c.at_ms < now_ms - KEPT_MS)
        .order_by(command_keys.c.at_ms)
        .limit(limit)
    )
    return conn.execute(sql_delete(command_keys).where(tuple_(*_COLUMNS).in_(old))).rowcount
