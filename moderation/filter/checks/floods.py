"""Floods: somebody says nearly the same again and again."""

from __future__ import annotations

from collections.abc import Sequence

from moderation.filter.checks.subject import Subject
from moderation.filter.memory import RECENT_MS, Memory, Said
from moderation.filter.near import Sketch, are_near, units
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

TIMES_MAX = 3
"""A question may be asked again that nobody answered."""
SHORT_TIMES_MAX = 6
SHORT_UNITS = 8
"""Applause: 666, 好看, wow."""


def check(subject: Subject, rules: RoomRules, memory: Memory) -> Sequence[TextReason]:
    """``flood``. Another number in it makes another comment: 「38码」 and 「39码」, bids, answers."""
    about = subject.about
    seen = subject.folded.seen
    if rules.floods == "allow" or not seen.text:
        return ()
    recent = memory.recent(about.room_id or "", about.user_id or "", about.now_ms)
    if len(recent) < min(TIMES_MAX, SHORT_TIMES_MAX):
        return ()
    times = sum(_is_same(seen.text, subject.folded.like, said) for said in recent)
    if times < (SHORT_TIMES_MAX if units(seen.text) < SHORT_UNITS else TIMES_MAX):
        return ()
    return (TextReason("floods", "flood", rules.floods, f"{times} times within {RECENT_MS // 1000} s"),)


def _is_same(folded: str, like: Sketch | None, said: Said) -> bool:
    if folded == said.folded:
        return True
    if like is None or said.sketch is None or _digits(folded) != _digits(said.folded):
        return False
    return are_near(like, said.sketch)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
