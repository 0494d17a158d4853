"""Coming on stage and leaving it: pure decisions on the people who want to, may, or are.

    asked ──invite──▶ invited ──accept──▶ accepted ──first packets──▶ on
                         ▲                    │                        │
    (nobody yet) ─invite─┘                    └── until its time ── … ─┘ away: until its time

Whoever is in one of these states may leave it at any time, and is then forgotten. A slot belongs to one
person, from its acceptance on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rooms.errors import Refused

ON_AIR = frozenset({"live", "interrupted"})
"""The room's status while people may come on stage."""

GUESTS_LIMIT = 15
"""More are never on a stage, whatever the settings say."""

Status = Literal["asked", "invited", "accepted", "on"]
Leaving = Literal[
    "left",
    "declined",
    "removed",
    "muted",
    "banned",
    "picture",
    "sound",
    "expired",
    "no_picture",
    "lost",
    "ended",
]
"""Why somebody is no longer there: by itself (``left``, ``declined``), by others, or by the clock."""


@dataclass(frozen=True, slots=True)
class GuestRules:
    """``guests_max`` are on stage at a time, ``waiting_max`` have asked or are invited.

    How long each waits in ms: a request for the host, an invitation for its answer, an accepted place for
    the first packets, and an interrupted picture for its return.
    """

    guests_max: int = 3
    waiting_max: int = 20
    ask_ms: int = 600_000
    invite_ms: int = 60_000
    come_ms: int = 60_000
    grace_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who is to come on a room's stage, or is on it.

    ``slot`` is there from acceptance on. ``due_at_ms`` is when they are taken off the list unless something
    happens before; None while their picture is there.
    """

    room_id: str
    user_id: str
    name: str
    status: Status
    slot: str | None
    at_ms: int
    due_at_ms: int | None

    @property
    def card(self) -> dict[str, Any]:
        return {"id": self.user_id, "name": self.name}

    @property
    def has_picture(self) -> bool:
        """Whether it is seen now: on stage, and not away."""
        return self.status == "on" and self.due_at_ms is None

    def wire(self) -> dict[str, Any]:
        """As the person and the staff see it."""
        until_ms = None if self.status == "on" else self.due_at_ms
        return {
            "user": self.card,
            "status": self.status,
            "slot": self.slot,
            "at_ms": self.at_ms,
            "until_ms": until_ms,
        }


def gone(guest: Guest, why: Leaving) -> dict[str, Any]:
    """What the person and the staff are told of somebody who is no longer there."""
    return {**guest.wire(), "status": "gone", "until_ms": None, "reason": why}


def asks(here: Sequence[Guest], rules: GuestRules, guest: Guest) -> Guest:
    """Somebody asks. Raises ``Refused``: ``too_many`` while too many wait, ``stage_full`` where nobody ever
    comes on stage."""
    if rules.guests_max == 0:
        raise stage_full(rules)
    refuse_crowd(here, rules)
    return replace(guest, status="asked", slot=None, due_at_ms=guest.at_ms + rules.ask_ms)


def invited(here: Sequence[Guest], rules: GuestRules, known: Guest | None, guest: Guest) -> Guest:
    """The host invites ``guest``; ``known`` is what that person is already. Who is on stage stays there.

    Raises ``Refused``: ``stage_full``, ``too_many``.
    """
    if known is not None and known.slot is not None:
        return known
    if len(holders(here)) >= rules.guests_max:
        raise stage_full(rules)
    if known is None:
        refuse_crowd(here, rules)
    return replace(guest, status="invited", slot=None, due_at_ms=guest.at_ms + rules.invite_ms)


def accepted(here: Sequence[Guest], rules: GuestRules, known: Guest | None, now_ms: int) -> Guest:
    """The invited one accepts: a slot is theirs. Who has one keeps it.

    Raises ``Refused``: ``over`` without an invitation that is still good, ``stage_full``.
    """
    if known is not None and known.slot is not None:
        return known
    if known is None or known.status != "invited" or (known.due_at_ms or 0) <= now_ms:
        raise Refused("over", "There is no invitation any more.")
    slot = free_slot(here, rules)
    return replace(known, status="accepted", slot=slot, at_ms=now_ms, due_at_ms=now_ms + rules.come_ms)


def free_slot(here: Iterable[Guest], rules: GuestRules) -> str:
    """The first slot that nobody has. Raises ``Refused("stage_full")``."""
    taken = {guest.slot for guest in here}
    for number in range(1, min(rules.guests_max, GUESTS_LIMIT) + 1):
        if (slot := f"g{number}") not in taken:
            return slot
    raise stage_full(rules)


def holders(here: Iterable[Guest]) -> list[Guest]:
    """Those who have a slot."""
    return [guest for guest in here if guest.slot is not None]


def refuse_crowd(here: Sequence[Guest], rules: GuestRules) -> None:
    """Raises ``Refused("too_many")`` while as many wait as may."""
    if len(here) - len(holders(here)) >= rules.waiting_max:
        raise Refused("too_many", details={"limit": rules.waiting_max}, temporary=True)


def stage_full(rules: GuestRules) -> Refused:
    return Refused("stage_full", details={"limit": rules.guests_max})


def overdue(guest: Guest) -> Leaving:
    """Why somebody is taken off the list whose time has come."""
    by_status: dict[Status, Leaving] = {"accepted": "no_picture", "on": "lost"}
    return by_status.get(guest.status, "expired")
