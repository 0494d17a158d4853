"""Adverts: nearly the same text from many accounts within minutes."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.filter.checks.subject import Subject
from moderation.filter.memory import WAVE_MS, Memory
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

ACCOUNTS_MIN = 3
"""From so many others on: two may have had the same thought, or copied one from the other."""


def check(subject: Subject, rules: RoomRules, memory: Memory) -> Sequence[TextReason]:
    """``repeated_by_many``."""
    about = subject.about
    if rules.adverts == "allow" or (like := subject.folded.like) is None:
        return ()
    others = memory.accounts(about.room_id or "", about.user_id or "", like, about.now_ms)
    if others < ACCOUNTS_MIN:
        return ()
    rule = f"{others} others within {WAVE_MS // 60_000} min"
    return (TextReason("adverts", "repeated_by_many", rules.adverts, rule),)
