"""Texts that are nearly the same: compared by the pieces of few letters that they consist of. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moderation.filter.normalise import Normalised

UNITS_MIN = 20
"""What is shorter is said by many without a thought of each other."""
CHARS_MAX = 400
KEYS = 6
NEAR, WITHIN = 0.6, 0.85


@dataclass(frozen=True, slots=True)
class Sketch:
    """``pieces`` are what two texts are compared by; ``keys`` a few of them, of which texts that are nearly
    the same share at least one almost always. Keys mean something in this process alone."""

    pieces: frozenset[str]
    keys: tuple[int, ...]


_IDEOGRAPH = re.compile("[\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]")


def units(text: str) -> int:
    """How much is said in ``text``: a letter is one, an ideograph two."""
    return len(text) if text.isascii() else len(text) + len(_IDEOGRAPH.findall(text))


def sketch(seen: Normalised) -> Sketch | None:
    """A text's sketch, of its letters alone, so that another number in it makes no other text; None: it is
    too short to say that two are the same for a reason."""
    text = seen.text[:CHARS_MAX]
    if 2 * len(text) < UNITS_MIN:
        return None
    if not text.isalpha():
        text = "".join(filter(str.isalpha, text))
    if units(text) < UNITS_MIN:
        return None
    size = 4 if text.isascii() or 2 * len(_IDEOGRAPH.findall(text)) <= len(text) else 2
    pieces = frozenset([text[at : at + size] for at in range(len(text) - size + 1)])
    return Sketch(pieces, tuple(sorted(map(hash, pieces))[:KEYS]))


def are_near(one: Sketch, other: Sketch) -> bool:
    """Whether two texts are nearly the same, or one is nearly all in the other."""
    shared = len(one.pieces & other.pieces)
    less, more = sorted((len(one.pieces), len(other.pieces)))
    return shared >= NEAR * (less + more - shared) or (shared >= WITHIN * less and more < 4 * less)
