"""A room's life: created, live, interrupted, ended, live again; and its settings.

The picture drives the status (``live``, ``interrupted``, ``lost``, ``stopped``); the host may end the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from rooms.commands import ChangeRoom, CreateRoom, EndRoom, PauseRoom
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, RoomRow, TimerRow
from rooms.modes import settings_of
from rooms.origins import ORIGINS, let_go
from rooms.ports import SYSTEM, About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.shop.spotlight import stop_explaining
from rooms.unit import Unit
from rooms.wording import worded

TITLE_MAX_CHARS = 100
GRACE_TIMER = "room.grace"

Happening = Literal["publishing", "lost", "stopped", "gave_up"]

_NEXT: dict[tuple[str, Happening], str] = {
    ("idle", "publishing"): "live",
    ("ended", "publishing"): "live",
    ("interrupted", "publishing"): "live",
    ("live", "lost"): "interrupted",
    ("live", "stopped"): "ended",
    ("interrupted", "stopped"): "ended",
    ("interrupted", "gave_up"): "ended",
}


def next_status(status: str, happening: Happening) -> str | None:
    """The status after something happened to the picture; None: nothing changes."""
    return _NEXT.get((status, happening))


@dataclass(frozen=True, slots=True)
class LifecycleRules:
    """``grace_ms``: how long an interrupted room waits for its publisher. ``rooms_max``: in all."""

    grace_ms: int = 30_000
    rooms_max: int = 1000


class Lifecycle:
    """Creating, changing and ending rooms, and following the picture.

    When a room ends, timers of the kinds ``over_timers`` are set: what else ends with it has locks of its
    own, which come before the room's. ``on_air`` is told in the transaction in which a stream begins;
    ``has_picture`` says whether a room has a picture at this path.
    """

    def __init__(
        self,
        standing: Standing,
        texts: TextRules,
        audit: Audit,
        rules: LifecycleRules,
        over_timers: Collection[str] = (),
        on_air: Callable[[Unit, RoomRow], None] = lambda tx, room: None,
        has_picture: Callable[[Connection, str, str], bool] = lambda conn, room_id, path: False,
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._rules = rules
        self._over_timers = over_timers
        self._on_air = on_air
        self._has_picture = has_picture

    def create(self, tx: Unit, cmd: CreateRoom, caller: Caller) -> Steps[Any]:
        """Whoever creates a room is its host. Refuses with ``forbidden``, ``room_exists``, ``text_…``."""
        room_id = cmd.id or new_id()
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        if caller.id is None:
            raise Refused("unauthenticated")
        self._standing.refuse_banned(tx, room_id, caller)
        if not (caller.operator or caller.may_host):
            raise Refused("forbidden", "Creating rooms needs a token with the claim may_host.")
        if tx.get(ROOMS, room_id) is not None:
            raise Refused("room_exists")
        if (tx.conn.scalar(select(func.count()).select_from(ROOMS.table)) or 0) >= self._rules.rooms_max:
            raise Refused("too_many", details={"limit": self._rules.rooms_max})
        title = worded(self._texts, cmd.title, TITLE_MAX_CHARS, About("title", room_id, caller.id))
        tx.put(ROOMS, fresh_room(room_id, title, caller, public=cmd.public, now_ms=tx.now_ms))
        tx.append(room_id, "room.created", {"title": title, "host": caller.card})
        self._audit.note(tx, room_id, caller, "room.create", room_id, {"title": title})
        return {"room": room_id}

    def change(self, tx: Unit, cmd: ChangeRoom, caller: Caller) -> Steps[Any]:
        """Title and settings. Refuses with ``forbidden``, ``text_…``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_room")
        changes: dict[str, Any] = {
            name: value
            for name in ("slow_mode_s", "who_may_comment")
            if (value := getattr(cmd, name)) is not None and value != getattr(room, name)
        }
        if cmd.recording is not None:
            room = self._set_recording(tx, room, cmd.recording, caller)
        if cmd.title is not None:
            title = worded(self._texts, cmd.title, TITLE_MAX_CHARS, About("title", cmd.room, caller.id))
            if title != room.title:
                changes["title"] = title
        if changes:
            room = tx.put(ROOMS, replace(room, **changes))
            tx.append(cmd.room, "room.changed", changes)
            self._audit.note(tx, cmd.room, caller, "room.change", cmd.room, changes)
        return {
            "settings": settings_of(room) | {"recording": room.recording or "default"},
            "title": room.title,
        }

    def pause(self, tx: Unit, cmd: PauseRoom, caller: Caller) -> Steps[Any]:
        """Let viewers see a pause, or the picture again; ``picture`` is for this pause and interruptions.

        Refuses with ``forbidden``, ``not_live``, ``not_found`` for a picture that isn't the room's.
        """
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "publish")
        if cmd.picture is not None and not self._has_picture(tx.conn, cmd.room, cmd.picture):
            raise Refused("not_found", "The room has no such picture: upload it first.")
        if cmd.on and room.status not in ("live", "interrupted"):
            raise Refused("not_live")
        data = {"on": cmd.on, "picture": cmd.picture}
        tx.append(cmd.room, "room.pause", data)
        self._audit.note(tx, cmd.room, caller, "room.pause", cmd.room, data)
        return data

    def _set_recording(self, tx: Unit, room: RoomRow, mode: str, caller: Caller) -> RoomRow:
        """Nothing for the room's log: that says when something is recorded."""
        stored = "" if mode == "default" else mode
        if stored != room.recording:
            room = tx.put(ROOMS, replace(room, recording=stored))
            self._audit.note(tx, room.id, caller, "room.change", room.id, {"recording": mode})
        return room

    def end(self, tx: Unit, cmd: EndRoom, caller: Caller) -> Steps[Any]:
        """The host ends the stream. The lease goes with it: whichever node the publisher is at finds out that
        the room isn't its any more, and ends the publisher's session."""
        yield ORIGINS.rows(cmd.room)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "end_room")
        if self._move(tx, cmd.room, "stopped", reason="host"):
            self._audit.note(tx, cmd.room, caller, "room.end", cmd.room, {})
            if (lease := tx.get(ORIGINS, cmd.room)) is not None:
                let_go(tx, lease)
        return {}

    def picture(self, tx: Unit, room_id: str, happening: Happening, reason: str | None = None) -> Steps[Any]:
        """What happened to the room's picture. Safe to say twice."""
        yield ROOMS.rows(room_id)
        tx.room(room_id)
        self._move(tx, room_id, happening, reason=reason)
        return {"status": tx.room(room_id).status}

    def broken_off(self, tx: Unit, room_id: str) -> None:
        """The stream may not go on. The room must be locked; whoever calls ends the picture afterwards."""
        self._move(tx, room_id, "stopped", reason="moderation")

    def grace_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of an interruption: end the room if it is still interrupted since then."""
        yield TIMERS.rows(timer.id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        room = tx.get(ROOMS, timer.room_id)
        if room and room.status == "interrupted" and str(room.status_at_ms) == timer.ref:
            self._move(tx, room.id, "gave_up", reason="lost")
        return {}

    def _move(self, tx: Unit, room_id: str, happening: Happening, *, reason: str | None) -> bool:
        room = tx.room(room_id)
        status = next_status(room.status, happening)
        if status is None:
            return False
        started = tx.now_ms if status == "live" and room.status != "interrupted" else room.started_at_ms
        tx.put(
            ROOMS,
            replace(
                room,
                status=status,
                status_at_ms=tx.now_ms,
                started_at_ms=started,
                ended_at_ms=tx.now_ms if status == "ended" else None,
            ),
        )
        if status == "ended":
            stop_explaining(tx, room_id)
            for kind in self._over_timers:
                tx.wake(kind, room_id, room_id, tx.now_ms)
        data = {"status": status} | ({"reason": reason} if reason else {})
        tx.append(room_id, "room.status", data)
        if status == "live" and room.status != "interrupted":
            self._on_air(tx, tx.room(room_id))
        if status == "interrupted":
            # The media layer keeps this time too; the timer is for when this node dies in between.
            tx.wake(GRACE_TIMER, str(tx.now_ms), room_id, tx.now_ms + self._rules.grace_ms)
        return True


def fresh_room(room_id: str, title: str, host: Caller, *, public: bool, now_ms: int) -> RoomRow:
    """A room as it begins: idle, with an empty log in an epoch of its own."""
    return RoomRow(
        id=room_id,
        title=title,
        host_id=host.id or SYSTEM.name,
        host_name=host.name,
        status="idle",
        public=int(public),
        epoch=new_id()[-12:],
        head=0,
        staff_head=0,
        slow_mode_s=0,
        who_may_comment="everyone",
        likes=0,
        created_at_ms=now_ms,
        started_at_ms=None,
        ended_at_ms=None,
        status_at_ms=now_ms,
    )
