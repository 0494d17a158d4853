"""Text as the word lists see it: without costume, without gaps, with a way back to the original's offsets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import compress

from moderation.filter.fold import FOLDS, NOTHING, Kind, kind_of


class Gap(IntEnum):
    """What stood before a character and isn't compared."""

    NONE = 0
    TIGHT = 1
    """Signs, but no white space: ``f.u``."""
    WIDE = 2
    """White space, perhaps with signs."""
    STOP = 3
    """Signs that end a clause, such as 。 and ，, without white space."""


_STOPS = re.compile("[，。！？；：、…,!?;:]")
# Marks of scripts in which they are more than accents; those that are accents are folded away before.
_MARKS = (
    "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0816-\u0963"
    "\u0966-\u0dff\u0e31-\u0e4e\u0eb1-\u0ecd\u0f18-\u0fc6\u1000-\u109f\u135d-\u135f\u1712-\u17d3\u18a9"
    "\u1920-\u193b\u1a17-\u1a7f\u1b00-\u1bff\u1c24-\u1cf9\ua806-\ua8c5\ua926-\uaaff\uabe3-\uabed"
)
_SIGNS = re.compile(f"(?:[^\\w{_MARKS}]|_)+")
_COMPARED = re.compile(f"[^\\W_]|[{_MARKS}]")
_ASCII_SIGNS = {code: None for code in range(128) if not chr(code).isalnum()}
_ASCII_COMPARED = bytes(chr(code).isalnum() for code in range(128)) + bytes(128)
_REMEMBERED_MAX = 65_536


class _AreCompared(dict[str, bool]):
    """Whether a character is compared, worked out when it is first seen."""

    def __missing__(self, char: str) -> bool:
        compared = _COMPARED.match(char) is not None
        if len(self) < _REMEMBERED_MAX:
            self[char] = compared
        return compared


class _Kinds(dict[str, Kind | None]):
    """What a character is to a word, likewise."""

    def __missing__(self, char: str) -> Kind | None:
        kind = kind_of(char)
        if len(self) < _REMEMBERED_MAX:
            self[char] = kind
        return kind


_is_compared = _AreCompared().__getitem__
_KINDS = _Kinds()


class Reading:
    """One way to read a text. ``text`` is what is compared: folded letters, digits and ideographs, nothing
    between them. ``kept`` is the folded text with everything in its place: as long as ``Normalised.kept``.
    """

    __slots__ = ("_at", "drawn_from", "is_even", "kept", "text")
    syllabic = False
    """Whether ideographs are spelled out in ``text``."""

    def __init__(
        self, kept: str, *, text: str | None = None, at: Sequence[int] | None = None, drawn_from: str = ""
    ) -> None:
        self.kept = kept
        if text is None:
            text = kept.translate(_ASCII_SIGNS) if kept.isascii() else _SIGNS.sub("", kept)
        self.text = text
        self.drawn_from = drawn_from
        """What this was before runs of a letter were made one; "" if they weren't."""
        self._at = at
        self.is_even = at is None
        """Whether no character of ``kept`` came to several of ``text``."""

    @property
    def at(self) -> Sequence[int]:
        """Where in ``kept`` each character of ``text`` stands."""
        if self._at is None:
            kept = self.kept
            if len(self.text) == len(kept):
                self._at = range(len(kept))
            elif kept.isascii():
                self._at = [*compress(range(len(kept)), kept.encode().translate(_ASCII_COMPARED))]
            else:
                self._at = [*compress(range(len(kept)), map(_is_compared, kept))]
        return self._at

    def gap(self, index: int) -> Gap:
        """What stood before the character at ``index``, which isn't the first."""
        before, here = self.at[index - 1], self.at[index]
        if here - before < 2:
            return Gap.NONE
        between = self.kept[before + 1 : here].replace(NOTHING, "")
        if not between:
            return Gap.NONE
        if " " in between:
            return Gap.WIDE
        return Gap.STOP if _STOPS.search(between) else Gap.TIGHT

    def run(self, index: int) -> int:
        """How many of the same letter, in a row, the one at ``index`` stands for."""
        if not self.drawn_from:
            return 1
        at, letter, length = self.at[index], self.text[index], 1
        while at + 1 < len(self.kept) and self.kept[at + 1] == NOTHING:
            at += 1
            length += self.drawn_from[at] == letter
        return length

    def last(self, index: int) -> int:
        """The last index in ``kept`` of what was read as the character at ``index``."""
        last = self.at[index]
        while last + 1 < len(self.kept) and self.kept[last + 1] == NOTHING:
            last += 1
        return last

    def word_starts(self, index: int) -> bool:
        """Whether a word begins at ``index``; the end of the text begins one too."""
        if index in (0, len(self.text)) or self.kind(index) is not self.kind(index - 1):
            return True
        at = self.at
        return at[index] - at[index - 1] > 1 and self.gap(index) is not Gap.NONE

    def kind(self, index: int) -> Kind | None:
        return _KINDS[self.text[index]]


class Normalised(Reading):
    """``original`` read plainly. ``starts`` and ``ends`` are the span of each character of ``text`` in the
    original (code points, end exclusive); what isn't seen belongs to the character that it stands on."""

    __slots__ = ("_origins", "original")

    def __init__(self, original: str) -> None:
        self.original = original
        super().__init__(original.lower() if original.isascii() else original.translate(FOLDS))
        self._origins: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        return [self.span(at, at)[0] for at in self.at]

    @property
    def ends(self) -> list[int]:
        return [self.span(at, at)[1] for at in self.at]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The span in the original of ``kept[first:last + 1]``."""
        last += 1
        while last < len(self.kept) and self.kept[last] == NOTHING:
            last += 1
        if len(self.kept) == len(self.original):
            return first, last
        if self._origins is None:  # ligatures came to several letters
            self._origins = [at for at, char in enumerate(self.original) for _ in FOLDS[ord(char)]]
        return self._origins[first], self._origins[last - 1] + 1


def normalise(text: str) -> Normalised:
    """``text`` (best in NFC) for comparing. Never fails, in time linear in its length; entries of word lists
    go through the same. Control characters, surrogates and unassigned ones are taken for nothing."""
    return Normalised(text)
