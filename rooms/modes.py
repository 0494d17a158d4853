"""A room's modes: who may comment, how often, and what. Pure: what is known of somebody comes in, as the time
does.

A room has modes of its own, and while its shield is up the shield's as well. Each is a gate, and a comment
has to pass them all: so nothing has to be merged when the shield goes up, and nothing restored when it comes
down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rooms.emoji import is_emoji
from rooms.errors import Refused
from rooms.heads import RoomRow


@dataclass(frozen=True, slots=True)
class Gate:
    """What a comment has to pass.

    ``who`` may comment; followers must have followed for ``followed_for_s``, members have at least the fans'
    level ``member_level``. Accounts that are known for less than ``newcomer_s`` don't pass, and whoever was
    never shown in the room before is held where ``hold_first`` is set. ``filter_level`` is the level that all
    categories of the filter are raised to, 0: none.
    """

    who: str = "everyone"
    slow_mode_s: int = 0
    followed_for_s: int = 0
    member_level: int = 1
    emoji_only: bool = False
    newcomer_s: int = 0
    hold_first: bool = False
    filter_level: int = 0


@dataclass(frozen=True, slots=True)
class ShieldRules:
    """What a room's shield asks of commenters from when it goes up; those that are up keep theirs."""

    followed_for_s: int = 600
    slow_mode_s: int = 30
    newcomer_s: int = 3600
    hold_first: bool = True
    filter_level: int = 4

    def raised(self, since_ms: int, until_ms: int | None) -> dict[str, Any]:
        """The shield as the room's row keeps it; ``until_ms`` None: until somebody takes it down."""
        return {
            "since_ms": since_ms,
            "until_ms": until_ms,
            "who_may_comment": "followers",
            "followed_for_s": self.followed_for_s,
            "slow_mode_s": self.slow_mode_s,
            "newcomer_s": self.newcomer_s,
            "hold_first": self.hold_first,
            "filter_level": self.filter_level,
        }


def shield_up(room: RoomRow, now_ms: int) -> bool:
    """Whether it is up: one whose time is over counts no more, though its timer may be late."""
    shield = room.shield
    return shield is not None and (shield["until_ms"] is None or now_ms < shield["until_ms"])


def gates_of(room: RoomRow, now_ms: int) -> tuple[Gate, ...]:
    """What a comment in the room has to pass now; nothing in a room that uses no modes."""
    plain = room.who_may_comment == "everyone" and not room.slow_mode_s and not room.emoji_only
    gates = () if plain else (_own_gate(room),)
    if room.shield is None or not shield_up(room, now_ms):
        return gates
    return (*gates, _shield_gate(room.shield))


def _own_gate(room: RoomRow) -> Gate:
    return Gate(
        who=room.who_may_comment,
        slow_mode_s=room.slow_mode_s,
        followed_for_s=room.followed_for_s,
        member_level=room.member_level,
        emoji_only=bool(room.emoji_only),
    )


def _shield_gate(shield: dict[str, Any]) -> Gate:
    return Gate(
        who=shield["who_may_comment"],
        slow_mode_s=shield["slow_mode_s"],
        followed_for_s=shield["followed_for_s"],
        newcomer_s=shield["newcomer_s"],
        hold_first=shield["hold_first"],
        filter_level=shield["filter_level"],
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of who comments, as far as the gates ask for it.

    ``since_ms`` is when the account was first seen, 0 if that was before anybody wrote it down;
    ``has_spoken``: everybody was shown a comment of theirs in this room before.
    """

    followed_since_ms: int | None = None
    level: int = 0
    bought: bool = False
    since_ms: int = 0
    has_spoken: bool = True


def slow_mode_of(gates: Iterable[Gate]) -> int:
    """The seconds between two comments of one person."""
    return max((gate.slow_mode_s for gate in gates), default=0)


def filter_level_of(gates: Iterable[Gate]) -> int:
    return max((gate.filter_level for gate in gates), default=0)


def refusal(gates: Iterable[Gate], facts: Facts, now_ms: int) -> Refused | None:
    """Why somebody may not comment whatever it is; None: they may. The first gate that is shut says so, with
    what is missing in ``details``."""
    for gate in gates:
        if (refused := _refusal(gate, facts, now_ms)) is not None:
            return refused
    return None


def _refusal(gate: Gate, facts: Facts, now_ms: int) -> Refused | None:
    if gate.who == "moderators":
        return Refused("comments_closed")
    if gate.who == "followers" and (left_ms := _follow_left_ms(gate, facts, now_ms)) != 0:
        details = {
            "followed_for_s": gate.followed_for_s,
            "followed_since_ms": facts.followed_since_ms,
            "left_ms": left_ms,
        }
        return Refused("followers_only", retry_after_ms=left_ms, details=details)
    if gate.who == "members" and facts.level < gate.member_level:
        return Refused("members_only", details={"level": gate.member_level, "yours": facts.level})
    if gate.who == "buyers" and not facts.bought:
        return Refused("buyers_only")
    return None


def _follow_left_ms(gate: Gate, facts: Facts, now_ms: int) -> int | None:
    """How long until somebody has followed for long enough; None: that begins with following."""
    if facts.followed_since_ms is None:
        return None
    # A clock that was set back must not ask for more than the whole time once more.
    return min(
        gate.followed_for_s * 1000, max(0, facts.followed_since_ms + gate.followed_for_s * 1000 - now_ms)
    )


def newcomer_left_ms(gates: Iterable[Gate], facts: Facts, now_ms: int) -> int:
    """For how much longer the account is too new; 0: it isn't."""
    left_ms = 0
    for gate in gates:
        if gate.newcomer_s and facts.since_ms:
            whole_ms = gate.newcomer_s * 1000
            left_ms = max(left_ms, min(whole_ms, facts.since_ms + whole_ms - now_ms))
    return max(0, left_ms)


def is_first_to_hold(gates: Iterable[Gate], facts: Facts) -> bool:
    """Whether a moderator has to look at the comment because it is somebody's first."""
    return not facts.has_spoken and any(gate.hold_first for gate in gates)


def refuse_words(gates: Iterable[Gate], text: str) -> None:
    """Raises ``Refused("emoji_only")`` for a text that has anything but emoji in it where nothing else may be
    said."""
    if any(gate.emoji_only for gate in gates) and not is_emoji(text):
        raise Refused("emoji_only")


def settings_of(room: RoomRow) -> dict[str, Any]:
    """The room's settings as everybody is told them. A shield's newcomers and first comments are its own
    affair: who plans a raid needn't know how it is met."""
    return {
        "slow_mode_s": room.slow_mode_s,
        "who_may_comment": room.who_may_comment,
        "followed_for_s": room.followed_for_s,
        "member_level": room.member_level,
        "emoji_only": bool(room.emoji_only),
        "shield": shield_wire(room.shield),
    }


_SHOWN = ("since_ms", "until_ms", "who_may_comment", "followed_for_s", "slow_mode_s")


def shield_wire(shield: dict[str, Any] | None) -> dict[str, Any] | None:
    """The shield as everybody is told of it; None: it is down."""
    return None if shield is None else {name: shield[name] for name in _SHOWN}
