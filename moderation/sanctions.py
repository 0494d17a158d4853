"""Mutes: given, lifted, run out. In SQL, so they hold across reconnects, restarts and nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moderation.audit import AuditTrail
from moderation.permissions import LONG_MUTE_S, Action
from moderation.standing import MUTE, SANCTIONS, RoomStanding, SanctionRow, in_force
from rooms.commands import Mute, Unmute
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.ports import Caller, TextRules
from rooms.rows import Steps
from rooms.unit import Unit

MUTE_TIMER = "mute.end"
REASON_MAX_CHARS = 200


class Sanctions:
    """The commands ``moderate.mute`` and ``moderate.unmute``, and the end of a mute.

    ``silenced(tx, room, user)`` is told of each mute in its transaction, with the user's and the room's rows
    locked: what else ends with it.
    """

    def __init__(
        self,
        standing: RoomStanding,
        texts: TextRules,
        audit: AuditTrail,
        silenced: Callable[[Unit, str, str], None] = lambda tx, room_id, user_id: None,
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._silenced = silenced

    def mute(self, tx: Unit, cmd: Mute, caller: Caller) -> Steps[Any]:
        """Takes the place of a mute in force. Refuses with ``forbidden``, ``outranked``, ``not_found``."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        self._require(tx, cmd.room, caller, cmd.user, long=_is_long(cmd.seconds))
        target = tx.get(USERS, cmd.user)
        if target is None:
            raise Refused("not_found", "There is no such user.")
        reason = self._texts.clean(cmd.reason, REASON_MAX_CHARS) if cmd.reason.strip() else ""
        before = tx.get(SANCTIONS, cmd.room, cmd.user, MUTE)
        until_ms = None if cmd.seconds is None else tx.now_ms + cmd.seconds * 1000
        sanction = SanctionRow(
            room_id=cmd.room,
            user_id=cmd.user,
            kind=MUTE,
            user_name=target.name,
            reason=reason,
            by_id=caller.id or "",
            by_name=caller.name,
            at_ms=tx.now_ms,
            until_ms=until_ms,
            serial=before.serial + 1 if before else 1,
        )
        tx.put(SANCTIONS, sanction)
        if until_ms is not None:
            tx.wake(MUTE_TIMER, f"{sanction.serial}:{cmd.user}", cmd.room, until_ms)
        tx.tell(cmd.user, "muted", {"sanction": sanction.wire()}, room_id=cmd.room)
        tx.brief(cmd.room, "muted", {"sanction": sanction.wire()})
        self._silenced(tx, cmd.room, cmd.user)
        detail = {"seconds": cmd.seconds, "reason": reason}
        self._audit.note(tx, cmd.room, caller, "moderate.mute", cmd.user, detail)
        return {"sanction": sanction.wire()}

    def unmute(self, tx: Unit, cmd: Unmute, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``outranked``; ``not_found`` if there is no mute in force."""
        yield USERS.rows(cmd.user)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, cmd.user)
        self._require(tx, cmd.room, caller, cmd.user, long=False)
        sanction = tx.get(SANCTIONS, cmd.room, cmd.user, MUTE)
        if sanction is None or not in_force(sanction, tx.now_ms):
            raise Refused("not_found", "This user isn't muted here.")
        self._clear(tx, sanction, by=caller)
        self._audit.note(tx, cmd.room, caller, "moderate.unmute", cmd.user, {})
        return {}

    def run_out(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a mute: tell everybody concerned, unless it was lifted or replaced meanwhile."""
        serial, user_id = timer.ref.split(":", 1)
        yield TIMERS.rows(timer.id)
        yield USERS.rows(user_id)
        yield ROOMS.rows(timer.room_id)
        yield from self._standing.load(timer.room_id, user_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        sanction = tx.get(SANCTIONS, timer.room_id, user_id, MUTE)
        if sanction is not None and sanction.serial == int(serial) and not in_force(sanction, tx.now_ms):
            self._clear(tx, sanction, by=None)
        return {}

    def _clear(self, tx: Unit, sanction: SanctionRow, *, by: Caller | None) -> None:
        # The row stays, so that the serial goes on: the timer of an earlier mute must not end a later one.
        lifted = SanctionRow(
            **{f: getattr(sanction, f) for f in SanctionRow.__slots__}
            | {"until_ms": 0, "serial": sanction.serial + 1}
        )
        tx.put(SANCTIONS, lifted)
        tx.tell(sanction.user_id, "unmuted", {}, room_id=sanction.room_id)
        who = {"id": sanction.user_id, "name": sanction.user_name}
        tx.brief(sanction.room_id, "unmuted", {"user": who, "by": by.card if by else None})

    def _require(self, tx: Unit, room_id: str, caller: Caller, user_id: str, *, long: bool) -> None:
        tx.room(room_id)
        actor = self._standing.require(tx, room_id, caller, Action.MUTE)
        self._standing.refuse_outranked(actor, self._standing.role_of_user(tx, room_id, user_id))
        if long and not self._standing.may(actor, Action.MUTE_LONG):
            raise Refused("forbidden", "A mute of more than a day is for senior moderators and above.")


def _is_long(seconds: int | None) -> bool:
    return seconds is None or seconds > LONG_MUTE_S
