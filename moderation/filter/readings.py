"""The ways in which a text may be meant: with digits for letters, drawn out, with stars, in pinyin.

Each reading has its characters where the plain one has them. Texts in which nothing hints at a costume have
no further reading: to find that out is one search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from moderation.filter.fold import NOTHING, Kind, kind_of
from moderation.filter.normalise import Normalised, Reading
from moderation.filter.passed_off import HINT, passed_off
from moderation.filter.tables import readings as syllables

_HAN = "\u4e00-\u9fff"
# Each search is for the next dearer thing, so that most texts are done with after one for any sign at all.
_SIGN = re.compile(f"[0-9@$!|€£¥¢+=(){{}}\\[\\]<>\\\\/^*#%&?~×〇{NOTHING}]")
_BESIDE = "0-9@$|€£¥¢+={}\\[\\]<>\\\\/^"
_LEET = f"(?:[a-z](?:[{_BESIDE}]|[!()][a-z0-9@$])|[{_BESIDE}!)(][a-z]|[@$]{{2}})"
_LEETY = re.compile(_LEET)
_VEILED = re.compile(f"[^\\W\\d_]{NOTHING}")
_MIXED = re.compile(f"[{_HAN}]\\s?[a-z]|[a-z]\\s?[{_HAN}]")
# Letters that English doesn't double may be drawn out by one; others by two, or two of them at once.
_DRAWN = re.compile(r"([^\W\d_])\1(?:(?<=[ahijkquvwxy])|\1|([^\W\d_])\2)")
_DRAWN_ASCII = re.compile(r"([a-z])\1(?:(?<=[ahijkquvwxy])|\1|([a-z])\2)")
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
_TOKEN = re.compile(f"[^\\s{_HAN}]+")
# Single letters and figures set apart, "b 1 t c h", "c.u.n.7", and the figures and signs among them.
_ONE = "[a-z0-9@$!|¢€+]"
_APART = re.compile(f"(?<![a-z0-9@$€+]){_ONE}(?:[ .\\-_*/,~]{{1,3}}{_ONE}(?![a-z0-9])){{2,}}")
_APART_HINT = re.compile("(?<![a-z0-9])[0-9@$!|¢€+](?![a-z0-9])")
# A figure with its unit, or a letter that numbers a model, isn't written in figures: 900k, 45s.
_UNIT = re.compile(
    r"[$€£¥]?\d[\d.,]*(?:[kmbgwhdsl]|st|nd|rd|th|kg|ml|cl|cm|mm|km|gb|tb|mb|in|ft|oz|lbs?|hz|mah|pcs?|pk|yrs?|mo)"
    r"[.,!?;:)]*"
)
_LEET_TABLE = str.maketrans(_SINGLE)
_LEET_L_TABLE = str.maketrans(_SINGLE | _AS_L)
_INSIDE = re.compile("(?<=[a-z0-9@$!])[(<](?=[a-z0-9@$!])")
# Between dots and the like, only what has a letter is a word: v4.6.2 isn't.
_CHUNK = re.compile('[^.,:;"]+')
# A model, a size, a flat, something numbered: S8, FF7, 5B, N58, SS2024. Beside Chinese, two signs are an
# insult more often: 5b主播.
_NUMBERED = re.compile("[a-z]{1,2}[2-9]|[0-9][a-z]|(?!a55$)[a-z]{1,2}[0-9]{2,}")
_BESIDE_HAN = re.compile(f"[{_HAN}]")
_LETTER = re.compile("[a-z@$]")
_RATING = re.compile("[0-9] ?/ ?[0-9]")
_FIGURE = re.compile("[0-9]")
_PRICE = re.compile(r"[$€£¥]\d")
_CLOSING = "!?.,"
# A round sign that is a figure only among figures.
_ROUND = re.compile(f"(?<=[{_HAN}])(?<![一二三四五六七八九十])〇(?=[{_HAN}])(?![一二三四五六七八九十年月日])")

_TONED = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,6}[1-5]\s?)+[a-z]{1,6}[1-5]?(?![a-z0-9])")
"""The last syllable may have no tone: biao3zi."""
_TONES = str.maketrans(dict.fromkeys("12345", NOTHING))
_HOLED = re.compile("(?<=[a-z])[*#%&?~×](?=[a-z])")
_PLUS = re.compile(f"(?<![a-z0-9+])\\+(?=\\s?(?:[{_HAN}]|vx|wx|v|q|qq|w)(?![a-z]))")
"""加 is read "plus": ➕微信."""
# Pictures that are read as a word beside ideographs, and are ornament beside letters.
_PICTURES = dict(zip(map(ord, "💀☠💩🍺🍻💰💵🧠👴👵🦆🌱"), "死死屎逼逼钱钱脑爷奶鸭草", strict=True))
_PICTURED = re.compile(f"[{''.join(map(chr, _PICTURES))}]")
_IDEOGRAPH = re.compile(f"[{_HAN}]")
_COUNTED = (
    "个件码号元块折包箱米斤双条套支盒瓶年月日天时点分岁级寸色款人次份万千百"
    "十层升克倍位片张把台部只颗粒杯袋桶本毛角间室厅楼栋排期周季星格档组对副根枚"
)
"""What is counted in shops. A figure before one of these belongs to it; 傻1逼 has none."""
_BETWEEN = re.compile(f"(?<=[{_HAN}])[0-9](?=[{_HAN}])(?!.[{_COUNTED}])")
_CROSSED = re.compile(f"(?<=[{_HAN}])x(?=[{_HAN}])")
"""An x between two characters, as in 草x泥x马."""
_BESIDE_LETTERS = re.compile(f"{_MIXED.pattern}|{_PICTURED.pattern}")
"""What one of the readings begins with that need neither a sign nor a drawn-out letter."""
_VOWELS = "aeiou"

_READ_FROM = 0x30000
"""From here on the rarest of characters: one for each syllable, to compare by sound."""
_SYLLABLES = {syllable: chr(_READ_FROM + n) for n, syllable in enumerate(sorted(set(syllables().values())))}
_HEARD = {ord(char): _SYLLABLES[syllable] for char, syllable in syllables().items()}


def further(seen: Normalised) -> Iterable[Reading]:
    """The readings beside the plain one that ``seen`` hints at: at most a dozen, most texts have none."""
    kept = seen.kept
    signs, drawn = _SIGN.search(kept) is not None, _drawn(kept)
    if not signs and not drawn:
        original = seen.original
        if original.isascii() or not (_BESIDE_LETTERS.search(kept) or HINT.search(original)):
            return ()
    return _hinted(seen, signs, drawn)


def _hinted(seen: Normalised, signs: bool, drawn: bool) -> Iterator[Reading]:
    kept = seen.kept
    leet = list(_leet(kept)) if signs and (_LEETY.search(kept) or _APART_HINT.search(kept)) else []
    for meant in leet:
        yield Reading(meant)
    if leet or drawn or (signs and _VEILED.search(kept)):
        for way in (kept, *leet):
            squeezed = _RUN.sub(_squeeze, way)
            if squeezed != way:
                yield Reading(squeezed, drawn_from=way)
    if signs:
        yield from _signed(kept)
    if not kept.isascii():
        if "x" in kept and _CROSSED.search(kept):
            yield Reading(_CROSSED.sub("-", kept))
        if _PICTURED.search(kept) and _IDEOGRAPH.search(kept):
            yield Reading(kept.translate(_PICTURES))
        yield from (in_pinyin(way) for way in (kept, *leet) if _MIXED.search(way))
    if not seen.original.isascii() and (letters := passed_off(seen)):
        yield letters


def _drawn(kept: str) -> bool:
    return (_DRAWN_ASCII if kept.isascii() else _DRAWN).search(kept) is not None


def _signed(kept: str) -> Iterator[Reading]:
    """With tones left out, vowels for stars, 加 for a plus, nothing for 〇, a gap for a figure."""
    if _TONED.search(kept):
        yield Reading(_TONED.sub(lambda found: found[0].translate(_TONES), kept))
    if _HOLED.search(kept):
        for vowel in _VOWELS:
            yield Reading(_HOLED.sub(vowel, kept))
    if _BETWEEN.search(kept):
        yield Reading(_BETWEEN.sub("-", kept))
    if "〇" in kept and _ROUND.search(kept):
        yield Reading(_ROUND.sub(NOTHING, kept))
    if "+" in kept and _PLUS.search(kept):
        yield Reading(_PLUS.sub("加", kept))


def in_pinyin(kept: str) -> Reading:
    """Each character in Latin letters, all of which stand where it stood."""
    table = syllables()
    parts = [table.get(char, char) if char.isalnum() else "" for char in kept]
    at = [index for index, part in enumerate(parts) for _ in part]
    return InPinyin(kept, text="".join(parts), at=at)


class InPinyin(Reading):
    """A text whose ideographs are read out. Words of Latin letters aren't looked for in it: 内存条 says no
    "cunt". Where ideographs and letters meet, a word ends: 傻bi一个."""

    __slots__ = ()
    syllabic = True

    def kind(self, index: int) -> Kind | None:
        return kind_of(self.kept[self.at[index]])


def by_sound(kept: str) -> Reading:
    """Each Chinese character as the one sign of its syllable."""
    return Reading(kept.translate(_HEARD))


def _squeeze(found: re.Match[str]) -> str:
    return found[1] + NOTHING * (len(found[0]) - 1)


def _leet(kept: str) -> Iterator[str]:
    """What is meant by signs and digits among letters: 1 as i, and, where there is one, as l."""
    last = kept
    for table in (_LEET_TABLE, _LEET_L_TABLE):
        meant = _TOKEN.sub(lambda found, table=table: _meant(found, table), kept)  # type: ignore[misc]
        meant = _APART.sub(lambda found, table=table: _joined(found[0], table), meant)  # type: ignore[misc]
        if meant not in (kept, last):
            yield meant
        last = meant


def _joined(apart: str, table: dict[int, str]) -> str:
    """Letters set apart, with figures among them: a rating such as ``a 5/5`` has too few letters."""
    letters, figures = len(_LETTER.findall(apart)), len(_FIGURE.findall(apart))
    if (letters < 2 and figures < 3) or (letters < 3 and _RATING.search(apart)):
        return apart
    return apart.translate(table) if letters else apart


def _meant(found: re.Match[str], table: dict[int, str]) -> str:
    token = found[0]
    if not _LEETY.search(token):
        return token
    beside_han = len(token) == 2 and _BESIDE_HAN.match(found.string, found.end())
    if not beside_han and (_UNIT.fullmatch(token) or _NUMBERED.fullmatch(token)):
        return token
    end = len(token.rstrip(_CLOSING))
    word = _SEVERAL_FOUND.sub(lambda found: _SEVERAL_MEANT[found[0]], token[:end])
    word = _INSIDE.sub("c", word)
    return _CHUNK.sub(lambda found: _as_letters(found[0], table), word) + token[end:]


def _as_letters(chunk: str, table: dict[int, str]) -> str:
    return chunk.translate(table) if _LETTER.search(chunk) and not _PRICE.search(chunk) else chunk
