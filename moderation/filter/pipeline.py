"""All checks of a text: every cheap one runs, every reason is kept, and the strictest verdict wins.

So the order of the checks can't matter. Pure but for the memory that is handed in, which checks only read:
what was taken is counted by ``Memory.count``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from moderation.filter.checks import adverts, contacts, floods, joined, links, screen, walls, words
from moderation.filter.checks.subject import Subject
from moderation.filter.checks.words import Words, strictest
from moderation.filter.folded import folded
from moderation.filter.memory import Memory
from moderation.filter.words import masked
from moderation.rulebook.rules import RoomRules
from rooms.ports import About, CheckedText, TextReason


class Stopwatch(Protocol):
    """Told when each step of a check is done, in order; the first one it hears of is ``fold``."""

    def lap(self, step: str) -> None: ...


class Pipeline:
    """The checks with a room's word lists and rules. Keeps nothing of the texts it sees."""

    def __init__(self, lists: Sequence[Words], rules: RoomRules) -> None:
        self._lists = tuple(lists)
        self._rules = rules

    def check(
        self, text: str, about: About, memory: Memory | None = None, stopwatch: Stopwatch | None = None
    ) -> CheckedText:
        """What the checks make of ``text`` (as ``clean_text`` gives it). Those that go by what was said
        before take part for comments of which the sender is known, if there is a memory."""
        lap = None if stopwatch is None else stopwatch.lap
        subject = Subject(text, about, folded(text))
        if lap:
            lap("fold")
        reasons = self._reasons(subject, memory, lap)
        return join(text, reasons) if reasons else CheckedText("allow", text)

    def _reasons(
        self, subject: Subject, memory: Memory | None, lap: Callable[[str], None] | None
    ) -> list[TextReason]:
        """What was found elsewhere and what each check finds; ``lap`` hears of each when it is done."""
        rules, lists, about = self._rules, self._lists, subject.about
        found = [*about.found, *words.check(subject, rules, lists)]
        if lap:
            lap("words")
        if about.kind in ("title", "product"):
            return found  # a host may say where to find the shop
        hinted = screen.may_hold(subject.folded.views)
        if hinted:
            found += links.check(subject, rules)
        if lap:
            lap("links")
        if hinted:
            found += contacts.check(subject, rules)
        if lap:
            lap("contacts")
        if about.kind in ("name", "speech"):
            return found  # how a transcriber writes is no wall of anybody's
        found += walls.check(subject, rules)
        if lap:
            lap("walls")
        if memory is not None and about.room_id is not None and about.user_id is not None:
            found += self._by_memory(subject, memory, lap)
        return found

    def _by_memory(
        self, subject: Subject, memory: Memory, lap: Callable[[str], None] | None
    ) -> list[TextReason]:
        """What is found by what was said before."""
        rules = self._rules
        found = [*adverts.check(subject, rules, memory)]
        if lap:
            lap("adverts")
        found += floods.check(subject, rules, memory)
        if lap:
            lap("floods")
        found += joined.check(subject, rules, memory, self._lists)
        if lap:
            lap("joined")
        return found


def join(text: str, reasons: Iterable[TextReason]) -> CheckedText:
    """The verdict on ``text`` for these reasons, whatever their order. What is to be masked is masked, also
    in a text that is held: it may be shown later. A text that is to be masked as a whole is all stars."""
    kept = tuple(sorted(set(reasons), key=_order))
    verdict = strictest(kept)
    if verdict in ("allow", "deny"):
        return CheckedText(verdict, text, kept)
    spans = [
        (reason.start or 0, len(text) if reason.end is None else reason.end)
        for reason in kept
        if reason.verdict == "mask"
    ]
    return CheckedText(verdict, masked(text, spans), kept)


def _order(reason: TextReason) -> tuple[int, int, str, str, str, str]:
    start = -1 if reason.start is None else reason.start
    end = -1 if reason.end is None else reason.end
    return start, end, reason.check, reason.code, reason.rule, reason.verdict
