"""Addresses with spaces or words for what stands between their parts: w w w . name . win, name dot ru."""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.filter.checks.common_words import COMMON, named
from moderation.filter.checks.endings import BAIT, CORE, SAID, top_levels

# With its dots set apart: w w w . name . win, t . me / name; or a space before it, where no sentence ends.
_DOT = r"(?: ?\. ?|[ ]dot[ ])"
_WWW_APART = re.compile(
    rf"(?<![^\W_])w ?w ?w(?:{_DOT}|[ ])([a-z0-9][a-z0-9-]{{1,62}}){_DOT}([a-z]{{2,24}})(?![^\W_])"
)
_PATH_APART = re.compile(
    rf"(?<![^\W_])(t|wa|is|v|bit|goo|rb|cutt|tinyurl|discord|line|m){_DOT}(me|gd|ly|gl|gy|com|gg)"
    r" ?(?:/|[ ]slash[ ]) ?[a-z0-9]"
)
_DOT_BEHIND = re.compile(
    rf"(?<![^\W_])([a-z0-9][a-z0-9-]{{5,62}})[ ]\.[ ]?({'|'.join(sorted(BAIT))})(?![^\W_]|\.\w)"
)
# The dot said, of an ending that isn't a word: luxreps dot ru.
_DOT_SAID = re.compile(
    r"(?<![^\W_])([a-z0-9][a-z0-9-]{3,62})(?:[ ]dot[ ]|[ ]?[\[({<][ ]?(?:dot|\.)[ ]?[\])}>][ ]?)"
    rf"({'|'.join(sorted(BAIT))})(?![^\W_])"
)
# What a shop is called may be two words that people say all the time: silk bags dot shop.
_NAMED = re.compile(
    r"(?<![^\W_])([a-z0-9]{3,20})[ ]([a-z0-9]{3,20})[ ]dot[ ]"
    rf"({'|'.join(sorted(SAID | BAIT | CORE))})(?![^\W_])"
)
_DOTTED = named(
    "polka red blue white black pink green yellow small big tiny little the one every each dot per echo gold"
    " silver orange purple brown grey gray this that large micro swiss coloured colored second third first"
    " last new"
)
"""What dots are said to be: a polka dot shop."""


def find(text: str) -> Iterator[tuple[int, int, str]]:
    """Where such an address begins and ends in ``text`` (in plain letters), and its host."""
    for match in _WWW_APART.finditer(text):
        if match[2] in top_levels() and (match[2] not in CORE or match[0][1] == " "):
            yield match.start(), match.end(), f"www.{match[1]}.{match[2]}"
    for match in _PATH_APART.finditer(text):
        if " " in match[0]:
            yield match.start(), match.end(), f"{match[1]}.{match[2]}"
    for match in _NAMED.finditer(text):
        if match[2] not in _DOTTED:
            yield match.start(), match.end(), f"{match[1]}{match[2]}.{match[3]}"
    for pattern in (_DOT_BEHIND, _DOT_SAID):
        for match in pattern.finditer(text):
            if match[1] not in COMMON:
                yield match.start(), match.end(), f"{match[1]}.{match[2]}"
