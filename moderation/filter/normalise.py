"""Text as the word lists see it: without costume, without gaps, with a way back to the original's offsets."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

CACHE_MAX = 32_768
"""Characters remembered: all that people write in one evening, not all that an attacker can think of."""


class Gap(IntEnum):
    """What stood before a character and isn't compared."""

    NONE = 0
    TIGHT = 1
    """Signs, but no white space: ``f.u``."""
    WIDE = 2
    """White space, perhaps with signs."""
    STOP = 3
    """Signs that end a clause, such as 。 and ，, without white space."""


class Kind(IntEnum):
    """Where the kind changes, a word ends."""

    LETTER = 0
    DIGIT = 1
    IDEOGRAPH = 2
    """Scripts written without spaces: Han, Kana, Hangul, Thai and its neighbours."""


@dataclass(slots=True)
class Normalised:
    """Parallel lists, an entry for each compared character.

    ``text`` has runs of the same letter squeezed to one, whose length is in ``runs``; ``starts`` and ``ends``
    are its span in the original (code points, end exclusive); ``gaps`` is what stood before it.
    """

    text: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)

    def word_starts(self, index: int) -> bool:
        """Whether a word begins at ``index``; the end of the text begins one too."""
        if index in (0, len(self.text)):
            return True
        return self.gaps[index] is not Gap.NONE or self.kinds[index] is not self.kinds[index - 1]


_STOPS = frozenset("，。！？；：、…,!?;:")
_SIGNS_AS_LETTERS = {"@": "a", "$": "s", "€": "e", "£": "l"}
_DIGITS_AS_LETTERS = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "!": "i"}
_APOSTROPHES = "'’ʼ`´"
_AMBIGUOUS = frozenset(_SIGNS_AS_LETTERS) | frozenset(_DIGITS_AS_LETTERS) | frozenset(_APOSTROPHES)

# Letters that look like Latin ones, after case folding and without accents: Cyrillic, Greek, phonetic.
_LOOKALIKES = str.maketrans(
    "авгеіјкмнопрстухһѕԁԛԝґү" + "αβγεηικμνοπρστυχω" + "ɑɡɩʏᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢıłøđħ",
    "abreijkmhonpctyxhsdqwry" + "abyenikuvonpotuxw" + "agiyabcdefghijklmnoprstuvwzilodh",
)
# Enclosed capitals that NFKC leaves alone: 🅐 and 🅰.
_ENCLOSED = {base + i: chr(97 + i) for base in (0x1F150, 0x1F170) for i in range(26)}

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_MARK_BLOCKS = ((0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF))
_SPACELESS = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),
    (0x2E80, 0x9FFF),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def normalise(text: str) -> Normalised:
    """``text`` (best in NFC) for comparing. Never fails; entries of word lists go through the same."""
    result = Normalised()
    # Looked up once: this loop is a quarter of what a comment costs the writer.
    starts, ends, runs, gaps, kinds = result.starts, result.ends, result.runs, result.gaps, result.kinds
    chars: list[str] = []
    last, gap = "", Gap.NONE
    for index, original in enumerate(text):
        meant = _meant(text, index) if original in _AMBIGUOUS else None
        parts = _parts(original) if meant is None else _kinds(meant)
        if not parts and chars and gap is Gap.NONE:  # invisible, or an accent: part of what it stands on
            ends[-1] = index + 1
        for char, kind in parts:
            if kind is None:
                gap = _wider(gap, original)
            elif char == last and gap is Gap.NONE and kind is Kind.LETTER:
                # Only letters are squeezed: 妈妈 and 妈, 100 and 10 are different words.
                runs[-1] += 1
                ends[-1] = index + 1
            else:
                gaps.append(gap if chars else Gap.NONE)
                chars.append(char)
                starts.append(index)
                ends.append(index + 1)
                runs.append(1)
                kinds.append(kind)
                last, gap = char, Gap.NONE
    result.text = "".join(chars)
    return result


@lru_cache(CACHE_MAX)
def _parts(char: str) -> tuple[tuple[str, Kind | None], ...]:
    """``fold(char)``, each character with what it is to a word."""
    return _kinds(fold(char))


def _kinds(folded: str) -> tuple[tuple[str, Kind | None], ...]:
    return tuple([(char, _kind(char)) for char in folded])


@lru_cache(CACHE_MAX)
def fold(char: str) -> str:
    """``char`` in its plainest form: "" if it is invisible or an accent, " " or a sign if it is no letter."""
    if ord(char) in _ENCLOSED:
        return _ENCLOSED[ord(char)]
    category = unicodedata.category(char)
    if char.isspace():
        return " "
    if category in ("Cc", "Cf", "Cs", "Co") or char in _INVISIBLE or _is_accent(char):
        return ""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", char).casefold())
    plain = "".join(part for part in plain if not _is_accent(part))
    return unicodedata.normalize("NFC", plain).translate(_LOOKALIKES) or " "


def _is_accent(char: str) -> bool:
    code = ord(char)
    if code < 0x0300:
        return False
    if 0xFE00 <= code <= 0xFE0F or code >= 0xE0000:
        return True
    return any(low <= code <= high for low, high in _MARK_BLOCKS)


@lru_cache(CACHE_MAX)
def _kind(char: str) -> Kind | None:
    """What ``char`` is to a word; None: nothing, it stands between words."""
    if char.isdecimal():
        return Kind.DIGIT
    if not char.isalnum() and unicodedata.category(char)[0] != "M":
        return None
    code = ord(char)
    spaceless = any(low <= code <= high for low, high in _SPACELESS)
    return Kind.IDEOGRAPH if spaceless else Kind.LETTER


def _meant(text: str, index: int) -> str | None:
    """The letter that a sign or digit stands for in a word (``sh1t``, ``a$$``); None where it is itself.

    An apostrophe inside a word is nothing: ``isn't`` is one word.
    """
    char = text[index]
    before = text[index - 1 : index]
    after = text[index + 1 : index + 2]
    if char in _SIGNS_AS_LETTERS:
        beside = any(_is_letter(other) or other == char for other in (before, after))
        return _SIGNS_AS_LETTERS[char] if beside else None
    inside = _is_letter(before) and _is_letter(after)
    return _DIGITS_AS_LETTERS.get(char, "") if inside else None


def _is_letter(char: str) -> bool:
    return char != "" and char.isalpha() and _kind(char) is Kind.LETTER


def _wider(gap: Gap, char: str) -> Gap:
    if gap is Gap.WIDE or char.isspace():
        return Gap.WIDE
    return Gap.STOP if gap is Gap.STOP or char in _STOPS else Gap.TIGHT
