"""The rooms' port ``TextRules`` on the moderation filter: each room's lists and rules, and one memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram

from moderation.filter import TextFilter, clean_text
from moderation.filter.checks.words import Words
from moderation.filter.folded import folded
from moderation.filter.memory import Memory, Undo
from moderation.filter.pipeline import Pipeline, join
from moderation.rulebook.rules import DEFAULT_RULES, RoomRules
from moderation.rulebook.shield import under_shield
from rooms.log import LogEvent
from rooms.ports import NOTHING, About, CheckedText
from server.word_files import came_along

TIMED_ONE_IN = 64
NAMES_MAX = 4096
"""Names that a book remembers, some hundred bytes each; with more at once, all are judged anew."""
_BUCKETS = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3)


class Book(Protocol):
    """Rules, and compiled lists, that belong together."""

    @property
    def rules(self) -> RoomRules: ...

    @property
    def words(self) -> Sequence[Words]: ...

    @property
    def names(self) -> dict[str, str | None]:
        """What names came to by this book: goes with it. Kept by ``Texts``."""
        ...


class Books(Protocol):
    """Where the book of a room is looked up; None: of texts that are no room's. Quick, without I/O: asked in
    the writer. May raise ``Refused`` (temporary) for one that isn't at hand."""

    def book(self, room_id: str | None) -> Book: ...


@dataclass(frozen=True, slots=True)
class FixedBook:
    rules: RoomRules
    words: Sequence[Words]
    names: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)


class OneBook:
    """The same for each room: the lists that come along and those of the config, and the default rules."""

    def __init__(self, word_lists: Sequence[Path] = (), rules: RoomRules = DEFAULT_RULES) -> None:
        self._book = FixedBook(rules, (TextFilter.load(word_lists) if word_lists else came_along().words,))

    def book(self, room_id: str | None) -> Book:
        return self._book


class Texts:
    """Cleans and judges what people write.

    ``check`` of comments and ``said`` are the writer's; ``judge`` and ``heard`` are for any thread. ``asked``
    gives what viewers of a room are asked to write, by a lottery: that many then write the same is no advert.
    """

    def __init__(
        self,
        books: Books | None = None,
        *,
        asked: Callable[[str], Collection[str]] = lambda room_id: (),
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._books = books or OneBook()
        self._asked = asked
        self._memory = Memory()
        self._meters = _Meters(registry or CollectorRegistry())

    def rules(self, room_id: str | None) -> RoomRules:
        return self._books.book(room_id).rules

    def clean(self, raw: str, max_chars: int) -> str:
        return clean_text(raw, max_chars)

    def check(self, text: str, about: About = NOTHING) -> CheckedText:
        checked = self._pipeline(about).check(text, about, self._memory, self._meters.next())
        if about.room_id and any(reason.check in ("adverts", "floods") for reason in checked.reasons):
            checked = self._unless_asked(checked, text, about.room_id)
        self._meters.count(checked)
        return checked

    def judge(self, text: str, about: About = NOTHING) -> CheckedText:
        """The same by the text alone, whatever was said before."""
        return self._pipeline(about).check(text, about)

    def name_in(self, room_id: str | None, name: str) -> str | None:
        """What may be shown of somebody's name, in a room or (None) where no room is: the name, or with stars
        in it. None: nothing, as it is an insult as a whole, says where to buy, or would have to wait for
        somebody to look at it. Judged once by each book. For any thread; may raise ``Refused`` as books do.
        """
        book = self._books.book(room_id)
        try:
            return book.names[name]
        except KeyError:
            pass
        about = About("name", room_id)
        checked = Pipeline(book.words, book.rules).check(name, about)
        shown = {"allow": name, "mask": checked.text}.get(checked.verdict)
        if len(book.names) >= NAMES_MAX:
            book.names.clear()
        book.names[name] = shown
        return shown

    def said(self, text: str, about: About) -> Undo:
        if about.room_id is None or about.user_id is None:
            return lambda: None
        return self._memory.count(about.room_id, about.user_id, text, folded(text), about.now_ms)

    def heard(self, event: LogEvent) -> None:
        """A comment was published, here or at another node."""
        if event.user_id is not None:
            text = orjson.loads(event.body)["data"].get("text", "")
            self._memory.hear(event.room_id, event.user_id, text, event.at_ms)

    def _pipeline(self, about: About) -> Pipeline:
        book = self._books.book(about.room_id)
        return Pipeline(book.words, under_shield(book.rules, about.shield))

    def _unless_asked(self, checked: CheckedText, text: str, room_id: str) -> CheckedText:
        said = _plain(text)
        if not any(_plain(phrase) in said for phrase in self._asked(room_id)):
            return checked
        return join(text, [one for one in checked.reasons if one.check not in ("adverts", "floods")])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


class _Meters:
    """What checks take, measured of one text in so many, and what they come to, of each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "danmart_filter_seconds",
            f"What a check of the filter takes of a text, measured of one in {TIMED_ONE_IN}",
            ["check"],
            registry=registry,
            buckets=_BUCKETS,
        )
        self._verdicts = Counter(
            "danmart_filter_verdicts_total",
            "Texts that the filter did something about",
            ["verdict"],
            registry=registry,
        )
        self._count = 0

    def next(self) -> _Laps | None:
        self._count += 1
        return None if self._count % TIMED_ONE_IN else _Laps(self._seconds)

    def count(self, checked: CheckedText) -> None:
        if checked.verdict != "allow":
            self._verdicts.labels(checked.verdict).inc()


class _Laps:
    """A stopwatch for one text."""

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds
        self._since = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self._seconds.labels(step).observe(now - self._since)
        self._since = time.perf_counter()
