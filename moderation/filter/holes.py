"""Words with letters starred out: ``bit*h``, ``f**k``, ``shi*``, 草*马."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator

from moderation.filter.entries import Entry
from moderation.filter.keys import Keys
from moderation.filter.normalise import Normalised
from moderation.filter.spellings import Key, Spelling

WORD_MIN, WORD_MAX = 4, 20
SUFFIX_MAX = 3
_STARRED = re.compile(r"[a-z][a-z*#%_.\-]+")
# From the sign on, with the letter looked back for: letters are what most of a text is made of.
_HOLED = re.compile(r"[*#%_\-.](?:(?<=[a-z].)[a-z*#%_\-.]|(?<=[a-z]{3}[*#]))")
# A picture amid letters stands for one of them, as a star does: c🌞nt.
_PICTURE = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff](?<=[a-z].)(?=[a-z])")
_HOLES = frozenset("*#%_-.")
_STARS = frozenset("*#")
_VEILED = re.compile("(?<=[\u4e00-\u9fff])[*#×□]")
HAN_MAX = 4
_TELLING = frozenset("傻煞贱婊骚屌肏艹垃畜")
"""Of a word of two characters, one of these says enough: 傻*."""


class _Bucket:
    """Words of one length, one after the other, and the numbers of their spellings."""

    __slots__ = ("numbers", "words")

    def __init__(self) -> None:
        self.words = bytearray()
        self.numbers = array("I")


class Holes:
    """Finds words of which some letters, never the first, are starred out: one of them anywhere, or all but
    the first and the last."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._words: dict[tuple[int, str, str], _Bucket] = {}
        self._veiled: dict[str, list[Entry]] = {}

    def add(self, number: int, made: Key, entry: Entry) -> None:
        """``number``: the spelling's in the keys."""
        word, shape, _ = made
        length = len(word)
        if shape.spaceless and (entry.initials or entry.reverse) and entry.category == "profanity":
            self._add_veiled(word, entry)
        if not WORD_MIN <= length <= WORD_MAX or shape.spaceless or shape.gaps or entry.action == "allow":
            return
        if word.isascii() and word.isalpha():
            for key in ((length, word[0], word[-1]), (length, word[:2], "")):
                bucket = self._words.get(key)
                if bucket is None:
                    bucket = self._words[key] = _Bucket()
                bucket.words += word.encode()
                bucket.numbers.append(number)

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

    def find(self, seen: Normalised, level_of: Callable[[str], int]) -> Iterable[tuple[Entry, int, int]]:
        """Entries with the first and the last index in ``seen.kept``."""
        kept = seen.kept
        if self._words and not kept.isascii():
            kept = _PICTURE.sub("*", kept)
        veiled = bool(self._veiled) and ("*" in kept or "#" in kept or "×" in kept or "□" in kept)
        starred = bool(self._words) and _HOLED.search(kept) is not None
        return self._found(kept, level_of, starred=starred, veiled=veiled) if veiled or starred else ()

    def _found(
        self, kept: str, level_of: Callable[[str], int], *, starred: bool, veiled: bool
    ) -> Iterator[tuple[Entry, int, int]]:
        if veiled:
            yield from self._unveiled(kept, level_of)
        if not starred:
            return
        for found in _STARRED.finditer(kept):
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
            for spelling in self._starred(key, word):
                if end == len(token) or spelling.open_end or token[end:] in spelling.suffixes:
                    yield spelling.entry, len(token)

    def _starred(self, key: tuple[int, str, str], word: str) -> Iterator[Spelling]:
        """The spellings that ``word`` may stand for."""
        bucket = self._words.get(key)
        if bucket is None or not _may_stand(word):
            return
        words, length = bucket.words, len(word)
        letters = [(at, ord(char)) for at, char in enumerate(word) if char not in _HOLES]
        for index, number in enumerate(bucket.numbers):
            start = index * length
            for at, letter in letters:
                if words[start + at] != letter:
                    break
            else:
                yield self._keys.spelling(number, words[start : start + length].decode())


def _may_stand(starred: str) -> bool:
    """Whether letters that are starred out like this may be meant."""
    holes = [char for char in starred if char in _HOLES]
    if not holes:
        return False
    stars = all(char in _STARS for char in holes)
    inner = starred[-1] not in _HOLES
    if len(holes) == 1:
        return inner or stars
    return stars and inner
