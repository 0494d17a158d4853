"""Deleting a comment: the text goes from log, snapshots, recovery and replay; the staff's note keeps it."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from moderation.audit import AuditTrail
from moderation.permissions import Action
from moderation.standing import RoomStanding
from rooms.commands import DeleteComment
from rooms.errors import Refused
from rooms.heads import EVENTS, ROOMS, USERS
from rooms.log import Visibility, checkpoints, room_events, unquote, without_text
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit


class Deletions:
    """The command ``moderate.delete``."""

    def __init__(self, standing: RoomStanding, audit: AuditTrail) -> None:
        self._standing = standing
        self._audit = audit

    def delete(self, tx: Unit, cmd: DeleteComment, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``outranked``, ``not_found`` (also when it is deleted already)."""
        author = read_author(tx.conn, cmd.event)
        yield USERS.rows(author or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, author)
        yield EVENTS.rows(cmd.event)
        tx.room(cmd.room)
        actor = self._standing.require(tx, cmd.room, caller, Action.DELETE_COMMENT)
        event = tx.get(EVENTS, cmd.event)
        if event is None or event.room_id != cmd.room or event.kind != "comment":
            raise Refused("not_found", "There is no such comment in this room.")
        if event.visibility == Visibility.DELETED:
            raise Refused("not_found", "This comment is deleted already.")
        if event.user_id is not None and event.user_id != caller.id:
            author_role = self._standing.role_of_user(tx, cmd.room, event.user_id)
            self._standing.refuse_outranked(actor, author_role)
        wire = orjson.loads(event.body)
        tx.put(EVENTS, without_text(event, (event.id,)))
        tx.append(cmd.room, "comment.deleted", {"id": event.id})
        tx.news.redacted.setdefault(cmd.room, []).append(event.id)
        tx.at_flush(lambda conn: unquote_replies(conn, event.id))
        tx.at_flush(lambda conn: forget_checkpoints(conn, cmd.room, event.offset))
        if event.user_id is not None:
            tx.tell(event.user_id, "comment_deleted", {"id": event.id}, room_id=cmd.room)
        note = {"id": event.id, "user": wire.get("user"), "text": wire["data"]["text"], "by": caller.card}
        tx.brief(cmd.room, "comment_deleted", note)
        self._audit.note(tx, cmd.room, caller, "moderate.delete", event.id, {"text": wire["data"]["text"]})
        return {}


def read_author(conn: Connection, event_id: str) -> str | None:
    """Who wrote an entry of the log; that never changes, so no lock is needed."""
    query = select(room_events.c.user_id).where(room_events.c.id == event_id)
    return conn.scalar(query)


def unquote_replies(conn: Connection, event_id: str) -> None:
    """The words of a deleted comment go from the replies that quote them too."""
    quoting = select(room_events.c.id, room_events.c.body).where(room_events.c.reply_to == event_id)
    bare = [{"reply_id": r.id, "bare": unquote(r.body)} for r in conn.execute(quoting)]
    if bare:
        statement = room_events.update().where(room_events.c.id == bindparam("reply_id"))
        conn.execute(statement.values(body=bindparam("bare"), reply_to=None), bare)


def forget_checkpoints(conn: Connection, room_id: str, offset: int) -> None:
    """Checkpoints that may hold the text go; the next newcomer's fold makes a new one."""
    conn.execute(checkpoints.delete().where(checkpoints.c.room_id == room_id, checkpoints.c.offset >= offset))
