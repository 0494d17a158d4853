"""Words with letters starred out: ``bit*h``, ``f**k``, ``shi*``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from moderation.filter.entries import Entry
from moderation.filter.normalise import Normalised
from moderation.filter.spellings import Spelling

WORD_MIN, WORD_MAX = 4, 20
SUFFIX_MAX = 3
_STARRED = re.compile(r"[a-z][a-z*#%_.\-]+")
_HOLED = re.compile(r"[a-z][*#%_\-.][a-z*#%_\-.]|[a-z]{3}[*#]")
_HOLES = frozenset("*#%_-.")
_STARS = frozenset("*#")


class Holes:
    """Finds words of which some letters, never the first, are starred out: one of them anywhere, or all but
    the first and the last."""

    def __init__(self) -> None:
        self._words: dict[tuple[int, str, str], list[Spelling]] = {}

    def add(self, spelling: Spelling) -> None:
        word, entry = spelling.key, spelling.entry
        plain = word.isascii() and word.isalpha() and not spelling.syllables and not spelling.spaceless
        if plain and not spelling.gaps and entry.action != "allow" and WORD_MIN <= len(word) <= WORD_MAX:
            self._words.setdefault((len(word), word[0], word[-1]), []).append(spelling)
            self._words.setdefault((len(word), word[:2], ""), []).append(spelling)

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        if not self._words or not _HOLED.search(seen.kept):
            return
        for found in _STARRED.finditer(seen.kept):
            token = found[0].rstrip("_-.%")
            if len(token) > WORD_MAX + SUFFIX_MAX or not _HOLES.intersection(token):
                continue
            for entry, length in self._fitting(token):
                if entry.severity <= level_of(entry.category):
                    yield entry, found.start(), found.start() + length - 1

    def _fitting(self, token: str) -> Iterator[tuple[Entry, int]]:
        ends = [len(token)] + [
            len(token) - len(s) for s in ("s", "ed", "ing", "er", "in") if token.endswith(s)
        ]
        for end in ends:
            word = token[:end]
            open_end = word[-1:] in _HOLES
            key = (end, word[:2], "") if open_end else (end, word[:1], word[-1:])
            for spelling in self._words.get(key, ()):
                if (end == len(token) or spelling.open_end or token[end:] in spelling.suffixes) and _fits(
                    word, spelling.key
                ):
                    yield spelling.entry, len(token)


def _fits(starred: str, word: str) -> bool:
    holes = [char for char in starred if char in _HOLES]
    if not holes or any(
        char not in _HOLES and char != letter for char, letter in zip(starred, word, strict=True)
    ):
        return False
    stars = all(char in _STARS for char in holes)
    inner = starred[-1] not in _HOLES
    if len(holes) == 1:
        return inner or stars
    return stars and inner
