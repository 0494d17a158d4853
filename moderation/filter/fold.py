"""Characters in their plainest form: what is left of one when case, width, accents and costume are gone."""

from __future__ import annotations

import unicodedata
from enum import IntEnum

from moderation.filter.tables import confusables, simplified

KEPT_MAX = 65_536
"""Characters remembered: all that people write in one evening, not all that an attacker can think of."""
NOTHING = "\0"
"""What stands for a character that isn't seen: one for one, so that positions stay."""


class Kind(IntEnum):
    """Where the kind changes, a word ends."""

    LETTER = 0
    DIGIT = 1
    IDEOGRAPH = 2
    """Scripts written without spaces: Han, Kana, Hangul, Thai and its neighbours."""


# Enclosed capitals that NFKC leaves alone, 🅐 and 🅰, and those that flags are made of.
_ENCLOSED = {base + i: chr(97 + i) for base in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}
# Digits in circles of the kinds that NFKC leaves alone.
_CIRCLED = {base + i: str(i % 10) for base in (0x2775, 0x277F, 0x2789) for i in range(1, 10)}
_DASHES = dict.fromkeys("‐‑‒–—―−﹣－", "-")
_STARS = dict.fromkeys("＊∗⁎✱✲✳﹡★☆●○◯•·∙⚹×✖❌⭐🌟⚫⚪", "*")
_BARS = dict.fromkeys("│┃∣⏐ǀ❘｜￨丨", "|")
_PLUS = dict.fromkeys("➕✚＋﹢", "+")
# Radicals by the characters that they are forms of, and pictures that are read as a word.
_READ_AS = dict(
    zip("亻氵扌讠钅饣纟犭忄礻衤辶刂阝攵冫艹⺮⺼", "人水手言金食糸犬心示衣辵刀阜攴冰草竹肉", strict=True)
) | dict(zip("🐴🐎🐔🐓🐤🐶🐕🐷🐖🌶🌿☘🐢🥚🐭", "马马鸡鸡鸡狗狗猪猪辣草草龟蛋鼠", strict=True))
_LATIN = {"æ": "ae", "œ": "oe", "ꜳ": "aa", "ꝏ": "oo", "ʦ": "ts", "ﬅ": "st", "℔": "lb"}

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800\u200b\u2060")
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


class _Folds(dict[int, str]):
    """What each character comes to, worked out when it is first seen. For ``str.translate``."""

    def __missing__(self, code: int) -> str:
        plain = fold(chr(code))
        if len(self) < KEPT_MAX:
            self[code] = plain
        return plain


def fold(char: str) -> str:
    """``char`` in its plainest form: ``NOTHING`` if it isn't seen or only an accent, " " for white space, and
    otherwise its letters, digits or sign, in lower case; seldom more than one. Never empty."""
    code = ord(char)
    fixed = _FIXED.get(code)
    if fixed is not None:
        return fixed
    if char in _INVISIBLE:
        return NOTHING
    if char.isspace():
        return " "
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") or _is_accent(char):
        return NOTHING
    if char in confusables():
        return confusables()[char]
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", char).casefold())
    plain = unicodedata.normalize("NFC", "".join(part for part in plain if not _is_accent(part)))
    return "".join(_look(part) for part in plain).replace(" ", "") or " "


def _look(char: str) -> str:
    """A folded character as the one that it looks like or is a form of."""
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    latin = _LATIN.get(char) or confusables().get(char)
    return latin or _FIXED.get(ord(char)) or simplified().get(char, char)


def _is_accent(char: str) -> bool:
    code = ord(char)
    if code < 0x0300:
        return False
    if 0xFE00 <= code <= 0xFE0F or code >= 0xE0000:
        return True
    return any(low <= code <= high for low, high in _MARK_BLOCKS)


def kind_of(char: str) -> Kind | None:
    """What a folded character is to a word; None: nothing, it stands between words."""
    if char.isdecimal():
        return Kind.DIGIT
    if not char.isalnum() and (char < "\u0300" or unicodedata.category(char)[0] != "M"):
        return None
    if char < "\u0e00":
        return Kind.LETTER
    code = ord(char)
    return Kind.IDEOGRAPH if any(low <= code <= high for low, high in _SPACELESS) else Kind.LETTER


_FIXED: dict[int, str] = {
    **_ENCLOSED,
    **_CIRCLED,
    **{
        ord(char): meant
        for table in (_DASHES, _STARS, _BARS, _PLUS, _READ_AS)
        for char, meant in table.items()
    },
}
FOLDS = _Folds({code: chr(code).lower() for code in range(0x20, 0x7F)} | _FIXED)
