"""The stage's commands: asked for, invited, accepted, left; and what guests' pictures and the clock do.

All of it happens under the room's lock, so two who answer for the last slot come one after the other. The
log says only who is seen and how; who asked, was invited or declined is told to them and to the staff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.guests import rules
from rooms.guests.commands import AnswerInvitation, GuestRef, OwnPlace, SetLayout
from rooms.guests.rules import Guest, GuestRules, Leaving
from rooms.guests.store import GUESTS, read_guests, read_rooms_of
from rooms.heads import ROOMS, TIMERS, USERS, RoomRow, TimerRow
from rooms.lifecycle import Happening
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps
from rooms.unit import Unit

DUE_TIMER = "guest.due"
OVER_TIMER = "guest.room_over"


class Guests:
    """Every public method that takes a command or a timer is a handler for the writer."""

    def __init__(
        self,
        standing: Standing,
        audit: Audit,
        limits: GuestRules,
        in_room: Callable[[str, Caller], Caller] = lambda room_id, user: user,
    ) -> None:
        """``in_room`` gives somebody by the name that the room shows."""
        self._in_room = in_room
        self._standing = standing
        self._audit = audit
        self._limits = limits

    # what people do

    def ask(self, tx: Unit, cmd: OwnPlace, caller: Caller) -> Steps[Any]:
        """Whoever has asked or is on stage already is answered how it stands. Refuses with ``forbidden``,
        ``not_live``, ``muted``, ``too_many`` (waiting), ``stage_full`` (by the settings)."""
        room = yield from self._own(tx, cmd, caller)
        if caller.id == room.host_id:
            raise Refused("forbidden", "The host is on stage already.")
        here = self._here(tx, cmd.room)
        if known := _of(here, caller.id):
            return {"guest": known.wire()}
        _refuse_off_air(room)
        self._standing.refuse_muted(tx, cmd.room, caller)
        new = Guest(cmd.room, caller.id or "", caller.name, "asked", None, tx.now_ms, None)
        return {"guest": self._put(tx, rules.asks(here, self._limits, new)).wire()}

    def withdraw(self, tx: Unit, cmd: OwnPlace, caller: Caller) -> Steps[Any]:
        """Take a request back, or leave the stage. Whoever is neither is told that it is done."""
        yield from self._own(tx, cmd, caller)
        if known := _of(self._here(tx, cmd.room), caller.id):
            self._leave(tx, known, "left")
        return {}

    def invite(self, tx: Unit, cmd: GuestRef, caller: Caller) -> Steps[Any]:
        """Also how a request is granted. Refuses with ``forbidden``, ``not_live``, ``not_found``,
        ``user_muted``, ``stage_full``, ``too_many`` (waiting)."""
        room = yield from self._staff(tx, cmd, caller, cmd.user)
        _refuse_off_air(room)
        user = tx.get(USERS, cmd.user)
        if user is None:
            raise Refused("not_found", "There is no such user.")
        if cmd.user == room.host_id:
            raise Refused("forbidden", "The host is on stage already.")
        self._refuse_muted_guest(tx, cmd.room, cmd.user)
        here = self._here(tx, cmd.room)
        known = _of(here, cmd.user)
        shown = self._in_room(cmd.room, Caller(cmd.user, user.name, operator=bool(user.operator)))
        new = Guest(cmd.room, cmd.user, shown.name, "invited", None, tx.now_ms, None)
        guest = rules.invited(here, self._limits, known, new)
        if guest is not known:
            self._put(tx, guest)
            self._audit.note(tx, cmd.room, caller, "guest.invite", cmd.user, {})
        return {"guest": guest.wire()}

    def answer(self, tx: Unit, cmd: AnswerInvitation, caller: Caller) -> Steps[Any]:
        """Accept, which gives a slot to publish to, or decline. Refuses with ``over`` (no invitation any
        more), ``stage_full``, ``muted``, ``not_live``."""
        room = yield from self._own(tx, cmd, caller)
        here = self._here(tx, cmd.room)
        known = _of(here, caller.id)
        if not cmd.accept:
            if known is not None and known.status == "invited":
                self._leave(tx, known, "declined")
            return {"guest": None}
        _refuse_off_air(room)
        self._standing.refuse_muted(tx, cmd.room, caller)
        guest = rules.accepted(here, self._limits, known, tx.now_ms)
        if guest is not known:
            self._put(tx, guest)
        return {"guest": guest.wire()}

    def remove(self, tx: Unit, cmd: GuestRef, caller: Caller) -> Steps[Any]:
        """Turn a request down, take an invitation back, or take somebody off the stage. It is no sanction:
        nobody's rank is in the way. Refuses with ``forbidden``, ``not_found``."""
        yield from self._staff(tx, cmd, caller, cmd.user)
        known = _of(self._here(tx, cmd.room), cmd.user)
        if known is None:
            raise Refused("not_found", "This user neither waits for the stage nor is on it.")
        self._leave(tx, known, "removed")
        self._audit.note(tx, cmd.room, caller, "guest.remove", cmd.user, {"status": known.status})
        return {}

    def layout(self, tx: Unit, cmd: SetLayout, caller: Caller) -> Steps[Any]:
        """How the pictures are shown to everybody. Refuses with ``forbidden``; ``not_found`` for a slot that
        nobody is seen in."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_stage")
        kind, _, slot = cmd.layout.partition(":")
        if kind == "guest" and not any(
            guest.slot == slot and guest.status == "on" for guest in self._here(tx, cmd.room)
        ):
            raise Refused("not_found", "Nobody is seen in this slot.")
        tx.append(cmd.room, "stage.layout", {"layout": cmd.layout})
        return {"layout": cmd.layout}

    def rooms_of(self, conn: Connection, user_id: str) -> list[str]:
        """The rooms on whose stage somebody is, or waits to be."""
        return read_rooms_of(conn, user_id)

    def silenced(self, tx: Unit, room_id: str, user_id: str, *, banned: bool = False) -> None:
        """Somebody was muted or banned: whoever may not speak isn't on stage. The room must be locked, and
        the user asked for."""
        if known := _of(self._here(tx, room_id), user_id):
            self._leave(tx, known, "banned" if banned else "muted")

    def broken_off(self, tx: Unit, room_id: str, user_id: str, why: Leaving = "picture") -> None:
        """What somebody shows or says may not go out. As with ``silenced``."""
        if known := _of(self._here(tx, room_id), user_id):
            self._leave(tx, known, why)

    # what pictures do

    def holds(self, tx: Unit, room_id: str, slot: str, user_id: str) -> bool:
        """Whether the slot is this user's. The room must be locked, as for the two below."""
        known = _of(self._here(tx, room_id), user_id)
        return known is not None and known.slot == slot

    def is_seen(self, tx: Unit, room_id: str, slot: str) -> bool:
        """Whether there is a picture in the slot, as far as is known."""
        return any(guest.slot == slot and guest.has_picture for guest in self._here(tx, room_id))

    def picture(self, tx: Unit, room_id: str, slot: str, user_id: str, happening: Happening) -> None:
        """What happened to a guest's picture; the user must have been asked for. Safe to say twice, and
        nothing to who doesn't hold the slot any more."""
        known = _of(self._here(tx, room_id), user_id)
        if known is None or known.slot != slot:
            return
        if happening == "publishing":
            self._appear(tx, known)
        elif known.status == "on" and happening == "lost":
            if known.due_at_ms is None:
                self._set_due(tx, tx.put(GUESTS, replace(known, due_at_ms=tx.now_ms + self._limits.grace_ms)))
        elif known.status == "on":
            over = tx.room(room_id).status not in rules.ON_AIR
            self._leave(tx, known, "ended" if over else "left" if happening == "stopped" else "lost")

    # what the clock does

    def due(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """A request, an invitation, an accepted place or an interruption has lasted long enough, unless
        something has happened since."""
        due_at, user_id = timer.ref.split(":", 1)
        yield TIMERS.rows(timer.id)
        yield USERS.rows(user_id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        known = _of(self._here(tx, timer.room_id), user_id)
        if known is not None and known.due_at_ms == int(due_at):
            self._leave(tx, known, rules.overdue(known))
        return {}

    def room_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a room's end: nobody is on its stage or waits for it any more, but for who has come
        since."""
        yield TIMERS.rows(timer.id)
        ids = {guest.user_id for guest in read_guests(tx.conn, timer.room_id)}
        yield USERS.rows(*ids)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        for guest in self._here(tx, timer.room_id):
            if guest.user_id in ids and guest.at_ms <= timer.due_at_ms:
                self._leave(tx, guest, "ended")
        return {}

    # inside

    def _own(self, tx: Unit, cmd: OwnPlace | AnswerInvitation, caller: Caller) -> Steps[RoomRow]:
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "join_stage")
        return room

    def _staff(self, tx: Unit, cmd: GuestRef, caller: Caller, user_id: str) -> Steps[RoomRow]:
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id, user_id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_stage")
        return room

    def _refuse_muted_guest(self, tx: Unit, room_id: str, user_id: str) -> None:
        try:
            self._standing.refuse_muted(tx, room_id, Caller(user_id))
        except Refused as muted:
            raise Refused("user_muted", details=muted.details) from None

    def _here(self, tx: Unit, room_id: str) -> list[Guest]:
        """Everybody, as they are now in this unit."""
        found = tx.take_in(GUESTS, read_guests(tx.conn, room_id))
        return [guest for guest in found if guest.room_id == room_id]

    def _put(self, tx: Unit, guest: Guest) -> Guest:
        tx.put(GUESTS, guest)
        self._set_due(tx, guest)
        self._tell(tx, guest, guest.wire())
        return guest

    def _appear(self, tx: Unit, guest: Guest) -> None:
        if guest.has_picture:
            return
        seen = replace(guest, status="on", due_at_ms=None)
        if guest.status == "on":
            tx.put(GUESTS, seen)
            return
        seen = tx.put(GUESTS, replace(seen, at_ms=tx.now_ms))
        tx.append(guest.room_id, "guest.joined", {"slot": guest.slot, "user": guest.card})
        self._tell(tx, seen, seen.wire())

    def _leave(self, tx: Unit, guest: Guest, why: Leaving) -> None:
        tx.drop(GUESTS, guest.room_id, guest.user_id)
        if guest.status == "on":
            # Why somebody was taken off is nobody's business but theirs and the staff's.
            reason = "removed" if why in ("muted", "banned", "picture", "sound") else why
            tx.append(guest.room_id, "guest.left", {"slot": guest.slot, "reason": reason})
        self._tell(tx, guest, rules.gone(guest, why))

    def _tell(self, tx: Unit, guest: Guest, wire: dict[str, Any]) -> None:
        tx.tell(guest.user_id, "guest", {"guest": wire}, room_id=guest.room_id)
        tx.brief(guest.room_id, "guest", {"guest": wire}, action="manage_stage")

    def _set_due(self, tx: Unit, guest: Guest) -> None:
        if guest.due_at_ms is not None:
            tx.wake(DUE_TIMER, f"{guest.due_at_ms}:{guest.user_id}", guest.room_id, guest.due_at_ms)


def _of(here: list[Guest], user_id: str | None) -> Guest | None:
    return next((guest for guest in here if guest.user_id == user_id), None)


def _refuse_off_air(room: RoomRow) -> None:
    if room.status not in rules.ON_AIR:
        raise Refused("not_live")
