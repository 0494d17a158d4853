"""What a check is given, and the shape of all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moderation.filter.folded import Folded, folded
from moderation.rulebook.rules import RoomRules
from rooms.ports import About, TextReason


@dataclass(slots=True)
class Subject:
    """A text, what it is and whose, and the forms in which it is looked at. Only to be read."""

    text: str
    about: About
    folded: Folded

    @classmethod
    def of(cls, text: str, about: About) -> Subject:
        return cls(text, about, folded(text))


Check = Callable[[Subject, RoomRules], Iterable[TextReason]]
"""Pure: gives every reason it finds, in any order; nothing else hangs on what it returns. Most texts give
no reason, so a check first looks, as cheaply as can be, for whether there may be one."""
