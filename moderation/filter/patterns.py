"""Regular expressions of word lists, all matched in one pass and in linear time (RE2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import re2

from moderation.filter.entries import REGEX_MAX_CHARS, Entry
from moderation.filter.normalise import Normalised

MEMORY_MAX = 32 * 1024 * 1024
"""Bytes that one pattern, or so many together, may take."""
TOGETHER_MAX = 250
_PROBE = "\U0010fffd"


class Patterns:
    """Patterns are matched, without regard to case, against the folded text with everything in its place, and
    against what is left without signs and white space."""

    def __init__(self) -> None:
        self._entries: list[tuple[Entry, Any]] = []
        self._parts: list[tuple[Any, Sequence[tuple[Entry, Any]]]] = []

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
        entries = self._entries
        parts = [entries[at : at + TOGETHER_MAX] for at in range(0, len(entries), TOGETHER_MAX)]
        self._parts = [(_together(part), part) for part in parts]

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        for together, entries in self._parts:
            for text in (seen.kept, seen.text) if len(seen.text) != len(seen.kept) else (seen.kept,):
                for number in together.Match(text) or ():
                    entry, compiled = entries[number]
                    at = None if text is seen.kept else seen.at
                    yield from _spans(entry, compiled, text, at, level_of(entry.category))


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
