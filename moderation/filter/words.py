"""The word filter: each spelling of each entry looked for at once (Aho-Corasick) in a text's readings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

from moderation.filter.clean import perceived_length
from moderation.filter.entries import Entry, ListProblem, WordListError
from moderation.filter.fold import Kind
from moderation.filter.gaps import SUFFIX_MAX, gaps_fit, runs_fit
from moderation.filter.holes import Holes
from moderation.filter.keys import Keys
from moderation.filter.normalise import Normalised, Reading, normalise
from moderation.filter.patterns import Patterns
from moderation.filter.readings import by_sound, further
from moderation.filter.segments import is_cut
from moderation.filter.spellings import HEARD_MIN, Spelling, heard, spellings, squeezed
from moderation.filter.word_lists import bundled, read
from moderation.rulebook.rules import DEFAULT_LEVEL

MASK = "*"
PROBLEMS_MAX = 20
MODEL_MAX = 3
"""Letters that a product's name may begin with: longer ones are words."""
_MODEL = re.compile(r"-\d{2,}")

LevelOf = Callable[[str], int]
"""How much of a category is caught: 0 nothing, 1 only severity 1, … 4 all of it."""
Found = tuple[Entry, int, int]


def usual_level(category: str) -> int:
    """The level where nobody has set one. Claims are looked for only where somebody asks for them."""
    return 0 if category == "claims" else DEFAULT_LEVEL


@dataclass(frozen=True, slots=True)
class WordHit:
    """An entry, and the span of the original text (code points, end exclusive) that it was found in."""

    entry: Entry
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One hit: the entry's text, its list's category and language, and the span in the checked text."""

    word: str
    category: str
    language: str | None
    action: Literal["mask", "hold", "deny"]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the lists say to a text. ``text`` is the text to show: masked for ``mask``, else unchanged."""

    action: Literal["allow", "mask", "hold", "deny"]
    text: str
    reasons: tuple[Reason, ...] = ()


