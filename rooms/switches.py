"""Setting a room's modes, and its shield: one switch for a raid, on top of whatever the modes are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.commands import SetModes
from rooms.heads import ROOMS, TIMERS, RoomRow, TimerRow
from rooms.modes import ShieldRules, settings_of, shield_up, shield_wire
from rooms.ports import SYSTEM, Audit, Caller, Standing
from rooms.rows import Steps
from rooms.unit import Unit

SHIELD_TIMER = "room.shield"
_MODES = ("slow_mode_s", "who_may_comment", "followed_for_s", "member_level", "emoji_only")


class Modes:
    """The command ``room.modes``."""

    def __init__(self, standing: Standing, audit: Audit, shield: ShieldRules) -> None:
        self._standing = standing
        self._audit = audit
        self._shield = shield

    def set(self, tx: Unit, cmd: SetModes, caller: Caller) -> Steps[Any]:
        """What is so already changes nothing, and nobody is told. A shield that is up may be put up once
        more, with another end. Refuses with ``forbidden``."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "set_modes")
        self._set_modes(tx, room, cmd, caller)
        if cmd.shield:
            self._raise(tx, cmd, caller)
        elif cmd.shield is False:
            self._lower(tx, cmd.room, caller)
        return {"settings": settings_of(tx.room(cmd.room))}

    def shield_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a shield with an end: take it down if it is still the same."""
        yield TIMERS.rows(timer.id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        room = tx.get(ROOMS, timer.room_id)
        if room and room.shield and timer.ref == _ref(room.shield) and not shield_up(room, tx.now_ms):
            self._lower(tx, room.id, SYSTEM)
        return {}

    def _set_modes(self, tx: Unit, room: RoomRow, cmd: SetModes, caller: Caller) -> None:
        changes = {
            name: value
            for name in _MODES
            if (value := getattr(cmd, name)) is not None and value != getattr(room, name)
        }
        if changes:
            kept = changes | ({"emoji_only": int(cmd.emoji_only)} if cmd.emoji_only is not None else {})
            tx.put(ROOMS, replace(room, **kept))
            tx.append(room.id, "room.changed", changes)
            tx.brief(room.id, "modes", {"changes": changes, "by": caller.card})
            self._audit.note(tx, room.id, caller, "room.modes", room.id, changes)

    def _raise(self, tx: Unit, cmd: SetModes, caller: Caller) -> None:
        room = tx.room(cmd.room)
        until_ms = None if cmd.shield_for_s is None else tx.now_ms + cmd.shield_for_s * 1000
        was = room.shield if shield_up(room, tx.now_ms) else None
        if was is not None and was["until_ms"] == until_ms:
            return
        since_ms = was["since_ms"] if was else tx.now_ms
        shield = self._shield.raised(since_ms, until_ms)
        tx.put(ROOMS, replace(room, shield=shield))
        if until_ms is not None:
            tx.wake(SHIELD_TIMER, _ref(shield), room.id, until_ms)
        tx.append(room.id, "room.changed", {"shield": shield_wire(shield)})
        tx.brief(room.id, "shield", {"on": True, "until_ms": until_ms, "by": caller.card})
        self._audit.note(tx, room.id, caller, "shield.on", room.id, shield)

    def _lower(self, tx: Unit, room_id: str, caller: Caller) -> None:
        room = tx.room(room_id)
        if room.shield is None:
            return
        tx.put(ROOMS, replace(room, shield=None))
        tx.append(room_id, "room.changed", {"shield": None})
        by = None if caller is SYSTEM else caller.card
        tx.brief(room_id, "shield", {"on": False, "until_ms": None, "by": by})
        up_ms = tx.now_ms - room.shield["since_ms"]
        self._audit.note(tx, room_id, caller, "shield.off", room_id, {"up_ms": up_ms})


def _ref(shield: dict[str, Any]) -> str:
    return f"{shield['since_ms']}:{shield['until_ms']}"
