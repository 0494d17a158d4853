"""Notes on people, which a room's staff write for each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, Text, func, select

from moderation.permissions import Action
from moderation.standing import RoomStanding
from rooms.commands import Id, Keyed, RawText, UserId
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.ports import Audit, Caller, TextRules
from rooms.rows import Kind, Rank, Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit

NOTE_CHARS = 500
NOTES_MAX = 50
"""On one person in one room."""


@dataclass(frozen=True, slots=True)
class NoteRow:
    """What one of a room's staff has written about somebody, for the others."""

    id: str
    room_id: str
    user_id: str
    text: str
    by_id: str
    by_name: str
    at_ms: int

    def wire(self) -> dict[str, Any]:
        by = {"id": self.by_id, "name": self.by_name}
        return {"id": self.id, "user": self.user_id, "text": self.text, "by": by, "at_ms": self.at_ms}


notes_table = Table(
    "user_notes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("by_id", String(128), nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_user_notes", "room_id", "user_id", "id"),
)

NOTES: Kind[NoteRow] = Kind(notes_table, NoteRow, Rank.GUARDED)


class WriteNote(Keyed):
    user: UserId
    text: RawText


class NoteRef(Keyed):
    note: Id


class Notes:
    """The commands ``moderate.note`` and ``moderate.note.delete``."""

    def __init__(self, standing: RoomStanding, texts: TextRules, audit: Audit) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit

    def write(self, tx: Unit, cmd: WriteNote, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, ``text_…``, ``too_many``."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        self._standing.require(tx, cmd.room, caller, Action.NOTE_USER)
        if tx.get(USERS, cmd.user) is None:
            raise Refused("not_found", "There is no such user.")
        text = self._texts.clean(cmd.text, NOTE_CHARS)
        if count_notes(tx.conn, cmd.room, cmd.user) >= NOTES_MAX:
            raise Refused("too_many", "Delete an older note first.", details={"limit": NOTES_MAX})
        note = NoteRow(new_id(), cmd.room, cmd.user, text, caller.id or "", caller.name, tx.now_ms)
        tx.put(NOTES, note)
        tx.brief(cmd.room, "noted", {"note": note.wire()})
        self._audit.note(tx, cmd.room, caller, "moderate.note", cmd.user, {"note": note.id, "text": text})
        return {"note": note.wire()}

    def delete(self, tx: Unit, cmd: NoteRef, caller: Caller) -> Steps[Any]:
        """One's own note, or that of somebody below. Refuses with ``forbidden``, ``outranked``,
        ``not_found``."""
        author = tx.conn.scalar(select(notes_table.c.by_id).where(notes_table.c.id == cmd.note))
        yield USERS.rows(author or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, author)
        yield NOTES.rows(cmd.note)
        actor = self._standing.require(tx, cmd.room, caller, Action.NOTE_USER)
        note = tx.get(NOTES, cmd.note)
        if note is None or note.room_id != cmd.room:
            raise Refused("not_found", "There is no such note.")
        if note.by_id != caller.id:
            self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, cmd.room, note.by_id))
        tx.drop(NOTES, note.id)
        tx.brief(cmd.room, "note_deleted", {"id": note.id, "user": note.user_id})
        self._audit.note(tx, cmd.room, caller, "moderate.note.delete", note.user_id, {"note": note.id})
        return {}


def count_notes(conn: Connection, room_id: str, user_id: str) -> int:
    columns = notes_table.c
    query = select(func.count()).where(columns.room_id == room_id, columns.user_id == user_id)
    return conn.scalar(query) or 0


def read_notes(conn: Connection, room_id: str, user_id: str, *, limit: int = 100) -> list[NoteRow]:
    """A room's notes on somebody, the newest first."""
    query = select(notes_table).where(notes_table.c.room_id == room_id, notes_table.c.user_id == user_id)
    return [NoteRow(*row) for row in conn.execute(query.order_by(notes_table.c.id.desc()).limit(limit))]
