"""The spellings of an entry: what is looked for in a text's readings, and what must hold where found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product

from moderation.filter.entries import Entry, ways
from moderation.filter.fold import Kind
from moderation.filter.normalise import Gap, Normalised, normalise
from moderation.filter.readings import by_sound
from moderation.filter.tables import apart
from moderation.filter.tables import readings as syllables

_NONE: Mapping[int, Gap] = {}
_PLURAL = frozenset({"s", "es", "z"})
_VERBAL = _PLURAL | {"ed", "er", "ers", "ing", "ings", "in", "y", "ty"}
_WITHOUT_E = frozenset({"ing", "ings", "in", "y"})
_WITHOUT_Y = frozenset({"ies", "iez", "ied", "ier"})
_UPSIDE_DOWN = str.maketrans("nupdbq", "undpqb")
_ALIKE = (("f", "ph"), ("u", "v"), ("w", "vv"), ("i", "l"), ("m", "rn"))
_ALIKE_MIN = 4
"""Respelled, reversed or spelled out, shorter words would be found where nobody meant them."""
_PARTS_MAX = 4
"""Up to so many characters an entry is also looked for with any of them in pieces or as initials."""


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


def spellings(entry: Entry) -> Iterator[Spelling]:
    """An entry's spellings for the plain reading and those that keep its letters. Raises ``ValueError``
    where nothing is left of the entry to compare."""
    for way in ways(entry.text):
        opened = entry.match == "substring"
        open_start, open_end = opened or way.startswith("*"), opened or way.endswith("*")
        seen = normalise(way.strip("*"))
        if not seen.text:
            raise ValueError(f"{entry.text!r}: nothing is left of it to compare; remove it from its list")
        kinds = {seen.kind(index) for index in range(len(seen.text))}
        if Kind.IDEOGRAPH in kinds:
            yield from _spaceless(entry, seen)
        else:
            yield from _spaced(entry, seen, open_start, open_end)


def heard(entry: Entry) -> Iterator[str]:
    """The entry's texts as they sound, for those that ask for it and are long enough to be meant."""
    if entry.homophones and entry.action != "allow":
        for way in ways(entry.text):
            text = normalise(way).text
            if len(text) > 2 and all(char in syllables() for char in text):
                yield by_sound(text).text


def squeezed(spelling: Spelling) -> Spelling | None:
    """The spelling for text whose runs of a letter are one; None if it is the same there."""
    runs = [(char, len(list(same))) for char, same in groupby(spelling.key)]
    if any(char.isdigit() and length > 1 for char, length in runs):
        return None
    if len(runs) == len(spelling.key) or spelling.syllables or len(runs) < 2:
        return None
    starts = [sum(length for _, length in runs[:index]) for index in range(len(runs))]
    return Spelling(
        spelling.entry,
        "".join(char for char, _ in runs),
        frozenset(index for index, start in enumerate(starts) if start in spelling.gaps),
        tuple(length for _, length in runs),
        spelling.open_start,
        spelling.open_end,
        spelling.suffixes,
        spelling.stem,
        (),
        spelling.spaceless,
    )


def _gaps(seen: Normalised) -> frozenset[int]:
    return frozenset(index for index in range(1, len(seen.text)) if seen.gap(index) is not Gap.NONE)


def _spaced(entry: Entry, seen: Normalised, open_start: bool, open_end: bool) -> Iterator[Spelling]:
    gaps, word = _gaps(seen), seen.text

    def spelled(key: str, suffixes: frozenset[str] = frozenset(), stem: bool = False) -> Spelling:
        apart = gaps if len(key) >= max(gaps, default=0) else frozenset[int]()
        return Spelling(entry, key, apart, (), open_start, open_end, suffixes, stem)

    inflected = entry.match != "exact" and entry.action != "allow"
    suffixes = {"none": frozenset[str](), "noun": _PLURAL, "verb": _VERBAL}[
        entry.inflect if inflected else "none"
    ]
    yield spelled(word, suffixes)
    if not word.isascii() or not word.isalpha() or not inflected:
        return
    if suffixes and word.endswith("y"):
        yield spelled(word[:-1], _WITHOUT_Y, stem=True)
    if entry.inflect == "verb" and word.endswith("e"):
        yield spelled(word[:-1], _WITHOUT_E, stem=True)
    elif entry.inflect == "verb" and word[-1] not in "aeiouwxy":
        yield spelled(word + word[-1], _VERBAL - _PLURAL, stem=True)
    if len(word) >= _ALIKE_MIN:
        for key in _respelled(word):
            yield spelled(key, suffixes)
    if entry.reverse and len(word) >= _ALIKE_MIN:
        back = word[::-1]
        turned = frozenset(len(word) - gap for gap in gaps)
        for key in {back, back.translate(_UPSIDE_DOWN)} - {word}:
            yield Spelling(entry, key, turned)


def _respelled(word: str) -> set[str]:
    """Letters by others that are read or look alike: phuck, fvck, vvhore, shlt."""
    ways = {word.replace(*pair) for pair in _ALIKE}
    return ways - {word}


def _spaceless(entry: Entry, seen: Normalised) -> Iterator[Spelling]:
    text, gaps = seen.text, _gaps(seen)
    word = entry.match == "word"

    def spelled(key: str, parts: tuple[tuple[int, str], ...] = ()) -> Spelling:
        same = gaps if len(key) == len(text) else frozenset[int]()
        return Spelling(entry, key, same, (), not word, not word, frozenset(), False, parts, True)

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
        and all(sound or char.isalnum() for sound, char in zip(sounds, text, strict=True))
        and any(sounds)
    ):
        parts = [sound or char for sound, char in zip(sounds, text, strict=True)]
        at = [sum(map(len, parts[:index])) for index in range(len(parts))]
        yield spelled("".join(parts), tuple(zip(at, text, strict=True)))


def _otherwise(entry: Entry, text: str) -> Iterator[str]:
    """A short Chinese word with characters in pieces, turned round, or by some of its first letters."""
    if entry.apart:
        yield from _mixed(text, [(char, *apart().get(char, ())) for char in text])
    if entry.reverse and len(text) > 1:
        yield text[::-1]
    if entry.initials and len(text) > 1:
        table = syllables()
        for key in _mixed(text, [(char, table[char][:1]) if char in table else (char,) for char in text]):
            if any(char in table for char in key):
                yield key


def _mixed(text: str, choices: Sequence[Sequence[str]]) -> set[str]:
    return {"".join(parts) for parts in product(*choices)} - {text}
