"""A room's whole rulebook, and how lists become layers: filters that can be made anew one by one."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moderation.filter import Entry, TextFilter
from moderation.rulebook.effective import Chosen, effective
from moderation.rulebook.rules import DEFAULT_RULES, RoomRules

JOINED_MAX = 5_000
"""Entries of a scope up to which its lists are one layer: compiled in some tens of milliseconds."""
LAYERS_MAX = 8
"""Layers of a scope with more: each text is looked at once a layer, and a change compiles one of them."""

Key = tuple[tuple[str, int], ...]
"""A layer's lists with their versions, by name: the same key, the same layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Compiled lists. ``categories`` says how many entries each has, those that allow left out."""

    words: TextFilter
    entries: int
    categories: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What one scope brings: what it has chosen, and its lists, compiled."""

    chosen: Chosen = field(default_factory=Chosen)
    layers: Mapping[Key, Layer] = field(default_factory=dict)
    version: int = 0

    @property
    def entries(self) -> int:
        return sum(layer.entries for layer in self.layers.values())


@dataclass(frozen=True, slots=True)
class Book:
    """What texts are judged by, at one moment: rules and words that belong together. ``version`` is that of
    the last change in it. ``names`` is for whoever remembers what names came to by it: it goes with the book,
    so it never outlives what was decided by."""

    rules: RoomRules = DEFAULT_RULES
    words: tuple[TextFilter, ...] = ()
    version: int = 0
    names: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)


def bound(base: Layer, platform: Part, room: Part | None = None) -> Book:
    """The book of a room: the lists that come along, the platform's, the room's."""
    parts = [platform] if room is None else [platform, room]
    words = (base.words, *(layer.words for part in parts for layer in part.layers.values()))
    rules = effective(platform.chosen, room.chosen if room else Chosen())
    return Book(rules, words, max(part.version for part in parts))


def compiled(entries: Iterable[Entry]) -> Layer:
    """Raises ``WordListError`` for what can't be looked for. Takes its time: not for the event loop."""
    entries = list(entries)
    categories = Counter(entry.category for entry in entries if entry.action != "allow")
    return Layer(TextFilter(entries), len(entries), dict(categories))


def grouped(lists: Sequence[tuple[str, int, int]]) -> Iterator[Key]:
    """The layers that these lists (name, version, entries) make, as keys. A list's group depends on its name
    alone, so that a change touches the layer it is in and no other."""
    named = sorted(lists)
    if sum(entries for _, _, entries in named) <= JOINED_MAX:
        groups = {0: named}
    else:
        groups = {}
        for each in named:
            groups.setdefault(zlib.crc32(each[0].encode()) % LAYERS_MAX, []).append(each)
    for number in sorted(groups):
        if groups[number]:
            yield tuple((name, version) for name, version, _ in groups[number])


def categories(*layers: Iterable[Layer]) -> dict[str, int]:
    """How many entries each category has, by name."""
    total: Counter[str] = Counter()
    for some in layers:
        for layer in some:
            total.update(layer.categories)
    return dict(sorted(total.items()))
