"""The table of keys: the same command with the same key is answered once and carried out once.

A key is claimed before anything else in the transaction, so that a repeat on another node waits for the
first one's outcome. Successes and final refusals are kept for seven days; temporary refusals are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, select, tuple_
from sqlalchemy import delete as sql_delete

from rooms import bulk
from rooms.arrays import array
from rooms.log import LogEvent
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


class CommandKey(NamedTuple):
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
    """Take the keys (``wanted`` maps them to request hashes); gives those that are new, and the known ones.

    On PostgreSQL they are inserted, and this waits for a transaction on another node that holds one of them.
    A writing transaction on SQLite is alone: there the new ones are inserted at the end, with their answers.
    """
    if not wanted:
        return set(), {}
    if conn.dialect.name == "sqlite":
        known = _known(conn, list(wanted))
        return wanted.keys() - known.keys(), known
    rows = [(*key, wanted[key], now_ms) for key in sorted(wanted)]
    columns = tuple(map(array, zip(*rows, strict=True)))
    new = {CommandKey(*record) for record in conn.exec_driver_sql(_CLAIM, columns)}
    return new, _known(conn, [key for key in wanted if key not in new])


_CLAIM = """
INSERT INTO command_keys (user_id, command, key, request, at_ms)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::bigint[])
ON CONFLICT DO NOTHING RETURNING user_id, command, key"""

# The keys are the outer loop (CROSS JOIN keeps SQLite from turning it round), each found by the primary key.
_KNOWN_SQLITE = """
SELECT k.user_id, k.command, k."key", k.request, k.answer FROM json_each(?) AS wanted
CROSS JOIN command_keys AS k ON k.user_id = json_extract(wanted.value, '$[0]')
AND k.command = json_extract(wanted.value, '$[1]') AND k."key" = json_extract(wanted.value, '$[2]')"""

_KNOWN = """
SELECT k.user_id, k.command, k.key, k.request, k.answer FROM command_keys AS k
JOIN unnest(%s::text[], %s::text[], %s::text[]) AS wanted(user_id, command, key)
ON k.user_id = wanted.user_id AND k.command = wanted.command AND k.key = wanted.key"""


def _known(conn: Connection, keys: list[CommandKey]) -> dict[CommandKey, Remembered]:
    if not keys:
        return {}
    if conn.dialect.name == "sqlite":
        found = bulk.fetch(conn, _KNOWN_SQLITE, (orjson.dumps([tuple(key) for key in keys]).decode(),))
    else:
        found = bulk.fetch(conn, _KNOWN, tuple(map(array, zip(*keys, strict=True))))
    return {
        CommandKey(user_id, command, key): Remembered(request, answer)
        for user_id, command, key, request, answer in found
    }


_NAMES = CommandKey._fields


def remember(conn: Connection, answers: Sequence[tuple[CommandKey, Remembered]], now_ms: int) -> None:
    """Keep what claimed keys were answered."""
    if conn.dialect.name == "sqlite":
        rows = [(*key, known.request, known.answer, now_ms) for key, known in answers]
        bulk.insert(conn, command_keys, (*_NAMES, "request", "answer", "at_ms"), rows)
    else:
        given = [(known.answer, *key) for key, known in answers]
        bulk.update(conn, command_keys, ("answer",), _NAMES, given)


def forget(conn: Connection, keys: Iterable[CommandKey]) -> None:
    """Let claimed keys go, as if they had never been used."""
    if conn.dialect.name != "sqlite":
        bulk.delete(conn, command_keys, _NAMES, list(keys))


def prune(conn: Connection, now_ms: int, *, limit: int = 2000) -> int:
    """Drop keys older than seven days, a bounded number at a time; gives how many went."""
    old = (
        select(*_COLUMNS)
        .where(command_keys.c.at_ms < now_ms - KEPT_MS)
        .order_by(command_keys.c.at_ms)
        .limit(limit)
    )
    return conn.execute(sql_delete(command_keys).where(tuple_(*_COLUMNS).in_(old))).rowcount


class AnsweredComments:
    """Implements the rooms' ``Answered`` port: without it a deleted comment would be in the answer to its
    command for as long as keys are kept."""

    def correct(self, conn: Connection, events: Sequence[LogEvent]) -> None:
        said: dict[str, dict[str, LogEvent]] = {}
        for event in events:
            if event.user_id is not None:
                said.setdefault(event.user_id, {})[event.id] = event
        for user_id, theirs in said.items():
            _correct(conn, user_id, theirs)


def _correct(conn: Connection, user_id: str, events: dict[str, LogEvent]) -> None:
    """A command's key has the time of its transaction, and so has the comment that it made: that finds one
    among all that somebody has said in a week."""
    query = select(*_COLUMNS, command_keys.c.answer).where(
        command_keys.c.user_id == user_id,
        command_keys.c.command == "comment",
        command_keys.c.at_ms.in_({event.at_ms for event in events.values()}),
    )
    changed = []
    for *key, answer in conn.execute(query):
        told = orjson.loads(answer) if answer is not None else {}
        event = events.get((told.get("event") or {}).get("id", ""))
        if event is not None:
            changed.append((orjson.dumps({**told, "event": orjson.Fragment(event.body)}), *key))
    bulk.update(conn, command_keys, ("answer",), _NAMES, changed)
