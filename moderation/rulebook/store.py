"""Where rulebooks are kept: each scope's rules and word lists, and a version that grows with each change.

A scope is a room's id, or ``*`` for the platform. All changes take the lock of one row, the head, and count
it up: so versions are committed in their order, and who has seen version n asks for what came after n.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, String, Table, Text, select, text

from moderation.rulebook.effective import NOTHING_CHOSEN, Chosen
from rooms.rows import Kind, Rank
from rooms.schema import metadata

PLATFORM = "*"
HEAD = ""
"""The scope whose row counts all changes."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A scope's last change; and how much its lists hold, as that is bounded."""

    scope: str
    version: int
    lists: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class RulesRow:
    """What a scope has chosen, as JSON."""

    scope: str
    chosen: bytes
    version: int
    by_name: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ListRow:
    """A word list, as it was handed in. ``form`` is how ``body`` is written: ``toml``, ``txt`` or ``csv``."""

    scope: str
    name: str
    form: str
    body: str
    entries: int
    version: int
    by_name: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ListHead:
    """The same without its body."""

    name: str
    form: str
    entries: int
    version: int
    by_name: str
    at_ms: int


versions_table = Table(
    "rule_versions",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False, index=True),
    Column("lists", Integer, nullable=False),
    Column("entries", Integer, nullable=False),
)
rules_table = Table(
    "room_rules",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("chosen", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
lists_table = Table(
    "word_lists",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("form", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

VERSIONS: Kind[VersionRow] = Kind(versions_table, VersionRow, Rank.RULE_VERSIONS)
RULES: Kind[RulesRow] = Kind(rules_table, RulesRow, Rank.RULES)
LISTS: Kind[ListRow] = Kind(lists_table, ListRow, Rank.RULES)

# Neither database has anything to lock before there is a row.
_MAKE_HEAD = text(
    "INSERT INTO rule_versions (scope, version, lists, entries) VALUES ('', 0, 0, 0) ON CONFLICT DO NOTHING"
)


def make_head(conn: Connection) -> None:
    """Have a head to lock. Costs nothing and locks nothing once there is one."""
    conn.execute(_MAKE_HEAD)


def read_head(conn: Connection) -> int:
    """The version of the last change of all."""
    return read_version(conn, HEAD)


def read_changed(conn: Connection, after: int) -> dict[str, int]:
    """Scopes that have changed after version ``after``, with the version of their last change."""
    columns = versions_table.c
    query = select(columns.scope, columns.version).where(columns.version > after, columns.scope != HEAD)
    return {r.scope: r.version for r in conn.execute(query)}


def read_version(conn: Connection, scope: str) -> int:
    """The version of a scope's last change; 0: there has been none."""
    return int(conn.scalar(select(versions_table.c.version).where(versions_table.c.scope == scope)) or 0)


def read_chosen(conn: Connection, scope: str) -> tuple[Chosen, int]:
    """What a scope has chosen, and the version of that; 0: it never has."""
    row = read_rules(conn, scope)
    return (NOTHING_CHOSEN, 0) if row is None else (decode(row.chosen), row.version)


def read_rules(conn: Connection, scope: str) -> RulesRow | None:
    found = conn.execute(select(rules_table).where(rules_table.c.scope == scope)).one_or_none()
    return None if found is None else RulesRow(*found)


def read_list(conn: Connection, scope: str, name: str) -> ListRow | None:
    columns = lists_table.c
    found = conn.execute(select(lists_table).where(columns.scope == scope, columns.name == name))
    row = found.one_or_none()
    return None if row is None else ListRow(*row)


def read_list_heads(conn: Connection, scope: str) -> list[ListHead]:
    """A scope's lists without their bodies, by name."""
    c = lists_table.c
    query = select(c.name, c.form, c.entries, c.version, c.by_name, c.at_ms)
    return [ListHead(*r) for r in conn.execute(query.where(c.scope == scope).order_by(c.name))]


def read_lists(conn: Connection, scope: str, names: Collection[str]) -> list[ListRow]:
    """Some of a scope's lists, by name."""
    c = lists_table.c
    query = select(lists_table).where(c.scope == scope, c.name.in_(list(names))).order_by(c.name)
    return [ListRow(*r) for r in conn.execute(query)]


def encode(chosen: Chosen) -> bytes:
    return orjson.dumps({"rules": dict(chosen.rules), "firm": list(chosen.firm)})


def decode(stored: bytes) -> Chosen:
    found = orjson.loads(stored)
    return Chosen(found["rules"], tuple(found["firm"]))
