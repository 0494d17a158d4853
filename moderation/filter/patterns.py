"""Regular expressions of word lists, all matched in one pass and in linear time (RE2)."""

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
_OF_WORDS = re.compile(r"\\[bBsSW]|[ ^$]")
_PROBE = "\U0010fffd"


class Patterns:
    """Patterns are matched, without regard to case, against the folded text with everything in its place.
    Those that say nothing of where words begin and end, or what stands between them, are also matched against
    what is left without signs and white space."""

    def __init__(self) -> None:
        self._entries: list[tuple[Entry, Any]] = []
        self._as_written: list[_Together] = []
        self._closed_up: list[_Together] = []

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
        self._as_written = list(_parts(self._entries))
        self._closed_up = list(_parts([one for one in self._entries if not _OF_WORDS.search(one[0].text)]))

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        for part in self._as_written:
            for entry, compiled in part.found(seen.kept, level_of):
                yield from _spans(entry, compiled, seen.kept, None, level_of(entry.category))
        if len(seen.text) == len(seen.kept):
            return
        for part in self._closed_up:
            for entry, compiled in part.found(seen.text, level_of):
                yield from _spans(entry, compiled, seen.text, seen.at, level_of(entry.category))


class _Together:
    """Patterns that are matched in one pass."""

    def __init__(self, entries: Sequence[tuple[Entry, Any]]) -> None:
        self._entries = entries
        self._set = _together(entries)
        self._worst: dict[str, int] = {}
        for entry, _ in entries:
            severity = 1 if entry.action == "allow" else entry.severity
            self._worst[entry.category] = min(severity, self._worst.get(entry.category, severity))

    def found(self, text: str, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, Any]]:
        if any(level_of(category) >= worst for category, worst in self._worst.items()):
            for number in self._set.Match(text) or ():
                yield self._entries[number]


def _parts(entries: Sequence[tuple[Entry, Any]]) -> Iterator[_Together]:
    return (_Together(entries[at : at + TOGETHER_MAX]) for at in range(0, len(entries), TOGETHER_MAX))


def _spans(
    entry: Entry, compiled: Any, text: str, at: Sequence[int] | None, level: int
) -> Iterator[tuple[Entry, int, int]]:
    if entry.action == "allow" or entry.severity <= level:
        for found in compiled.finditer(text):
            start, last = found.start(), found.end() - 1
            if last >= start:
                yield entry, *((start, last) if at is None else (at[start], at[last]))


def _together(entries: Sequence[tuple[Entry, Any]]) -> Any:
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
