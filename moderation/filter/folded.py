"""A text in the forms in which the checks look at it, each made once."""

from __future__ import annotations

from functools import lru_cache

from moderation.filter.near import Sketch, sketch
from moderation.filter.normalise import Normalised, normalise
from moderation.filter.plain import Plain, views

KEPT_MAX = 64
_KEPT_CHARS = 400


class Folded:
    """``seen`` is for the word lists, ``views`` for addresses, ``like`` for comparing texts; None: too short
    for that. Only to be read: others read it too."""

    __slots__ = ("_like", "seen", "views")

    def __init__(self, text: str) -> None:
        self.seen: Normalised = normalise(text)
        self.views: tuple[Plain, ...] = views(Plain(text))
        self._like: tuple[Sketch | None] | None = None

    @property
    def like(self) -> Sketch | None:
        if self._like is None:
            self._like = (sketch(self.seen),)
        return self._like[0]


def folded(text: str) -> Folded:
    """``text`` folded. The last few are kept: a comment is looked at before it goes to the writer, when it is
    judged, and when it counts. Safe in any thread."""
    return _kept(text) if len(text) <= _KEPT_CHARS else Folded(text)


@lru_cache(KEPT_MAX)
def _kept(text: str) -> Folded:
    return Folded(text)
