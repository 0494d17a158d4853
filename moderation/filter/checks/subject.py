"""What a check is given, and the shape of all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moderation.filter.checks.plain import Plain, views
from moderation.filter.normalise import Normalised, normalise
from moderation.rulebook.rules import RoomRules
from rooms.ports import About, TextReason


@dataclass(frozen=True, slots=True)
class Subject:
    """A text in the forms in which it is looked at, each made once for all checks."""

    text: str
    about: About
    seen: Normalised
    views: tuple[Plain, ...]

    @classmethod
    def of(cls, text: str, about: About) -> Subject:
        return cls(text, about, normalise(text), views(Plain(text)))

    @property
    def plain(self) -> str:
        return self.views[0].text


Check = Callable[[Subject, RoomRules], Iterable[TextReason]]
"""Pure: gives every reason it finds, in any order; nothing else hangs on what it returns."""