class TextFilter:
    """Checks texts against word lists. Pure after loading; a check depends on nothing but its arguments, so
    one filter may serve several threads, rooms and levels. ``size`` is the number of entries.

    Raises ``WordListError`` with every entry that can't be compiled (at most ``PROBLEMS_MAX`` are told).
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: list[Entry] = []
        self._plain, self._drawn, self._sounds = (Keys(self._entries) for _ in range(3))
        self._patterns = Patterns()
        self._holes = Holes(self._plain)
        problems: list[tuple[str, ListProblem]] = []
        for entry in entries:
            try:
                self._add(entry)
            except ValueError as problem:
                problems.append((entry.list, ListProblem(entry.line, str(problem))))
        if problems:
            name = problems[0][0]
            raise WordListError.of(
                name or "word list", [p for of, p in problems if of == name][:PROBLEMS_MAX]
            )
        for keys in (self._plain, self._drawn, self._sounds):
            keys.link()
        try:
            self._patterns.compile()
        except ValueError as problem:
            raise WordListError(str(problem)) from problem

    @property
    def size(self) -> int:
        return len(self._entries)

    def _add(self, entry: Entry) -> None:
        index = len(self._entries)
        self._entries.append(entry)
        if entry.match == "regex":
            self._patterns.add(entry)
            return
        for made in spellings(entry):
            number = self._plain.add(index, made)
            self._holes.add(number, made, entry)
            once = squeezed(made)
            if once:
                self._drawn.add(index, once)
        for made in heard(entry):
            self._sounds.add(index, made)

    @classmethod
    def load(cls, paths: Sequence[Path] = (), *, with_bundled: bool = True) -> TextFilter:
        """The filter of the lists at ``paths`` and those that come with Danmart. Raises ``WordListError``."""
        entries = bundled() if with_bundled else []
        for path in paths:
            entries += read(path)
        return cls(entries)

    def hits(self, seen: Normalised, level_of: LevelOf = usual_level) -> list[WordHit]:
        """Every entry that is found in ``seen``, caught at its category's level, and not inside a text that
        the lists allow; each at most once for each span, in the order of their spans."""
        marks = self._found(seen, level_of)
        if not marks:
            return []
        found: dict[tuple[str, int, int], WordHit] = {}
        allowed: list[tuple[int, int]] = []
        for entry, first, last in marks:
            start, end = seen.span(first, last)
            if entry.action == "allow":
                allowed.append((start, end))
            elif not is_cut(seen.kept, first, last, entry):
                found.setdefault((entry.text, start, end), WordHit(entry, start, end))
        if not found:
            return []
        hits = _unshielded(found.values(), allowed) if allowed else found.values()
        return sorted(hits, key=lambda hit: (hit.start, hit.end))

    def check(self, text: str, level_of: LevelOf = usual_level) -> Verdict:
        """What the lists say to ``text`` (as ``clean_text`` gives it)."""
        hits = self.hits(normalise(text), level_of)
        if not hits:
            return Verdict("allow", text)
        reasons = tuple(
            Reason(h.entry.text, h.entry.category, h.entry.language, h.entry.action, h.start, h.end)
            for h in hits
            if h.entry.action != "allow"
        )
        actions = {reason.action for reason in reasons}
        if "deny" in actions or "hold" in actions:
            return Verdict("deny" if "deny" in actions else "hold", text, reasons)
        return Verdict("mask", masked(text, [(hit.start, hit.end) for hit in hits]), reasons)

    def _found(self, seen: Normalised, level_of: LevelOf) -> list[Found]:
        """Entries with the first and the last index in ``seen.kept``."""
        found: list[Found] = []
        _look(self._plain, seen, level_of, found)
        for reading in further(seen):
            _look(self._plain, reading, level_of, found)
            if reading.drawn_from:
                _look(self._drawn, reading, level_of, found)
        if not seen.kept.isascii() and len(seen.text) >= HEARD_MIN and self._sounds:
            _look(self._sounds, by_sound(seen.kept), level_of, found)
        found += self._holes.find(seen, level_of)
        found += self._patterns.find(seen, level_of)
        return found


def _look(keys: Keys, reading: Reading, level_of: LevelOf, into: list[Found]) -> None:
    for spelling, first, end in keys.find(reading):
        if reading.syllabic and not spelling.spaceless:
            continue
        entry = spelling.entry
        if entry.severity > level_of(entry.category) and entry.action != "allow":
            continue
        stop = _end(spelling, reading, first, end)
        if stop:
            into.append((entry, reading.at[first], reading.last(stop - 1)))


def _end(spelling: Spelling, reading: Reading, first: int, end: int) -> int:
    """Where the word ends that ``spelling`` is in the reading at ``first``; 0 if it isn't one there."""
    if (not spelling.open_start or _spelled_out(spelling, reading, first)) and not reading.word_starts(first):
        return 0
    stop = end
    if spelling.stem and (spelling.open_end or reading.word_starts(end)):
        return 0
    if (not spelling.open_end or _spelled_out(spelling, reading, end - 1)) and not reading.word_starts(end):
        stop = _suffixed(spelling, reading, end)
        if not stop:
            return 0
    if not gaps_fit(spelling, reading, first, end):
        return 0
    if spelling.syllables and not _reads_as(spelling, reading, first, end):
        return 0
    if reading.drawn_from and not runs_fit(spelling, reading, first):
        return 0
    if _is_counted(spelling, reading, first, end):
        return 0
    if spelling.entry.match == "exact" and (first or stop != len(reading.text)):
        return 0
    return stop if spelling.entry.action != "allow" else _inflected(spelling, reading, stop)


