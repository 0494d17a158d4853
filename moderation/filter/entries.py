"""What a word list holds: entries, and what is wrong with those that can't be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Action = Literal["allow", "mask", "hold", "deny"]
Match = Literal["exact", "word", "substring", "regex"]
Inflect = Literal["none", "noun", "verb"]

TEXT_MAX_CHARS = 100
CHOICES_MAX_CHARS = 1000
"""An entry with braces may be longer than one of the texts that it stands for."""
REGEX_MAX_CHARS = 500
SEVERITIES = (1, 2, 3, 4)
WAYS_MAX = 500
"""How many texts one entry with braces may stand for."""


@dataclass(frozen=True, slots=True)
class ListProblem:
    """What is wrong at ``line`` (from 1; None: nowhere in particular) of a list."""

    line: int | None
    message: str


class WordListError(Exception):
    """A word list can't be used; ``problems`` says where and why, in the order of their lines."""

    def __init__(self, message: str, problems: Sequence[ListProblem] = (), name: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.problems = tuple(problems) or (ListProblem(None, message),)

    @classmethod
    def of(cls, name: str, problems: Sequence[ListProblem]) -> WordListError:
        places = (
            f":{problem.line}: {problem.message}" if problem.line else f": {problem.message}"
            for problem in problems
        )
        return cls("\n".join(f"{name}{place}" for place in places), problems, name)


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to look for.

    ``match`` None: anywhere in scripts without spaces, else as a whole word. A ``*`` at an end of it opens
    the word there: ``fuck*`` is found in "fuckwit". Braces give choices: ``kill {you,u}``.
    ``severity`` is 1 (the worst) to 4: a category's level in a room says down to which it is caught.
    For Latin words ``inflect`` also finds plurals (``noun``), or also -ed, -er, -ing, -in, -y (``verb``);
    ``reverse`` finds words written backwards, Latin ones upside down too. For Chinese ones ``pinyin`` finds
    them spelled out, in whole or in part (加wei信), ``initials`` by the first letters of some of their
    syllables (傻b), ``homophones`` in other characters that are read alike, ``apart`` with characters in
    pieces (弓虽女干).
    ``list`` and ``line`` say where it stands.
    """

    text: str
    action: Action
    match: Match | None = None
    language: str | None = None
    category: str = "custom"
    severity: int = 2
    inflect: Inflect = "noun"
    reverse: bool = False
    pinyin: bool = True
    initials: bool = False
    homophones: bool = False
    apart: bool = False
    list: str = ""
    line: int | None = None


def ways(text: str) -> Iterator[str]:
    """The texts that one with braces stands for: ``{a,b}c`` for "ac" and "bc"; not nested. At most
    ``WAYS_MAX``; raises ``ValueError`` for more and for a brace without its other."""
    found: list[str] = [""]
    rest = text
    while "{" in rest:
        before, _, inside = rest.partition("{")
        choice, closed, rest = inside.partition("}")
        if not closed or "{" in choice:
            raise ValueError("a { without its }")
        found = [start + before + way.strip() for start in found for way in choice.split(",")]
        if len(found) > WAYS_MAX:
            raise ValueError(f"stands for more than {WAYS_MAX} texts")
    if "}" in rest:
        raise ValueError("a } without its {")
    return iter([start + rest for start in found])
