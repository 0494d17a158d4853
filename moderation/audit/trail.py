"""Writing the trails: an entry is chained to the one before it in the transaction of the deed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from moderation.audit.chain import SALT_BYTES, START, Details, Link, facts_of, link, what_digest, who_digest
from moderation.audit.tables import chain_table, details_table, heads_table
from moderation.permissions import Role
from moderation.standing import MEMBERS
from rooms import bulk
from rooms.arrays import array
from rooms.heads import ROOMS
from rooms.ports import SYSTEM, Caller
from rooms.rows import column_values, names_of, new_id
from rooms.unit import Unit

BY_SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Note:
    """An entry that is yet to get its place in a trail."""

    trail: str
    at_ms: int
    actor: Caller
    action: str
    target: str
    detail: bytes
    facts: str


class AuditTrail:
    """Implements the rooms' ``Audit`` port. Asks for no rows: the trails' heads are locked when the unit is
    written, after everything else."""

    def note(
        self, tx: Unit, room_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        facts = facts_of(detail, role_in(tx, room_id, actor))
        note = Note(room_id, tx.now_ms, actor, action, target, orjson.dumps(detail), facts)
        tx.at_end(write_notes, note)

    def note_of_seller(
        self, tx: Unit, seller_id: str, actor: Caller, action: str, target: str, detail: dict[str, Any]
    ) -> None:
        self.note(tx, trail_of_seller(seller_id), actor, action, target, detail)


def trail_of_seller(seller_id: str) -> str:
    """The name of a seller's trail, which no room can have. Ids of users are longer than those of rooms."""
    return "@" + hashlib.sha256(seller_id.encode()).hexdigest()[:48]


def role_in(tx: Unit, room_id: str, actor: Caller) -> str:
    """What somebody acted as: ``system``, or the role as far as this unit has read it; "" if it hasn't."""
    if actor == SYSTEM:
        return BY_SYSTEM
    if actor.operator:
        return Role.OPERATOR.value
    if actor.id is None:
        return Role.GUEST.value
    room = tx.get(ROOMS, room_id) if tx.asked(ROOMS, room_id) else None
    if room is not None and room.host_id == actor.id:
        return Role.HOST.value
    if not tx.asked(MEMBERS, room_id, actor.id):
        return ""
    member = tx.get(MEMBERS, room_id, actor.id)
    return member.role if member else Role.VIEWER.value


def write_notes(conn: Connection, notes: Sequence[Note]) -> None:
    """Give the notes their places, in their order, and write them: two round trips, whatever their number.
    The trails' heads stay locked until the transaction is over, so no two links can have the same place or
    the same one before them; they are locked in the order of the trails' names, and nothing is locked after
    them, so nobody waits in a circle."""
    heads = _lock_heads(conn, sorted({note.trail for note in notes}))
    new = {trail for trail, (seq, _) in heads.items() if seq == 0}
    links, details = [], []
    for note in notes:
        seq, prev_hash = heads[note.trail]
        chained, personal = chain(note, seq + 1, prev_hash)
        heads[note.trail] = seq + 1, chained.hash
        links.append(_LINK(chained))
        details.append(_DETAILS(personal))
    if conn.dialect.name == "postgresql":
        moved = [(trail, *head) for trail, head in heads.items()]
        columns = [array(column) for rows in (links, details, moved) for column in zip(*rows, strict=True)]
        conn.exec_driver_sql(_WRITE, tuple(columns))
        return
    bulk.insert(conn, chain_table, names_of(chain_table), links)
    bulk.insert(conn, details_table, names_of(details_table), details)
    _move_heads(conn, heads, new)


def chain(note: Note, seq: int, prev_hash: bytes) -> tuple[Link, Details]:
    """The note at its place, with fresh salts."""
    entry_id, salts = new_id(), os.urandom(2 * SALT_BYTES)
    who_salt, what_salt = salts[:SALT_BYTES], salts[SALT_BYTES:]
    actor_id = note.actor.id or ""
    chained = link(
        note.trail,
        seq,
        prev_hash,
        entry_id=entry_id,
        at_ms=note.at_ms,
        action=note.action,
        facts=note.facts,
        who=who_digest(who_salt, entry_id, actor_id, note.actor.name),
        what=what_digest(what_salt, entry_id, note.target, note.detail),
    )
    personal = Details(
        note.trail, seq, who_salt, actor_id, note.actor.name, what_salt, note.target, note.detail
    )
    return chained, personal


_LINK, _DETAILS = column_values(chain_table), column_values(details_table)


def _values(table: Table) -> str:
    """A table's rows for PostgreSQL, an array a column."""
    return f"unnest({', '.join(f'%s::{bulk.array_type(column)}' for column in table.columns)})"


def _insert(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM {_values(table)}"  # noqa: S608  only names


# All three in one: a round trip is most of what a note costs.
_WRITE = f"""
WITH links AS ({_insert(chain_table)}), details AS ({_insert(details_table)})
UPDATE audit_heads SET seq = v.seq, hash = v.hash
FROM {_values(heads_table)} AS v(trail, seq, hash) WHERE audit_heads.trail = v.trail
"""  # noqa: S608
_LOCK = """
INSERT INTO audit_heads (trail, seq, hash)
SELECT trail, 0, ''::bytea FROM unnest(%s::text[]) AS v(trail)
ON CONFLICT (trail) DO UPDATE SET seq = audit_heads.seq
RETURNING trail, seq, hash
"""


def _lock_heads(conn: Connection, trails: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """The heads of the trails, locked in this order. On PostgreSQL one that isn't there yet is made in the
    same breath: looked up first and inserted then, two newcomers could meet in the wrong order."""
    if conn.dialect.name == "postgresql":
        found = conn.exec_driver_sql(_LOCK, (array(trails),))
        return {trail: (seq, bytes(last) or START) for trail, seq, last in found}
    keys = [(trail,) for trail in trails]
    known = {trail: (seq, last) for trail, seq, last in bulk.select(conn, heads_table, ("trail",), keys)}
    return {trail: known.get(trail, (0, START)) for trail in trails}


def _move_heads(conn: Connection, heads: dict[str, tuple[int, bytes]], new: set[str]) -> None:
    made = [(trail, *head) for trail, head in heads.items() if trail in new]
    moved = [(*head, trail) for trail, head in heads.items() if trail not in new]
    bulk.insert(conn, heads_table, names_of(heads_table), made)
    bulk.update(conn, heads_table, ("seq", "hash"), ("trail",), moved)
