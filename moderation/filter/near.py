"""Texts that are nearly the same: compared by the pieces of few letters that they consist of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest

from moderation.filter.normalise import Kind, Normalised

UNITS_MIN = 20
"""What is shorter is said by many, and by itself: a letter is one, an ideograph two."""
CHARS_MAX = 400
KEYS = 6
NEAR, WITHIN = 0.6, 0.85


@dataclass(frozen=True, slots=True)
class Sketch:
    """``pieces`` are what two texts are compared by; ``keys`` a few of them, of which texts that are nearly
    the same share at least one almost always. Keys mean something in this process alone."""

    pieces: frozenset[str]
    keys: tuple[int, ...]


def sketch(seen: Normalised) -> Sketch | None:
    """A text's sketch, of its letters alone, so that another number in it makes no other text; None: it is
    too short to say that two are the same for a reason."""
    if 2 * len(seen.text) < UNITS_MIN:
        return None
    text, kinds = seen.text, seen.kinds
    if Kind.DIGIT in kinds:
        text = "".join([char for char, kind in zip(text, kinds, strict=True) if kind is not Kind.DIGIT])
    ideographs = kinds.count(Kind.IDEOGRAPH)
    if len(text) + ideographs < UNITS_MIN:
        return None
    size = 2 if 2 * ideographs > len(text) else 4
    text = text[:CHARS_MAX]
    pieces = frozenset([text[at : at + size] for at in range(len(text) - size + 1)])
    return Sketch(pieces, tuple(nsmallest(KEYS, map(hash, pieces))))


def are_near(one: Sketch, other: Sketch) -> bool:
    """Whether two texts are nearly the same, or one is nearly all in the other."""
    shared = len(one.pieces & other.pieces)
    less, more = sorted((len(one.pieces), len(other.pieces)))
    return shared >= NEAR * (less + more - shared) or (shared >= WITHIN * less and more < 4 * less)
