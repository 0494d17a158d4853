"""The spellings of an entry: what is looked for in a text's readings, and what must hold where found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby, pairwise, product

from moderation.filter.entries import Entry, ways
from moderation.filter.fold import Kind
from moderation.filter.normalise import Gap, Normalised, normalise
from moderation.filter.readings import by_sound
from moderation.filter.tables import apart
from moderation.filter.tables import readings as syllables

_NO_GAPS = frozenset[int]()
_NO_SUFFIX = frozenset[str]()
_RUN = re.compile(r"(.)\1", re.DOTALL)
_PLURAL = frozenset({"s", "es", "z"})
_VERBAL = _PLURAL | {"ed", "er", "ers", "ing", "ings", "in", "y", "ty"}
_SUFFIXES = {"none": _NO_SUFFIX, "noun": _PLURAL, "verb": _VERBAL}
_WHEN_DOUBLED = _VERBAL - _PLURAL
_WITHOUT_E = frozenset({"ing", "ings", "in", "y"})
_WITHOUT_Y = frozenset({"ies", "iez", "ied", "ier"})
_UPSIDE_DOWN = str.maketrans("nupdbq", "undpqb")
_ALIKE = (("f", "ph"), ("u", "v"), ("w", "vv"), ("i", "l"), ("m", "rn"))
_ALIKE_MIN = 4
"""Respelled, reversed or spelled out, shorter words would be found where nobody meant them."""
HEARD_MIN = 3
"""Characters from which on one may be meant by how it sounds."""
_PARTS_MAX = 4
"""Up to so many characters an entry is also looked for with any of them in pieces or as initials."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What many spellings have in common: all of a ``Spelling`` that doesn't hang on its own letters.
    ``sounded``: it is in pinyin."""

    gaps: frozenset[int]
    open_start: bool
    open_end: bool
    suffixes: frozenset[str]
    stem: bool
    spaceless: bool
    sounded: bool = False


Key = tuple[str, Shape, str]
"""What is looked for, its shape, and what it was: the characters of one in pinyin, a squeezed one with its
runs; "" for others. So much is kept of a spelling until it is found for the first time."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """An entry in one spelling, ready for comparing with what the automaton found.

    ``gaps``: where words of a phrase begin. ``runs``: how many of each letter, for squeezed texts.
    ``open_start``, ``open_end``: no word needs to begin or end there. ``suffixes`` may follow it,
    and one must where it is a ``stem``.
    ``syllables``: where each syllable of a word in pinyin begins, and the character that it is.
    """

    entry: Entry
    key: str
    gaps: frozenset[int] = frozenset()
    runs: tuple[int, ...] = ()
    open_start: bool = False
    open_end: bool = False
    suffixes: frozenset[str] = frozenset()
    stem: bool = False
    syllables: tuple[tuple[int, str], ...] = ()
    spaceless: bool = False

    @classmethod
    def of(cls, entry: Entry, made: Key) -> Spelling:
        """The entry's spelling of which ``made`` was kept."""
        key, shape, was = made
        return cls(
            entry,
            key,
            shape.gaps,
            tuple(len(list(same)) for _, same in groupby(was)) if was and not shape.sounded else (),
            shape.open_start,
            shape.open_end,
            shape.suffixes,
            shape.stem,
            _syllables(was) if shape.sounded else (),
            shape.spaceless,
        )


@lru_cache(4096)
def _shape(
    gaps: frozenset[int],
    open_start: bool,
    open_end: bool,
    suffixes: frozenset[str] = _NO_SUFFIX,
    stem: bool = False,
    spaceless: bool = False,
    sounded: bool = False,
) -> Shape:
    return Shape(gaps, open_start, open_end, suffixes, stem, spaceless, sounded)


def spellings(entry: Entry) -> Iterator[Key]:
    """An entry's spellings for the plain reading and those that keep its letters. Raises ``ValueError``
    where nothing is left of the entry to compare."""
    for way in ways(entry.text):
        seen = normalise(way.strip("*"))
        if not seen.text:
            raise ValueError(f"{entry.text!r}: nothing is left of it to compare; remove it from its list")
        if _has_ideographs(seen):
            yield from _spaceless(entry, seen)
        else:
            opened = entry.match == "substring"
            yield from _spaced(entry, seen, opened or way.startswith("*"), opened or way.endswith("*"))


def heard(entry: Entry) -> Iterator[Key]:
    """The entry's texts as they sound, for those that ask for it and are long enough to be meant."""
    if entry.homophones and entry.action != "allow":
        for way in ways(entry.text):
            text = normalise(way).text
            if len(text) >= HEARD_MIN and all(char in syllables() for char in text):
                yield by_sound(text).text, _shape(_NO_GAPS, True, True, spaceless=True), ""


