"""Walls: texts that shout others down by how they look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from moderation.filter.checks.subject import Subject
from moderation.rulebook.rules import RoomRules
from rooms.ports import TextReason

CAPITALS_MIN, CAPITALS_SHARE = 30, 0.9
EMOJI_MIN, EMOJI_SHARE = 25, 0.7
REPEATED_MIN = 30
"""Twenty 6 or 哈 in a row are applause; a line full of them is a wall."""
PHRASE_TIMES, PHRASE_CHARS = 15, 40
"""So often the same few characters, in all so many, are no laugh any more."""
MARKS_MIN, MARKS_SHARE = 10, 0.8

_SHORT = min(CAPITALS_MIN, EMOJI_MIN, REPEATED_MIN, 2 * MARKS_MIN)
_EMOJI = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]")
_REPEATED = re.compile(rf"(\S)(?:[ \u200d\ufe0f]{{0,2}}\1){{{REPEATED_MIN - 1},}}")
_PHRASE = re.compile(rf"(\S[^\n]{{1,7}}?)\1{{{PHRASE_TIMES - 1},}}")
# Marks of scripts that don't stand above and below Latin letters are letters' parts there.
_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")


def check(subject: Subject, rules: RoomRules) -> Iterable[TextReason]:
    """``capitals``, ``emoji``, ``repeated`` (a character or a few) and ``stacked`` (marks on marks)."""
    text = subject.text
    return () if rules.walls == "allow" or len(text) < _SHORT else _walls(text, rules)


def _walls(text: str, rules: RoomRules) -> Iterator[TextReason]:
    if (found := _REPEATED.search(text)) or (
        (found := _PHRASE.search(text)) and found.end() - found.start() >= PHRASE_CHARS
    ):
        yield TextReason("walls", "repeated", rules.walls, found[1], found.start(), found.end())
    if text.isascii():
        if _is_shouted(text):
            yield TextReason("walls", "capitals", rules.walls)
        return
    if len(_MARKS.findall(text)) >= max(MARKS_MIN, MARKS_SHARE * sum(map(str.isalpha, text))):
        yield TextReason("walls", "stacked", rules.walls)
    emoji = len(_EMOJI.findall(text))
    if emoji >= max(EMOJI_MIN, EMOJI_SHARE * sum(not char.isspace() for char in text)):
        yield TextReason("walls", "emoji", rules.walls)
    if _is_shouted(text):
        yield TextReason("walls", "capitals", rules.walls)


def _is_shouted(text: str) -> bool:
    if not text.isascii():
        upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    else:
        upper = len(text) - len(text.translate(_WITHOUT_UPPER))
        lower = len(text) - len(text.translate(_WITHOUT_LOWER))
    return upper >= CAPITALS_MIN and upper >= CAPITALS_SHARE * (upper + lower)


_WITHOUT_UPPER = dict.fromkeys(range(65, 91))
_WITHOUT_LOWER = dict.fromkeys(range(97, 123))
