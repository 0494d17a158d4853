"""The tables that texts are folded with, made by ``python -m tests.support.filter_tables``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SHOP_WORD = 21
"""How common the words are that shops and chats use more than print does."""


@cache
def confusables() -> dict[str, str]:
    """Latin letters by the letters of other scripts that look like them, upper and lower case."""
    return _by_char("confusables.txt")


@cache
def simplified() -> dict[str, str]:
    """Simplified characters by their traditional forms and variants."""
    return _by_char("simplified.txt")


@cache
def readings() -> dict[str, str]:
    """The syllable, without tone, of each simplified character: its commonest one."""
    return _by_char("readings.txt")


@cache
def apart() -> dict[str, tuple[str, ...]]:
    """The two characters that a simplified one falls into, in each way that it does."""
    rows = (line.split(" ") for line in _read("apart.txt"))
    return {char: tuple(parts.split(",")) for char, parts in rows}


@cache
def common() -> dict[str, int]:
    """How common words and characters are: twice the binary logarithm of how often they stand in sixty
    million words of print; those of shops and chats as often as they are met there."""
    table: dict[str, int] = {}
    for row in _read("common.txt"):
        often, *words = row.split(" ")
        table.update(dict.fromkeys(words, int(often)))
    for word in " ".join(row for row in _read("shop.txt") if not row.startswith("#")).split():
        table[word] = max(table.get(word, 0), SHOP_WORD)
    return table


def _by_char(name: str) -> dict[str, str]:
    rows = (line.split(" ") for line in _read(name))
    return {char: meant for meant, chars in rows for char in chars}


def _read(name: str) -> list[str]:
    return (files("moderation.filter.tables") / name).read_text("utf-8").splitlines()
