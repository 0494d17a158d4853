"""Text as the checks for links and contacts see it: plain letters, digits and signs, with a way back.

Other than the word lists' folding, it keeps digits, dots and spaces, for they are what addresses are made of.
"""

from __future__ import annotations

import re
import unicodedata

# What stands for a dot in an address, whatever it looks like.
_DOTS = "。．｡․‧•∙⋅●"
_KEPT_MAX = 65_536
"""Characters remembered; beyond, one is looked up again each time it comes."""
_NEGATIVE_CIRCLES = {0x2775 + digit: str(digit) for digit in range(1, 10)}
_SANS_CIRCLES = {0x277F + digit: str(digit) for digit in range(1, 10)}
_SANS_NEGATIVE = {0x2789 + digit: str(digit) for digit in range(1, 10)}
_CAPITALS = {base + letter: chr(97 + letter) for base in (0x1F150, 0x1F170, 0x1F1E6) for letter in range(26)}
# Letters of other scripts by which Latin ones are passed off in addresses.
_LOOKALIKES = dict(
    zip(map(ord, "авсеһіјкмнорѕтухԁԛԝοαενικρτυωχ"), "abcehijkmhopstyxdqwoaevikptuwx", strict=True)
)
# Traditional characters of the words that announce addresses, and of figures: 賴, 企鵝, 電報, 點.
_TRADITIONAL = dict(
    zip(
        map(ord, "賴點電話聯繫係撥熱線機號碼報飛鵝裡裏為維衛網書臉貳陸參壹羣進"),
        "赖点电话联系系拨热线机号码报飞鹅里里为维卫网书脸贰陆叁壹群进",
        strict=True,
    )
)
_FIXED: dict[int, str] = {
    **_TRADITIONAL,
    **_NEGATIVE_CIRCLES,
    **_SANS_CIRCLES,
    **_SANS_NEGATIVE,
    **_CAPITALS,
    **_LOOKALIKES,
    **dict.fromkeys(map(ord, _DOTS), "."),
    **dict.fromkeys(map(ord, "➕✚﹢"), "+"),
    0x24FF: "0",
    0x20E3: "",  # what makes a keycap of a digit
}

# Two may stand together with a hyphen or a dot: 5 5 5-0 1 9 9.
_SPACED_OUT = re.compile(r"(?<!\S)\S(?: {1,2}[-.]?\S(?:[-.]\S)?){3,}(?!\S)")


class _Table(dict[int, str]):
    """What each character comes to, worked out when it is first seen."""

    def __missing__(self, code: int) -> str:
        plain = _plain(chr(code))
        if len(self) < _KEPT_MAX:
            self[code] = plain
        return plain


def _plain(char: str) -> str:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"):
        return " " if char in "\t\n\r" else ""
    if char.isspace():
        return " "
    return unicodedata.normalize("NFKC", char).casefold().translate(_FIXED)


_TABLE = _Table({code: chr(code).lower() for code in range(0x20, 0x7F)} | _FIXED)


class Plain:
    """``text`` is what a text comes to; ``span`` gives where a piece of it stands in the original."""

    __slots__ = ("_from", "original", "text")

    def __init__(self, original: str) -> None:
        self.original = original
        self.text = original.lower() if original.isascii() else original.translate(_TABLE)
        self._from: list[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span (code points, end exclusive) of ``text[start:end]``, which isn't empty. A mark
        or a joiner that came to nothing belongs to the character before it."""
        if self._from is None:
            if len(self.text) == len(self.original) and self.original.isascii():
                return start, end
            self._from = [at for at, char in enumerate(self.original) for _ in _TABLE[ord(char)]]
        first, last = self._from[start], self._from[end - 1] + 1
        while last < len(self.original) and not _TABLE[ord(self.original[last])]:
            last += 1
        return first, last


class Closed(Plain):
    """The same with what was set apart letter by letter put together: ``a b c . d e`` is ``abc.de``."""

    __slots__ = ("_at", "_plain")

    def __init__(self, plain: Plain) -> None:
        kept = [True] * len(plain.text)
        for match in _SPACED_OUT.finditer(plain.text):
            for at in range(match.start(), match.end()):
                kept[at] = plain.text[at] != " "
        self._plain = plain
        self._at = [at for at, keep in enumerate(kept) if keep]
        self.original = plain.original
        self.text = "".join([plain.text[at] for at in self._at])
        self._from = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._plain.span(self._at[start], self._at[end - 1] + 1)


def views(plain: Plain) -> tuple[Plain, ...]:
    """The text as it is, and, if letters are set apart in it, as it reads with them put together."""
    if " " in plain.text and _SPACED_OUT.search(plain.text):
        return plain, Closed(plain)
    return (plain,)
