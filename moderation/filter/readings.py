"""The ways in which a text may be meant: with digits for letters, drawn out, with stars, in pinyin.

Each reading has its characters where the plain one has them. Texts in which nothing hints at a costume have
no further reading: to find that out is one search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.filter.fold import NOTHING
from moderation.filter.normalise import Normalised, Reading
from moderation.filter.tables import readings as syllables

_HAN = "\u4e00-\u9fff"
_LEET = "0-9@$!|€£¥¢+=(){}\\[\\]<>\\\\/^"
HOLE = "*#%&?~=+_\\-.×"
# Anything that a further reading could come from, in one search. Letters that English doesn't double may be
# drawn out by one; others by two, or two of them at once.
_HINT = re.compile(
    f"(?P<leet>[a-z][{_LEET}]|[{_LEET}][a-z]|[@$]{{2}})|(?P<drawn>aa|hh|ii|jj|kk|qq|uu|vv|ww|xx|yy)"
    f"|(?P<run>([^\\W\\d_])\\4(?:\\4|([^\\W\\d_])\\5))|(?P<hole>[a-z][{HOLE}])|(?P<mixed>[{_HAN}]\\s?[a-z]|[a-z]\\s?[{_HAN}])"
    f"|(?P<plus>\\+\\s?[vwq{_HAN}])|(?P<veiled>[^\\W\\d_]{NOTHING})"
)
_RUN = re.compile(f"([^\\W\\d_])(?:{NOTHING}*\\1)+")

_SINGLE = dict(zip("0123456789@$!|€£¥¢+^", "oizeasgtbgasiielycta", strict=True))
_AS_L = dict.fromkeys("1!|", "l")
_SEVERAL = sorted(
    {
        "|\\/|": "m", "/\\/\\": "m", "|v|": "m", "|\\|": "n", "/\\/": "n", "\\/\\/": "w", "\\^/": "w",
        "|-|": "h", "|_|": "u", "(_)": "u", "|<": "k", "|{": "k", "|(": "k", "|)": "d", "[)": "d", "|]": "d",
        "|>": "p", "|2": "r", "()": "o", "[]": "o", "{}": "o", "\\/": "v", "/\\": "a", "/-\\": "a", "|=": "f",
        "|_": "l", "}{": "h", ")(": "x", "><": "x", "|3": "b", "|*": "p",
    }.items(),
    key=lambda pair: -len(pair[0]),
)  # fmt: skip
_SEVERAL_FOUND = re.compile("|".join(re.escape(signs) for signs, _ in _SEVERAL))
_SEVERAL_MEANT = {signs: letter + NOTHING * (len(signs) - 1) for signs, letter in _SEVERAL}
_TOKEN = re.compile(rf"[^\s{_HAN}]*(?:[a-z][{_LEET}]|[{_LEET}][a-z]|[@$]{{2}})[^\s{_HAN}]*")
_LEET_TABLE = str.maketrans(_SINGLE)
_LEET_L_TABLE = str.maketrans(_SINGLE | _AS_L)
_INSIDE = re.compile("(?<=[a-z0-9@$!])[(<](?=[a-z0-9@$!])")
# Between dots and the like, only what has a letter is a word: v4.6.2 isn't.
_LETTERED = re.compile("[^.,:;\"\\s]*[a-z@$][^.,:;\"\\s]*")
_CLOSING = re.compile(r"[!?.,]+$")

_TONED = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,6}[1-5]\s?){2,}(?![a-z0-9])")
_TONES = str.maketrans(dict.fromkeys("12345", NOTHING))
_HOLED = re.compile("(?<=[a-z])[*#%&?~×](?=[a-z])")
_PLUS = re.compile(f"(?<![a-z0-9+])\\+(?=\\s?(?:[{_HAN}]|vx|wx|v|q|qq|w)(?![a-z]))")
"""加 is read "plus": ➕微信."""
_VOWELS = "aeiou"

_READ_FROM = 0xF0000
"""Private code points: one for each syllable, so that what is read alike is compared alike."""
_SYLLABLES = {syllable: chr(_READ_FROM + n) for n, syllable in enumerate(sorted(set(syllables().values())))}
_HEARD = {ord(char): _SYLLABLES[syllable] for char, syllable in syllables().items()}


def further(seen: Normalised) -> Iterator[Reading]:
    """The readings beside the plain one that ``seen`` hints at: at most a dozen, most texts have none."""
    kept = seen.kept
    hints = {found.lastgroup for found in _HINT.finditer(kept)}
    if not hints:
        return
    leet = list(_leet(kept)) if "leet" in hints else []
    for meant in leet:
        yield Reading(meant)
    if hints & {"drawn", "run", "veiled", "leet"}:
        for way in (kept, *leet):
            squeezed = _RUN.sub(_squeeze, way)
            if squeezed != way:
                yield Reading(squeezed, drawn_from=way)
    if "leet" in hints and _TONED.search(kept):
        yield Reading(_TONED.sub(lambda found: found[0].translate(_TONES), kept))
    if hints & {"hole", "leet"} and _HOLED.search(kept):
        for vowel in _VOWELS:
            yield Reading(_HOLED.sub(vowel, kept))
    if hints & {"plus", "leet"} and _PLUS.search(kept):
        yield Reading(_PLUS.sub("加", kept))
    if "mixed" in hints:
        yield in_pinyin(kept)


def in_pinyin(kept: str) -> Reading:
    """Each character in Latin letters, all of which stand where it stood."""
    table = syllables()
    parts = [table.get(char, char) if char.isalnum() else "" for char in kept]
    at = [index for index, part in enumerate(parts) for _ in part]
    return Reading(kept, text="".join(parts), at=at)


def by_sound(kept: str) -> Reading:
    """Each Chinese character as the one sign of its syllable."""
    return Reading(kept.translate(_HEARD))


def _squeeze(found: re.Match[str]) -> str:
    return found[1] + NOTHING * (len(found[0]) - 1)


def _leet(kept: str) -> Iterator[str]:
    """What is meant by signs and digits among letters: 1 as i, and, where there is one, as l."""
    first = _TOKEN.sub(lambda found: _meant(found[0], _LEET_TABLE), kept)
    if first != kept:
        yield first
    second = _TOKEN.sub(lambda found: _meant(found[0], _LEET_L_TABLE), kept)
    if second != first:
        yield second


def _meant(token: str, table: dict[int, str]) -> str:
    closing = _CLOSING.search(token)
    end = closing.start() if closing else len(token)
    word = _SEVERAL_FOUND.sub(lambda found: _SEVERAL_MEANT[found[0]], token[:end])
    word = _INSIDE.sub("c", word)
    return _LETTERED.sub(lambda found: found[0].translate(table), word) + token[end:]
