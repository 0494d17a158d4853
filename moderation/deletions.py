"""Deleting a comment, and masking one: the text goes from log, snapshots, recovery, replay and remembered
answers; the staff's note keeps it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select

from moderation.audit import AuditTrail
from moderation.permissions import Action
from moderation.standing import RoomStanding
from rooms.commands import DeleteComment, MaskComment
from rooms.corrections import MASK, Corrections
from rooms.errors import Refused
from rooms.heads import EVENTS, ROOMS, USERS
from rooms.log import LogEvent, Visibility, checkpoints, room_events, write_events
from rooms.ports import Answered, Caller
from rooms.rows import Steps
from rooms.unit import Unit


@dataclass(frozen=True, slots=True)
class _Target:
    """A comment that somebody may act on, as it was before."""

    event: LogEvent
    user: dict[str, Any] | None
    text: str


class Deletions:
    """The commands ``moderate.delete`` and ``moderate.mask``. ``answered`` corrects what people were answered
    when they commented; ``deleted(tx, room, event, by)`` is told of each deletion in its transaction, with
    the room locked: what else is settled by it."""

    def __init__(
        self,
        standing: RoomStanding,
        audit: AuditTrail,
        answered: Answered,
        deleted: Callable[[Unit, str, str, Caller], None] = lambda tx, room_id, event_id, caller: None,
    ) -> None:
        self._standing = standing
        self._audit = audit
        self._answered = answered
        self._deleted = deleted

    def delete(self, tx: Unit, cmd: DeleteComment, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``outranked``, ``not_found`` (also when it is deleted already)."""
        target = yield from self._target(tx, cmd, caller)
        event = target.event
        self._correct(tx, event, Corrections(deleted=frozenset((event.id,))))
        tx.append(cmd.room, "comment.deleted", {"id": event.id})
        self._tell(tx, "comment_deleted", target, {"id": event.id}, caller)
        self._deleted(tx, cmd.room, event.id, caller)
        self._audit.note(tx, cmd.room, caller, "moderate.delete", event.id, {"text": target.text})
        return {}

    def mask(self, tx: Unit, cmd: MaskComment, caller: Caller) -> Steps[Any]:
        """Refuses as ``delete`` does; ``not_found`` also when it is masked already."""
        target = yield from self._target(tx, cmd, caller)
        event = target.event
        if event.data.get("masked"):
            raise Refused("not_found", "This comment is masked already.")
        self._correct(tx, event, Corrections(masks={event.id: MASK}))
        tx.append(cmd.room, "comment.masked", {"id": event.id, "text": MASK})
        self._tell(tx, "comment_masked", target, {"id": event.id, "text": MASK}, caller)
        self._audit.note(tx, cmd.room, caller, "moderate.mask", event.id, {"text": target.text})
        return {"text": MASK}

    def _target(self, tx: Unit, cmd: DeleteComment | MaskComment, caller: Caller) -> Steps[_Target]:
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
        wire = orjson.loads(event.body)
        if event.visibility == Visibility.DELETED or wire["data"].get("deleted"):
            raise Refused("not_found", "This comment is deleted already.")
        if event.user_id is not None and event.user_id != caller.id:
            author_role = self._standing.role_of_user(tx, cmd.room, event.user_id)
            self._standing.refuse_outranked(actor, author_role)
        return _Target(event, wire.get("user"), wire["data"]["text"])

    def _correct(self, tx: Unit, event: LogEvent, by: Corrections) -> None:
        corrected = tx.put(EVENTS, by.of(event))
        tx.at_flush(lambda conn: correct_others(conn, (corrected,), by, self._answered))
        tx.at_flush(lambda conn: forget_checkpoints(conn, event.room_id, event.offset))

    def _tell(self, tx: Unit, kind: str, target: _Target, data: dict[str, Any], caller: Caller) -> None:
        """The comment's author, and the staff."""
        event = target.event
        if event.user_id is not None:
            tx.tell(event.user_id, kind, data, room_id=event.room_id)
        note = {"id": event.id, "user": target.user, "text": target.text, "by": caller.card}
        tx.brief(event.room_id, kind, note)


def read_author(conn: Connection, event_id: str) -> str | None:
    """Who wrote an entry of the log; that never changes, so no lock is needed."""
    query = select(room_events.c.user_id).where(room_events.c.id == event_id)
    return conn.scalar(query)


def correct_others(
    conn: Connection, corrected: Sequence[LogEvent], by: Corrections, answered: Answered
) -> None:
    """The words that were taken back go from the replies that quote them, too, and from what all of those
    who said these were answered."""
    ids = [event.id for event in corrected]
    query = select(room_events).where(room_events.c.reply_to.in_(ids))
    replies = [by.of(LogEvent(*record)) for record in conn.execute(query)]
    write_events(conn, replies)
    answered.correct(conn, [*corrected, *replies])


def forget_checkpoints(conn: Connection, room_id: str, offset: int) -> None:
    """Checkpoints that may hold the text go; the next newcomer's fold makes a new one."""
    conn.execute(checkpoints.delete().where(checkpoints.c.room_id == room_id, checkpoints.c.offset >= offset))
