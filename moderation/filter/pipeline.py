"""All checks of a text: every cheap one runs, every reason is kept, and the strictest verdict wins.

So the order of the checks can't matter. Pure but for the memory that is handed in, which checks only read:
what was taken is counted by ``Memory.count``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from moderation.filter.checks import adverts, contacts, floods, joined, links, walls, words
from moderation.filter.checks.subject import Subject
from moderation.filter.checks.words import Words, strictest
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
        subject = Subject.of(text, about)
        if stopwatch is not None:
            stopwatch.lap("fold")
        reasons: list[TextReason] = list(about.found)
        for name, found in self._steps(subject, memory):
            reasons.extend(found())
            if stopwatch is not None:
                stopwatch.lap(name)
        return join(text, reasons)

    def _steps(
        self, subject: Subject, memory: Memory | None
    ) -> Iterator[tuple[str, Callable[[], Iterable[TextReason]]]]:
        rules, lists, about = self._rules, self._lists, subject.about
        yield "words", lambda: words.check(subject, rules, lists)
        if about.kind in ("title", "product"):
            return  # a host may say where to find the shop
        yield "links", lambda: links.check(subject, rules)
        yield "contacts", lambda: contacts.check(subject, rules)
        if about.kind == "name":
            return
        yield "walls", lambda: walls.check(subject, rules)
        if memory is None or about.room_id is None or about.user_id is None:
            return
        yield "adverts", lambda: adverts.check(subject, rules, memory)
        yield "floods", lambda: floods.check(subject, rules, memory)
        yield "joined", lambda: joined.check(subject, rules, memory, lists)


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
