"""Whether a Chinese word that was found is one where it stands, or the ends of two others: 面包|夜宵.

Chinese has no gaps between words, so 包夜 is found there too. Of the ways in which the characters around it
fall into common words, the likeliest is compared with the likeliest that cuts where the word begins and ends.
"""

from __future__ import annotations

from functools import lru_cache

from moderation.filter.entries import Entry
from moderation.filter.tables import common

AROUND = 3
"""Characters looked at on either side: as many as a word of four reaches out of the one that was found."""
LENGTH_MAX = 4
"""What is longer than that is seldom there by chance."""
_RARE = 52
"""What one takes to be there that the table doesn't have, in half bits; a word as common as all others
together would take none."""
_SAID_TO_PEOPLE = frozenset({"profanity", "insult", "threat", "slur"})
_COST, _COST_OF_ABUSE = 40, 30
"""Of the listed word itself. Abuse is commoner where people quarrel than in what the table was counted in."""
_COST_OF_SOUND = 8
"""More of one that is only read alike."""
_COST_OF_SIGN = 20
"""Of a letter, figure or gap inside the word: 包装|B款 holds no 装B."""
KEPT_MAX = 4096
"""Answers remembered: innocent words are said again and again."""


def is_cut(kept: str, first: int, last: int, entry: Entry) -> bool:
    """Whether ``entry``, found at ``kept[first:last + 1]`` (folded text), consists of parts of the words
    around it. Never, where no ideograph stands beside it, nor for entries that say where they may stand.
    """
    if entry.match in ("regex", "substring"):
        return False
    if last - first >= LENGTH_MAX or not (_is_han(kept, first - 1) or _is_han(kept, last + 1)):
        return False
    start, end = first, last + 1
    while first - start < AROUND and _is_han(kept, start - 1):
        start -= 1
    while end - last <= AROUND and _is_han(kept, end):
        end += 1
    whole = _COST_OF_ABUSE if entry.category in _SAID_TO_PEOPLE else _COST
    if entry.homophones and "{" not in entry.text and kept[first : last + 1] != entry.text:
        whole += _COST_OF_SOUND
    return _falls_apart(kept[start:end], first - start, last + 1 - start, whole)


@lru_cache(KEPT_MAX)
def _falls_apart(text: str, first: int, stop: int, whole: int) -> bool:
    """Whether it takes less to cut ``text`` across an edge of ``text[first:stop]`` than at both; ``whole`` is
    what that word takes."""
    at_edges = _cost(text[:first]) + min(whole, _cost(text[first:stop])) + _cost(text[stop:])
    return _cost(text, (first, stop)) < at_edges


def _is_han(kept: str, index: int) -> bool:
    return 0 <= index < len(kept) and "\u4e00" <= kept[index] <= "\u9fff"


def _cost(text: str, inside: tuple[int, int] = (0, 0)) -> int:
    """Of the likeliest way to cut ``text``, in half bits, without words of which the span ``inside`` is only
    a part: they are made of it, as 无耻之徒 is."""
    table = common()
    costs = [0]
    for end in range(1, len(text) + 1):
        lone = text[end - 1]
        best = costs[end - 1] + (_COST_OF_SIGN if lone.isascii() else _RARE - table.get(lone, 0))
        for start in range(max(0, end - LENGTH_MAX), end - 1):
            how_common = table.get(text[start:end])
            if how_common and not (start <= inside[0] < inside[1] <= end):
                best = min(best, costs[start] + _RARE - how_common)
        costs.append(best)
    return costs[-1]
