"""Deleting all that somebody has said in a room, however much that is.

One entry of the log says so, and is in effect at once: whoever shows comments goes by it
(``rooms/corrections.py``). The comments' rows lose their words in portions, the newest first: some in the
transaction of the command, the rest in transactions of their own, until none is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, func, select

from moderation.audit import AuditTrail
from moderation.deletions import correct_others, forget_checkpoints
from moderation.permissions import Action
from moderation.standing import RoomStanding
from rooms.commands import PurgeComments
from rooms.corrections import Corrections, Purge
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, RoomRow, TimerRow
from rooms.log import LogEvent, Visibility, room_events, write_events
from rooms.ports import Answered, Caller
from rooms.rows import Steps
from rooms.unit import Unit

PURGE_TIMER = "purge"
AT_ONCE = 200
"""Comments that lose their words in the transaction of the command itself."""
NOTED = 50
"""Of so many, the newest, the trail keeps the words."""

_c = room_events.c


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is to be purged; ``texts`` are the newest."""

    first: int
    count: int
    texts: list[str]


class Purges:
    """The command ``moderate.purge``, and the portions that follow it. ``purged(tx, room, purge, by)`` is told
    of each in its transaction, with the room locked: what else is settled by it."""

    def __init__(
        self,
        standing: RoomStanding,
        audit: AuditTrail,
        answered: Answered,
        purged: Callable[[Unit, str, Purge, Caller], None] = lambda tx, room_id, span, caller: None,
    ) -> None:
        self._standing = standing
        self._audit = audit
        self._answered = answered
        self._purged = purged

    def purge(self, tx: Unit, cmd: PurgeComments, caller: Caller) -> Steps[Any]:
        """Can't be undone. Refuses with ``forbidden``, ``outranked``, ``not_found``: there is nothing."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        room = tx.room(cmd.room)
        actor = self._standing.require(tx, cmd.room, caller, Action.PURGE)
        if cmd.user != caller.id:
            self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, cmd.room, cmd.user))
        found = _find(tx, room, cmd)
        if not found.count:
            raise Refused("not_found", "There is nothing of theirs to be deleted.")
        # All that is in the log before this entry, what came just now and isn't written yet included.
        place = tx.head(cmd.room)
        said = {"user": cmd.user, "from": found.first, "to": place}
        tx.append(cmd.room, "comment.purged", said)
        span = Purge(cmd.user, found.first, place)
        tx.at_flush(lambda conn: self._redact(conn, span, _read(conn, room, span, AT_ONCE)))
        tx.at_flush(lambda conn: forget_checkpoints(conn, room.id, span.first))
        if found.count > AT_ONCE:
            tx.wake(PURGE_TIMER, f"{span.first}:{span.to}:{span.user_id}", cmd.room, tx.now_ms)
        self._tell(tx, cmd, caller, said, found)
        self._purged(tx, cmd.room, span, caller)
        return {"count": found.count}

    def _tell(
        self, tx: Unit, cmd: PurgeComments, caller: Caller, said: dict[str, Any], found: _Found
    ) -> None:
        user = tx.get(USERS, cmd.user)
        who = {"id": cmd.user, "name": user.name if user else ""}
        told = {"from": said["from"], "to": said["to"], "count": found.count}
        tx.tell(cmd.user, "comments_purged", told, room_id=cmd.room)
        tx.brief(cmd.room, "comments_purged", {"user": who, "count": found.count, "by": caller.card})
        detail = {"user": who, **told, "since_ms": cmd.since_ms, "texts": found.texts}
        self._audit.note(tx, cmd.room, caller, "moderate.purge", cmd.user, detail)

    def portion(self, tx: Unit, timer: TimerRow, to: int, limit: int) -> Steps[Any]:
        """The next ``limit`` comments up to the offset ``to``. Answers ``{to}``: where the next portion ends,
        None: that was all. Safe to do twice."""
        yield TIMERS.rows(timer.id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {"to": None}
        room, span = tx.room(timer.room_id), span_of(timer)
        events = _read(tx.conn, room, Purge(span.user_id, span.first, to), limit)
        tx.at_flush(lambda conn: self._redact(conn, span, events))
        if len(events) < limit:
            tx.drop(TIMERS, timer.id)
            return {"to": None}
        return {"to": events[-1].offset - 1}

    def _redact(self, conn: Connection, span: Purge, events: list[LogEvent]) -> None:
        """Take the words out of these rows, and out of the replies that quote them."""
        if not events:
            return
        by = Corrections(purges=(span,))
        redacted = [by.of(event) for event in events]
        write_events(conn, redacted)
        correct_others(conn, redacted, by, self._answered)


def span_of(timer: TimerRow) -> Purge:
    first, to, user_id = timer.ref.split(":", 2)
    return Purge(user_id, int(first), int(to))


def _rows_of(room: RoomRow, span: Purge) -> Select[Any]:
    return select(room_events).where(
        _c.room_id == room.id,
        _c.user_id == span.user_id,
        _c.epoch == room.epoch,
        _c.offset >= span.first,
        _c.offset <= span.to,
        _c.kind == "comment",
        _c.visibility != Visibility.DELETED.value,
    )


def _read(conn: Connection, room: RoomRow, span: Purge, limit: int) -> list[LogEvent]:
    """The newest rows of the span that still have their words."""
    query = _rows_of(room, span).order_by(_c.offset.desc()).limit(limit)
    return [LogEvent(*record) for record in conn.execute(query)]


def _find(tx: Unit, room: RoomRow, cmd: PurgeComments) -> _Found:
    """What is in the log, and what this unit has put into it."""
    fresh = [e for e in tx.news.events if (e.room_id, e.user_id, e.kind) == (room.id, cmd.user, "comment")]
    rows = _rows_of(room, Purge(cmd.user, 1, room.head)).where(_c.at_ms >= (cmd.since_ms or 0))
    within = rows.with_only_columns(func.count(), func.min(_c.offset))
    count, first = tx.conn.execute(within).one()
    newest = tx.conn.execute(rows.with_only_columns(_c.body).order_by(_c.offset.desc()).limit(NOTED))
    bodies = [event.body for event in reversed(fresh)] + list(newest.scalars())
    texts = [orjson.loads(body)["data"].get("text", "") for body in bodies[:NOTED]]
    start = 1 if cmd.since_ms is None else first or (fresh[0].offset if fresh else 1)
    return _Found(start, count + len(fresh), texts)
