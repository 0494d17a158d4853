"""Regular expressions of word lists: those that can match are, in linear time (RE2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import re2

from moderation.filter.entries import REGEX_MAX_CHARS, Entry
from moderation.filter.normalise import Normalised

MEMORY_MAX = 32 * 1024 * 1024
"""Bytes that one pattern, or so many together, may take."""
TOGETHER_MAX = 60
"""More have so many states together that most texts meet one which has to be worked out first."""
FILTERED_MAX = 400
"""So many share a pass for the words that they need."""
_OF_WORDS = re.compile(r"\\[bBsSW]|[ ^$]")
_PROBE = "\U0010fffd"


class Patterns:
    """Patterns are matched, without regard to case, against the folded text with everything in its place.
    Those that say nothing of where words begin and end, or what stands between them, are also matched against
    what is left without signs and white space."""

    def __init__(self) -> None:
        self._entries: list[tuple[Entry, Any]] = []
        self._as_written = self._closed_up = _Together(())

    def add(self, entry: Entry) -> None:
        """Raises ``ValueError`` with RE2's words for a pattern that it doesn't take."""
        if len(entry.text) > REGEX_MAX_CHARS:
            raise ValueError(f"a pattern of more than {REGEX_MAX_CHARS} characters")
        try:
            compiled = re2.compile(entry.text, _options())
        except re2.error as error:
            why = error.args[0] if error.args else ""
            raise ValueError(f"{entry.text!r}: {why.decode() if isinstance(why, bytes) else why}") from error
        if compiled.search("") is not None:
            raise ValueError(f"{entry.text!r}: matches where nothing stands")
        self._entries.append((entry, compiled))

    def compile(self) -> None:
        """Once, after the last ``add``. Raises ``ValueError`` if some are too large together."""
        self._as_written = _Together(self._entries)
        self._closed_up = _Together([one for one in self._entries if not _OF_WORDS.search(one[0].text)])

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Sequence[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        kept, text = seen.kept, seen.text
        written = self._as_written.found(kept)
        closed = self._closed_up.found(text) if len(text) != len(kept) else ()
        if not written and not closed:
            return ()
        found: list[tuple[Entry, int, int]] = []
        for entry, compiled in written:
            found += _spans(entry, compiled, kept, None, level_of(entry.category))
        for entry, compiled in closed:
            found += _spans(entry, compiled, text, seen.at, level_of(entry.category))
        return found


class _Together:
    """Patterns that are matched in two passes: one for the words that most of them need, so that only those
    of which a text has them are matched, and one for all those that need none."""

    def __init__(self, entries: Sequence[tuple[Entry, Any]]) -> None:
        self._entries: list[tuple[Entry, Any]] = []
        self._passes: list[tuple[Callable[[bytes], Sequence[int] | None], int]] = []
        for at in range(0, len(entries), FILTERED_MAX):
            self._add(entries[at : at + FILTERED_MAX])

    def _add(self, entries: Sequence[tuple[Entry, Any]]) -> None:
        needless = _needless(entries)
        needing = [one for number, one in enumerate(entries) if number not in needless]
        if needing:
            self._passes.append((_filter(needing).Match, len(self._entries)))
            self._entries += needing
        rest = [entries[number] for number in sorted(needless)]
        for at in range(0, len(rest), TOGETHER_MAX):
            part = rest[at : at + TOGETHER_MAX]
            self._passes.append((_set(part).Match, len(self._entries)))
            self._entries += part

    def found(self, text: str) -> Sequence[tuple[Entry, Any]]:
        found: list[tuple[Entry, Any]] = []
        encoded = text.encode()
        for match, first in self._passes:
            numbers = match(encoded)
            if numbers:
                found += [self._entries[first + number] for number in numbers]
        return found


def _spans(
    entry: Entry, compiled: Any, text: str, at: Sequence[int] | None, level: int
) -> Iterator[tuple[Entry, int, int]]:
    if entry.action == "allow" or entry.severity <= level:
        for found in compiled.finditer(text):
            start, last = found.start(), found.end() - 1
            if last >= start:
                yield entry, *((start, last) if at is None else (at[start], at[last]))


def _needless(entries: Sequence[tuple[Entry, Any]]) -> frozenset[int]:
    """The numbers of those that may match a text whatever words it has; all of them, if there are too many
    words together."""
    try:
        needs = _filter(entries)
        needless = frozenset(needs.Match("", True) or ())
        if needless.union([len(entries)]) == frozenset(needs.Match(_PROBE, True) or ()):
            return needless
    except re2.error:
        pass
    return frozenset(range(len(entries)))


def _filter(entries: Sequence[tuple[Entry, Any]]) -> Any:
    needs = re2.Filter()
    for entry, _ in entries:
        needs.Add(entry.text, _options())
    needs.Add(_PROBE, _options())
    needs.Compile()
    return needs


def _set(entries: Sequence[tuple[Entry, Any]]) -> Any:
    together = re2.Set.SearchSet(_options())
    try:
        for entry, _ in entries:
            together.Add(entry.text)
        probe = together.Add(_PROBE)
        together.Compile()
    except re2.error as error:
        raise ValueError(f"patterns are too large together: {error}") from error
    if together.Match(_PROBE) != [probe]:  # short of memory, it would find nothing and not say so
        raise ValueError("patterns are too large together")
    return together


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MEMORY_MAX
    return options
