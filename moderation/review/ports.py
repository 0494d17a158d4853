"""What the queue needs from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from moderation.permissions import Role
from moderation.review.rules import Item
from moderation.rulebook.rules import RoomRules
from rooms.log import LogEvent
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit

RulesOf = Callable[[str], RoomRules]
"""Where a room's rules are looked up. Quick, without I/O: asked in the writer."""


class Speaking(Protocol):
    """Where a comment enters the log that a moderator has let through."""

    def approval_rows(self, tx: Unit, room_id: str, author_id: str, reply_to: str | None) -> Steps[None]:
        """What ``approve`` reads beside the author's standing. After ``ROOMS`` in the lock order."""
        ...

    def approve(
        self, tx: Unit, room_id: str, author: Caller, data: dict[str, Any], reply_to: str | None
    ) -> LogEvent:
        """Say it now, as its author. Raises ``Refused``, by what the author may not do any more."""
        ...


class Pictures(Protocol):
    """Where a picture, or the sound, is cleared of what was found in it. ``stream`` is ``host``, or a guest's
    slot."""

    def rows(self, room_id: str, stream: str) -> Steps[None]:
        """What ``fine`` needs. After ``ROOMS`` in the lock order."""
        ...

    def fine(
        self, tx: Unit, room_id: str, stream: str, caller: Caller, since_ms: int | None = None
    ) -> object:
        """Act on it no longer, and let it be for a while; blurs from ``since_ms`` on were a mistake."""
        ...


class Uploads(Protocol):
    """Where an uploaded picture that is withheld is shown again. ``name`` is its file's."""

    def fine(self, tx: Unit, room_id: str, name: str, caller: Caller) -> None: ...


class Deciding(Protocol):
    """What a decision on one kind of item does. The item's room and the user whom it is about are locked."""

    def rows(self, tx: Unit, item: Item, caller: Caller) -> Steps[None]:
        """The rows that the decision needs, of the room's."""
        ...

    def refuse(self, tx: Unit, item: Item, caller: Caller, decider: Role, owner: Role) -> None:
        """Who may not decide. Raises ``Refused``."""
        ...

    def carry_out(self, tx: Unit, item: Item, caller: Caller) -> Steps[Item]:
        """Do what was decided, tell whom it concerns, and note it; gives the item as it is to be kept.
        Raises ``Refused`` before anything has changed."""
        ...