def squeezed(made: Key) -> Key | None:
    """The spelling for text whose runs of a letter are one; None if it is the same there."""
    key, shape, _ = made
    if shape.sounded or not _RUN.search(key):
        return None
    once = "".join([char for char, _ in groupby(key)])
    if len(once) < 2 or not (key.isalpha() or _keeps_digits(key)):
        return None
    gaps = shape.gaps
    if gaps:
        starts = accumulate((len(list(same)) for _, same in groupby(key)), initial=0)
        gaps = frozenset(
            [index for index, start in zip(range(len(once)), starts, strict=False) if start in gaps]
        )
    return (
        once,
        _shape(gaps, shape.open_start, shape.open_end, shape.suffixes, shape.stem, shape.spaceless),
        key,
    )


def _keeps_digits(key: str) -> bool:
    """Whether no digit stands beside the same one: 100 is another number than 10."""
    return not any(run[1].isdigit() for run in _RUN.finditer(key))


def _has_ideographs(seen: Normalised) -> bool:
    if seen.text.isascii():
        return False
    return any(seen.kind(index) is Kind.IDEOGRAPH for index in range(len(seen.text)))


def _gaps(seen: Normalised) -> frozenset[int]:
    if len(seen.text) == len(seen.kept):
        return _NO_GAPS
    apart = [index for index, (one, next_) in enumerate(pairwise(seen.at), 1) if next_ - one > 1]
    return frozenset([index for index in apart if seen.gap(index) is not Gap.NONE])


def _syllables(text: str) -> tuple[tuple[int, str], ...]:
    """Where each syllable of a word begins when it is in pinyin, and its character."""
    table = syllables()
    return tuple(
        zip(accumulate((len(table.get(char, char)) for char in text), initial=0), text, strict=False)
    )


def _spaced(entry: Entry, seen: Normalised, open_start: bool, open_end: bool) -> Iterator[Key]:
    gaps, word = _gaps(seen), seen.text

    def spelled(key: str, suffixes: frozenset[str] = _NO_SUFFIX, stem: bool = False) -> Key:
        apart = gaps if not gaps or len(key) >= max(gaps) else _NO_GAPS
        return key, _shape(apart, open_start, open_end, suffixes, stem), ""

    inflected = entry.match != "exact" and entry.action != "allow"
    suffixes = _SUFFIXES[entry.inflect if inflected else "none"]
    yield spelled(word, suffixes)
    if not word.isascii() or not word.isalpha() or not inflected:
        return
    if suffixes and word.endswith("y"):
        yield spelled(word[:-1], _WITHOUT_Y, stem=True)
    if entry.inflect == "verb" and word.endswith("e"):
        yield spelled(word[:-1], _WITHOUT_E, stem=True)
    elif entry.inflect == "verb" and word[-1] not in "aeiouwxy":
        yield spelled(word + word[-1], _WHEN_DOUBLED, stem=True)
    if len(word) >= _ALIKE_MIN:
        for key in _respelled(word):
            yield spelled(key, suffixes)
    if entry.reverse and len(word) >= _ALIKE_MIN:
        back = word[::-1]
        turned = frozenset(len(word) - gap for gap in gaps)
        for key in {back, back.translate(_UPSIDE_DOWN)} - {word}:
            yield key, _shape(turned, False, False), ""


def _respelled(word: str) -> set[str]:
    """Letters by others that are read or look alike: phuck, fvck, vvhore, shlt."""
    ways = {word.replace(*pair) for pair in _ALIKE}
    return ways - {word}


def _spaceless(entry: Entry, seen: Normalised) -> Iterator[Key]:
    text, gaps = seen.text, _gaps(seen)
    is_open = entry.match != "word"

    def spelled(key: str, was: str = "") -> Key:
        same = gaps if len(key) == len(text) else _NO_GAPS
        return key, _shape(same, is_open, is_open, _NO_SUFFIX, False, True, bool(was)), was

    yield spelled(text)
    if entry.action == "allow" or entry.match == "exact":
        return
    if len(text) <= _PARTS_MAX:
        yield from map(spelled, _otherwise(entry, text))
    table = syllables()
    sounds = [table.get(char, "") for char in text]
    if (
        entry.pinyin
        and len(text) > 1
        and any(sounds)
        and all(sound or char.isalnum() for sound, char in zip(sounds, text, strict=True))
    ):
        yield spelled("".join([sound or char for sound, char in zip(sounds, text, strict=True)]), text)


def _otherwise(entry: Entry, text: str) -> Iterator[str]:
    """A short Chinese word with characters in pieces, turned round, or by some of its first letters."""
    if entry.apart:
        yield from _mixed(text, [(char, *apart().get(char, ())) for char in text])
        if len(text) == 2:
            first, last = ((apart().get(char, ()), syllables().get(char, char)) for char in text)
            yield from (pieces + last[1] for pieces in first[0])
            yield from (first[1] + pieces for pieces in last[0])
    if entry.reverse and len(text) > 1:
        yield text[::-1]
    if entry.initials and len(text) > 1:
        table = syllables()
        for key in _mixed(text, [(char, table[char][:1]) if char in table else (char,) for char in text]):
            if any(char in table for char in key):
                yield key


def _mixed(text: str, choices: Sequence[Sequence[str]]) -> set[str]:
    return {"".join(parts) for parts in product(*choices)} - {text}
