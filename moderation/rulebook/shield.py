"""What a raised shield makes of a room's rules. Pure: nothing of it is kept."""

from __future__ import annotations

from moderation.rulebook.rules import LEVEL_MAX, Measure, RoomRules

_STRICTNESS: tuple[Measure, ...] = ("allow", "mask", "hold", "deny")


class ShieldedRules(RoomRules):
    """A room's rules under a shield: no category is caught less than at ``least``, whether it is named or
    not."""

    least: int = LEVEL_MAX

    def level(self, category: str) -> int:
        return max(self.least, super().level(category))


def under_shield(rules: RoomRules, level: int) -> RoomRules:
    """The rules while a shield is up that raises the filter to ``level`` (``About.shield``; 0: it is down,
    and they are what they were).

    Links are refused; contacts, adverts, floods and walls are held at least. What the room has stricter stays
    so, and what it allows by name stays allowed.
    """
    if level <= 0:
        return rules
    stricter = {
        "links": "deny",
        "contacts": _stricter(rules.contacts, "hold"),
        "adverts": _stricter(rules.adverts, "hold"),
        "floods": _stricter(rules.floods, "hold"),
        "walls": _stricter(rules.walls, "hold"),
        "least": min(level, LEVEL_MAX),
    }
    return ShieldedRules.model_construct(**{**dict(rules), **stricter})


def _stricter(one: Measure, other: Measure) -> Measure:
    return max(one, other, key=_STRICTNESS.index)
