"""Regular expressions of word lists, all matched in one pass and in linear time (RE2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import re2

from moderation.filter.entries import REGEX_MAX_CHARS, Entry
from moderation.filter.normalise import Normalised

MEMORY_MAX = 8 * 1024 * 1024
"""Bytes that a category's patterns may take together, and one by itself."""


class Patterns:
    """Patterns are matched, without regard to case, against the folded text with everything in its place, and
    against what is left without signs and white space."""

    def __init__(self) -> None:
        self._entries: dict[str, list[tuple[Entry, Any]]] = {}
        self._sets: dict[str, tuple[Any, int]] = {}

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
        self._entries.setdefault(entry.category, []).append((entry, compiled))

    def compile(self) -> None:
        """Once, after the last ``add``. Raises ``ValueError`` if they are too large together."""
        for category, entries in self._entries.items():
            together = re2.Set.SearchSet(_options())
            for entry, _ in entries:
                together.Add(entry.text)
            together.Compile()
            severities = (1 if entry.action == "allow" else entry.severity for entry, _ in entries)
            self._sets[category] = (together, min(severities))

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        for category, (together, worst) in self._sets.items():
            level = level_of(category)
            if level < worst:
                continue
            for text, tight in ((seen.kept, False), (seen.text, True)):
                for number in together.Match(text) if text else ():
                    entry, compiled = self._entries[category][number]
                    if entry.action == "allow" or entry.severity <= level:
                        for found in compiled.finditer(text):
                            start, last = found.start(), found.end() - 1
                            if last >= start:
                                yield entry, *((seen.at[start], seen.at[last]) if tight else (start, last))
                if len(seen.text) == len(seen.kept):
                    break


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MEMORY_MAX
    return options
