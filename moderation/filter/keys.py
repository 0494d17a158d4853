"""The keys of spellings, all looked for at once (Aho-Corasick), in a few bytes each.

What a spelling is beyond its key is worked out when it is found for the first time: of the hundreds of
thousands that large lists come to, few ever are.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import ahocorasick

from moderation.filter.entries import Entry
from moderation.filter.normalise import Reading
from moderation.filter.spellings import Key, Shape, Spelling

SHARD_KEYS = 40_000
"""Keys in one automaton. To link it takes some tens of milliseconds, in which no other thread runs; each
automaton more takes about a microsecond a text."""
KEPT_MAX = 20_000
"""Spellings kept that were found once."""


class Keys:
    """Filled by ``add``, then ``link``ed once, then only asked: by any thread. ``entries`` may still grow
    between."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._ascii: list[Any] = []
        self._others: list[Any] = []
        self._all: tuple[Any, ...] = ()
        self._of_ascii: tuple[Any, ...] = ()
        # By number, from 1: a spelling's entry, shape, the next one with the same key, its length, and
        # whether it may stand where no word begins.
        self._entry = array("I", [0])
        self._shape = array("I", [0])
        self._next = array("I", [0])
        self._length = array("H", [0])
        self._opens = bytearray(1)
        self._last: dict[int, int] = {}
        self._was: dict[int, str] = {}
        self._shapes: list[Shape] = []
        self._shape_numbers: dict[int, int] = {}
        self._kept: dict[int, Spelling] = {}

    def __len__(self) -> int:
        return len(self._entry) - 1

    def add(self, entry: int, made: Key) -> int:
        """Look for this spelling of the entry with that index. Gives the spelling's number."""
        key, shape, was = made
        number = len(self._entry)
        self._entry.append(entry)
        self._shape.append(self._shape_numbers.get(id(shape)) or self._new_shape(shape))
        self._next.append(0)
        self._length.append(len(key))
        self._opens.append(shape.open_start)
        if was:
            self._was[number] = was
        automaton = self._shard(self._ascii if key.isascii() else self._others)
        first = automaton.get(key, 0)
        if first:
            self._next[self._last.get(first, first)] = number
            self._last[first] = number
        else:
            automaton.add_word(key, number)
        return number

    def link(self) -> None:
        self._of_ascii = tuple(self._ascii)
        self._all = (*self._ascii, *self._others)
        for automaton in self._all:
            automaton.make_automaton()
        self._last, self._shape_numbers = {}, {}

    def find(self, reading: Reading) -> list[tuple[Spelling, int, int]]:
        """The spellings whose key stands in the reading's text, each with its span there (end exclusive);
        those left out that must begin a word and don't. Of the same key in the order of ``add``."""
        found: list[tuple[Spelling, int, int]] = []
        text, nexts, opens = reading.text, self._next, self._opens
        for automaton in self._of_ascii if text.isascii() else self._all:
            for last, one in automaton.iter(text):
                number, end = one, last + 1
                first = end - self._length[number]
                starts = first == 0 or reading.word_starts(first)
                while number:
                    if starts or opens[number]:
                        found.append((self.spelling(number, text[first:end]), first, end))
                    number = nexts[number]
        return found

    def spelling(self, number: int, key: str) -> Spelling:
        """The spelling with that number, which has this key."""
        spelling = self._kept.get(number)
        if spelling is None:
            made = key, self._shapes[self._shape[number]], self._was.get(number, "")
            spelling = Spelling.of(self._entries[self._entry[number]], made)
            if len(self._kept) < KEPT_MAX:
                self._kept[number] = spelling
        return spelling

    def _new_shape(self, shape: Shape) -> int:
        number = self._shape_numbers.setdefault(id(shape), len(self._shapes))
        if number == len(self._shapes):
            self._shapes.append(shape)
        return number

    @staticmethod
    def _shard(automata: list[Any]) -> Any:
        if not automata or len(automata[-1]) >= SHARD_KEYS:
            automata.append(ahocorasick.Automaton(ahocorasick.STORE_INTS))
        return automata[-1]
