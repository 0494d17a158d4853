"""Sanctions, decided without I/O: what is in force, and who may give and lift what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from moderation.permissions import Action, Role, may, mute_action, outranks
from rooms.errors import Refused

EVERYWHERE = "*"
"""Stands for all rooms where otherwise a room's id does; no room can be called that."""


class SanctionKind(StrEnum):
    """A ``mute`` takes the right to speak, a ``ban`` the right to be there at all, a ``shadow`` lets somebody
    speak to nobody without knowing, a ``warn`` must be acknowledged before the next comment. A ``watch`` is a
    sign for the staff alone; with a ``restrict`` every comment waits for them."""

    MUTE = "mute"
    BAN = "ban"
    SHADOW = "shadow"
    WARN = "warn"
    WATCH = "watch"
    RESTRICT = "restrict"


SECRET = frozenset({SanctionKind.SHADOW, SanctionKind.WATCH, SanctionKind.RESTRICT})
"""What the one concerned isn't told of."""


class Over(StrEnum):
    """Why a sanction isn't in force any more."""

    RAN_OUT = "ran_out"
    LIFTED = "lifted"
    REPLACED = "replaced"
    APPEAL = "appeal"
    ACCEPTED = "accepted"
    """A warning was acknowledged by who got it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A sanction as far as it matters while it is in force. ``until_ms`` None: until it is lifted."""

    id: str
    until_ms: int | None
    reason: str
    by_id: str
    by_role: str
    at_ms: int

    def in_force(self, now_ms: int) -> bool:
        """By the clock alone: a timer that comes late lengthens nothing."""
        return self.until_ms is None or now_ms < self.until_ms

    def left_ms(self, now_ms: int) -> int | None:
        return None if self.until_ms is None else max(0, self.until_ms - now_ms)


def stricter(one: Terms | None, other: Terms | None, now_ms: int) -> Terms | None:
    """Of a sanction in the room and one everywhere, the one that lasts longer, if any is in force. Which is
    which doesn't matter."""
    found = [terms for terms in (one, other) if terms is not None and terms.in_force(now_ms)]
    if not found:
        return None
    return max(found, key=lambda terms: (terms.until_ms is None, terms.until_ms or 0, terms.at_ms))


_NEEDS = {
    SanctionKind.BAN: Action.BAN,
    SanctionKind.SHADOW: Action.SHADOW,
    SanctionKind.WARN: Action.WARN,
    SanctionKind.WATCH: Action.NOTE_USER,
    SanctionKind.RESTRICT: Action.NOTE_USER,
}


def needs(kind: SanctionKind, seconds: int | None, *, everywhere: bool) -> tuple[Action, ...]:
    """The actions that giving such a sanction takes, the milder first."""
    first = mute_action(seconds) if kind is SanctionKind.MUTE else _NEEDS[kind]
    milder = (Action.MUTE,) if first is Action.MUTE_LONG else ()
    return (*milder, first, *((Action.SANCTION_EVERYWHERE,) if everywhere else ()))


def needs_to_lift(kind: SanctionKind, *, everywhere: bool) -> tuple[Action, ...]:
    """The same for lifting: how long it was to last doesn't matter, who gave it does (``may_lift``)."""
    return needs(kind, 0, everywhere=everywhere)


def refuse_giving(
    actor: Role, target: Role, kind: SanctionKind, seconds: int | None, *, everywhere: bool
) -> None:
    """Raises ``Refused``: ``unauthenticated``, ``forbidden``, ``outranked``."""
    _refuse_without(actor, needs(kind, seconds, everywhere=everywhere)[:1])
    if not outranks(actor, target):
        raise Refused("outranked")
    _refuse_without(actor, needs(kind, seconds, everywhere=everywhere))


def refuse_lifting(actor: Role, target: Role, kind: SanctionKind, *, everywhere: bool) -> None:
    """Raises ``Refused``: ``unauthenticated``, ``forbidden``, ``outranked``; see ``refuse_undoing`` too."""
    wanted = needs_to_lift(kind, everywhere=everywhere)
    _refuse_without(actor, wanted[:1])
    if not outranks(actor, target):
        raise Refused("outranked")
    _refuse_without(actor, wanted)


def may_lift(actor: Role, actor_id: str | None, by_role: str, by_id: str) -> bool:
    """Nobody lifts what somebody ranking above them imposed, unless that was themselves, in a higher role."""
    if actor is Role.OPERATOR or (actor_id is not None and actor_id == by_id):
        return True
    return actor.rank >= Role(by_role).rank


def refuse_undoing(actor: Role, actor_id: str | None, given: Terms) -> None:
    """Whether ``actor`` may lift or replace a sanction that there is. Raises ``Refused("outranked")``:
    replacing by a milder one would be lifting too."""
    if not may_lift(actor, actor_id, given.by_role, given.by_id):
        raise Refused("outranked", "Somebody above you has imposed this: only they, or others of their rank.")


def guarded(given: Terms, before: Terms | None, actor: Role, now_ms: int) -> Terms:
    """A sanction as it stands in the place of the one before: if that was from above ``actor``, only who
    could have lifted it may lift this one. Else warning somebody again would be the way to withdraw the
    host's warning."""
    if before is None or not before.in_force(now_ms):
        return given
    if may_lift(actor, given.by_id, before.by_role, before.by_id):
        return given
    return replace(given, by_id=before.by_id, by_role=before.by_role)


def _refuse_without(actor: Role, actions: tuple[Action, ...]) -> None:
    if actor is Role.GUEST:
        raise Refused("unauthenticated")
    for action in actions:
        if not may(actor, action):
            raise Refused("forbidden", _WHY.get(action))


_WHY = {
    Action.MUTE_LONG: "A mute of more than a day is for senior moderators and above.",
    Action.SANCTION_EVERYWHERE: "Sanctions in all rooms at once are for operators.",
}
