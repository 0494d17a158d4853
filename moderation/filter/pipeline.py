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
        lap = _no_lap if stopwatch is None else stopwatch.lap
        subject = Subject.of(text, about)
        lap("fold")
        reasons = [*about.found, *self._reasons(subject, memory, lap)]
        return join(text, reasons) if reasons else CheckedText("allow", text)

    def _reasons(
        self, subject: Subject, memory: Memory | None, lap: Callable[[str], None]
    ) -> Iterator[TextReason]:
        """What each check finds, one after the other; ``lap`` hears of each when it is done."""
        rules, lists, about = self._rules, self._lists, subject.about
        yield from words.check(subject, rules, lists)
        lap("words")
        if about.kind in ("title", "product"):
            return  # a host may say where to find the shop
        yield from links.check(subject, rules)
        lap("links")
        yield from contacts.check(subject, rules)
        lap("contacts")
        if about.kind in ("name", "speech"):
            return  # how a transcriber writes is no wall of anybody's
        yield from walls.check(subject, rules)
        lap("walls")
        if memory is None or about.room_id is None or about.user_id is None:
            return
        yield from adverts.check(subject, rules, memory)
        lap("adverts")
        yield from floods.check(subject, rules, memory)
        lap("floods")
        yield from joined.check(subject, rules, memory, lists)
        lap("joined")


def _no_lap(step: str) -> None:
    """Nobody is timing."""


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