def _is_counted(spelling: Spelling, reading: Reading, first: int, end: int) -> bool:
    """Whether letters are of a product's name, such as SB-500, or what a figure counts: 5000mA的."""
    kept = reading.kept
    if len(spelling.key) <= MODEL_MAX and spelling.key.isascii():
        return _MODEL.match(kept, reading.at[end - 1] + 1) is not None
    at = reading.at[first]
    return spelling.spaceless and "a" <= kept[at] <= "z" and kept[:at].rstrip(" ")[-1:].isdigit()


def _spelled_out(spelling: Spelling, reading: Reading, index: int) -> bool:
    """Whether this is a Latin letter of a Chinese word: 傻b is no part of 傻bubu."""
    return spelling.spaceless and reading.kind(index) is not Kind.IDEOGRAPH


def _suffixed(spelling: Spelling, reading: Reading, end: int) -> int:
    """Where the word ends with a suffix that it may have; 0: it has another."""
    if not spelling.suffixes:
        return 0
    stop = end + 1
    while stop - end <= SUFFIX_MAX and not reading.word_starts(stop):
        stop += 1
    return stop if reading.text[end:stop] in spelling.suffixes else 0


def _inflected(spelling: Spelling, reading: Reading, end: int) -> int:
    """Where an allowed word that is open at ``end`` does end: ``heroine*`` covers all of "heroines"."""
    if not spelling.open_end or spelling.spaceless:
        return end
    furthest = min(end + SUFFIX_MAX, len(reading.text))
    stop = next((at for at in range(end, furthest + 1) if reading.word_starts(at)), end)
    return stop if reading.text[end:stop] in _INFLECTIONS else end


_INFLECTIONS = frozenset("s es d ed r er rs ers n ns en ing ings y ies ied al ly".split())  # noqa: SIM905


def _reads_as(spelling: Spelling, reading: Reading, first: int, end: int) -> bool:
    """Whether each syllable is spelled out, or the very character that the entry has, and enough are."""
    at, kept = reading.at, reading.kept
    spelled = 0
    bounds = [first + start for start, _ in spelling.syllables] + [end]
    for index, (_, char) in enumerate(spelling.syllables):
        start, stop = bounds[index], bounds[index + 1]
        here = kept[at[start]]
        if here.isascii():
            spelled += stop - start
            if not all(kept[at[i]].isascii() for i in range(start, stop)):
                return False
        elif (
            here != char
            or (at[start] == at[start - 1] and start)
            or (stop < len(at) and at[stop] == at[stop - 1])
        ):
            return False
    if not spelled:
        return False  # as it is written; the plain reading has it, by stricter rules
    return spelled < end - first or spelled >= (
        5 if spelling.entry.initials or len(bounds) > 3 else _LATIN_MIN
    )


_LATIN_MIN = 6
"""Two syllables in no more than five letters are a name, or English, more often than an insult."""


def _unshielded(hits: Iterable[WordHit], allowed: list[tuple[int, int]]) -> list[WordHit]:
    """The hits that no allowed text makes innocent: by a hit standing inside it, or, where words aren't set
    apart, by overlapping it, for then the words are cut at the allowed one's ends (我|操作)."""
    allowed.sort()
    starts = [start for start, _ in allowed]
    reach = list(accumulate((end for _, end in allowed), max))

    def reached(start: int) -> int:
        """The furthest end of those that begin before ``start``."""
        index = bisect_left(starts, start)
        return reach[index - 1] if index else -1

    return [
        hit
        for hit in hits
        if reached(hit.start + 1) < hit.end
        and not (
            hit.entry.language == "zh" and (reached(hit.start) > hit.start or reached(hit.end) > hit.end)
        )
    ]


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` with a star for each character, as people count them, of each span; spaces inside stay."""
    parts: list[str] = []
    position = 0
    for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        start = max(begin, position)
        if end <= start:
            continue
        parts.append(text[position:start])
        words = text[start:end].split(" ")
        parts.append(" ".join(MASK * perceived_length(word) for word in words))
        position = end
    return "".join(parts) + text[position:]
