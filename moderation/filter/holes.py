"""Words with letters starred out: ``bit*h``, ``f**k``, ``shi*``, 草*马."""

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
_VEILED = re.compile("(?<=[\u4e00-\u9fff])[*#×□]")
HAN_MAX = 4
_TELLING = frozenset("傻煞贱婊骚屌肏艹垃畜")
"""Of a word of two characters, one of these says enough: 傻*."""


class Holes:
    """Finds words of which some letters, never the first, are starred out: one of them anywhere, or all but
    the first and the last."""

    def __init__(self) -> None:
        self._words: dict[tuple[int, str, str], list[Spelling]] = {}
        self._veiled: dict[str, list[Entry]] = {}

    def add(self, spelling: Spelling) -> None:
        word, entry = spelling.key, spelling.entry
        if spelling.spaceless and (entry.initials or entry.reverse) and entry.category == "profanity":
            self._add_veiled(word, entry)
        plain = word.isascii() and word.isalpha() and not spelling.syllables and not spelling.spaceless
        if plain and not spelling.gaps and entry.action != "allow" and WORD_MIN <= len(word) <= WORD_MAX:
            self._words.setdefault((len(word), word[0], word[-1]), []).append(spelling)
            self._words.setdefault((len(word), word[:2], ""), []).append(spelling)

    def _add_veiled(self, word: str, entry: Entry) -> None:
        """All but the first of a Chinese word's characters may be starred out, one of them."""
        if (
            not 2 <= len(word) <= HAN_MAX
            or not all("\u4e00" <= char <= "\u9fff" for char in word)
            or (len(word) == 2 and word[0] not in _TELLING)
        ):
            return
        for at in range(1, len(word)):
            self._veiled.setdefault(word[:at] + "*" + word[at + 1 :], []).append(entry)

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        kept = seen.kept
        if self._veiled and ("*" in kept or "#" in kept or "×" in kept or "□" in kept):
            yield from self._unveiled(seen.kept, level_of)
        if not self._words or not _HOLED.search(seen.kept):
            return
        for found in _STARRED.finditer(seen.kept):
            token = found[0].rstrip("_-.%")
            if len(token) > WORD_MAX + SUFFIX_MAX or not _HOLES.intersection(token):
                continue
            for entry, length in self._fitting(token):
                if entry.severity <= level_of(entry.category):
                    yield entry, found.start(), found.start() + length - 1

    def _unveiled(self, kept: str, level_of: Callable[[str], int]) -> Iterator[tuple[Entry, int, int]]:
        for star in _VEILED.finditer(kept):
            at = star.start()
            for first in range(max(0, at - HAN_MAX + 1), at):
                for end in range(at + 1, first + HAN_MAX + 1):
                    for entry in self._veiled.get(kept[first:at] + "*" + kept[at + 1 : end], ()):
                        if end <= len(kept) and entry.severity <= level_of(entry.category):
                            yield entry, first, end - 1

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
