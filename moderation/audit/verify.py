"""Finding out whether a trail is what was written. Pure: links go in, problems come out.

What a single trail can't tell of itself is that it was written anew from some place on, with all hashes after
it: for that its heads are kept elsewhere and compared (``Anchors``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from moderation.audit.chain import START, Details, Link, what_digest, who_digest
from moderation.audit.ranges import Span, holds, merged, parsed

ERASE = "audit.erase"
"""The action of entries that say what was erased: ``facts`` has the places, by halves."""
HALVES = ("who", "what")

Head = tuple[int, bytes]
Anchors = Mapping[int, bytes]
"""What is known from elsewhere of a trail: hashes by places."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``code`` is one of: ``missing`` (no link at this place), ``unexpected`` (a link where none can be),
    ``altered`` (a link isn't what its hash says), ``unlinked`` (it doesn't follow the one before it),
    ``details_missing``, ``details_altered``, ``details_stray`` (without a link), ``erased_unnoted`` (no entry
    says that it was erased), ``head_missing``, ``head_wrong``, ``anchor`` (the hash kept elsewhere differs).
    ``seq`` is the place, None where it is the trail as a whole."""

    trail: str
    seq: int | None
    code: str
    what: str

    def wire(self) -> dict[str, Any]:
        return {"trail": self.trail, "seq": self.seq, "code": self.code, "what": self.what}


@dataclass(slots=True)
class Erased:
    """The places whose halves were erased, as the trail itself says."""

    spans: dict[str, list[Span]] = field(default_factory=lambda: {half: [] for half in HALVES})

    def take(self, facts: str) -> None:
        """Another entry's facts. Those that make no sense count for nothing: the entry is altered then."""
        try:
            said = orjson.loads(facts)
            found = {half: parsed(said.get(half, "")) for half in HALVES}
        except (ValueError, AttributeError, TypeError):
            return
        for half in HALVES:
            self.spans[half] = merged(self.spans[half] + found[half])

    def holds(self, half: str, seq: int) -> bool:
        return holds(self.spans[half], seq)


@dataclass(slots=True)
class Tally:
    """What was gone through."""

    entries: int = 0
    who_erased: int = 0
    what_erased: int = 0


class Checker:
    """One trail, link by link in the order of their places. ``erased`` is what the whole trail says of that,
    read before, as an erasure is noted after what it erases; it may be added to meanwhile. ``behind`` is the
    place and the hash of the link to go on behind, found whole before."""

    def __init__(
        self, trail: str, erased: Erased, anchors: Anchors | None = None, behind: Head = (0, START)
    ) -> None:
        self.tally = Tally()
        self._trail = trail
        self.erased = erased
        self._anchors = dict(anchors or {})
        self._seq, self._hash = behind

    @property
    def at(self) -> Head:
        """The place and the hash of the last link; 0 before the first."""
        return self._seq, self._hash

    def take(self, link: Link, details: Details | None) -> Iterator[Problem]:
        """The next link, and what lies beside it, if anything does."""
        self.tally.entries += 1
        yield from self._place(link)
        if _computed(link) != link.hash:
            yield self._problem(link.seq, "altered", "the entry isn't what its hash says")
        anchor = self._anchors.pop(link.seq, None)
        if anchor is not None and anchor != link.hash:
            yield self._problem(link.seq, "anchor", "the hash isn't the one that was kept elsewhere")
        yield from self._details(link, details)
        self._seq, self._hash = link.seq, link.hash

    def end(self, head: Head | None) -> Iterator[Problem]:
        """When there are no more; ``head`` is what the table of heads has."""
        if head is None:
            yield self._problem(None, "head_missing", "the trail has no head")
        elif head[0] > self._seq:
            lost = _span(self._seq + 1, head[0])
            yield self._problem(self._seq + 1, "missing", f"{lost} missing at the end, by the trail's head")
        elif head[0] < self._seq or head[1] != self._hash:
            yield self._problem(None, "head_wrong", f"the head is for {head[0]} and another hash")
        for seq in sorted(self._anchors):
            yield self._problem(seq, "anchor", "the entry whose hash was kept elsewhere isn't there")

    def _place(self, link: Link) -> Iterator[Problem]:
        if link.seq < 1:
            yield self._problem(link.seq, "unexpected", "no entry can have this place")
            return
        if link.seq > self._seq + 1:
            yield self._problem(self._seq + 1, "missing", f"{_span(self._seq + 1, link.seq - 1)} missing")
        elif link.prev_hash != self._hash:
            yield self._problem(link.seq, "unlinked", "the entry doesn't follow the one before it")

    def _details(self, link: Link, details: Details | None) -> Iterator[Problem]:
        if details is None:
            yield self._problem(link.seq, "details_missing", "what the entry says of people isn't there")
            return
        halves = (("who", details.who, link.who_digest), ("what", details.what, link.what_digest))
        for half, values, committed in halves:
            if values == (None, None, None):
                yield from self._gone(link.seq, half)
            elif _committed(half, values, link.id) != committed:
                yield self._problem(link.seq, "details_altered", f"{half} isn't what the entry commits to")

    def _gone(self, seq: int, half: str) -> Iterator[Problem]:
        if half == "who":
            self.tally.who_erased += 1
        else:
            self.tally.what_erased += 1
        if not self.erased.holds(half, seq):
            yield self._problem(seq, "erased_unnoted", f"{half} was erased, and no entry says so")

    def _problem(self, seq: int | None, code: str, what: str) -> Problem:
        return Problem(self._trail, seq, code, what)


def _span(low: int, high: int) -> str:
    return f"{low} is" if low == high else f"{low} to {high} are"


# A column may have been given a value of another type, which SQLite stores without a word.


def _computed(link: Link) -> bytes | None:
    try:
        return link.computed()
    except (TypeError, AttributeError, UnicodeError):
        return None


def _committed(half: str, values: tuple[Any, Any, Any], entry_id: str) -> bytes | None:
    try:
        return (who_digest if half == "who" else what_digest)(values[0], entry_id, values[1], values[2])
    except (TypeError, AttributeError, UnicodeError):
        return None
