"""What moderators say of a hit in a stream: it is fine. The same for what is seen and for what is heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import StringConstraints

from moderation.permissions import Action
from rooms.commands import Keyed
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Kind, Steps
from rooms.unit import Unit

HOST = "host"
"""What the host's stream is called on the wire; a guest's by its slot."""

Sort = Literal["picture", "sound"]
S = TypeVar("S")


class ClearStream(Keyed):
    """What ``picture.clear`` and ``sound.clear`` say."""

    stream: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,16}$")] = HOST


class OnAir(Protocol):
    """Whose streams are on the air. The room must be locked."""

    def break_off(self, tx: Unit, room_id: str, guest_id: str | None, why: Sort = "picture") -> None:
        """Take a stream off the air: the host's ends the room's, a guest leaves the stage."""
        ...

    def publisher(self, tx: Unit, room_id: str, slot: str | None) -> str | None:
        """Whose stream it is, if it is anybody's."""
        ...


class Queue(Protocol):
    """Where moderators find what they have to look at or listen to."""

    def raise_hit(
        self, tx: Unit, room_id: str, stream: str, publisher_id: str, facts: dict[str, Any]
    ) -> object:
        """A hit, with what they are to know of it. The room must be locked."""
        ...

    def cleared(self, tx: Unit, room_id: str, stream: str, caller: Caller) -> int | None:
        """Somebody has seen to that stream already; gives since when what waited had it blurred, if it had.
        The room must be locked."""
        ...


class Clearing(ABC, Generic[S]):
    """``clear`` is a command; ``rows`` and ``fine`` are for who decides in the queue. ``states`` is what is
    known against streams, by their names in the media layer; ``quiet_ms``: for how long hits lead to nothing
    after a moderator has cleared a stream."""

    sort: Sort
    states: Kind[S]

    def __init__(self, standing: Standing, audit: Audit, on_air: OnAir, queue: Queue, quiet_ms: int) -> None:
        self._standing, self._audit = standing, audit
        self._on_air, self._queue, self._quiet_ms = on_air, queue, quiet_ms

    def clear(self, tx: Unit, cmd: ClearStream, caller: Caller) -> Steps[Any]:
        """A moderator has looked or listened, and it is fine. Refuses with ``forbidden``, also, operators
        apart, whose stream it is: a second person is the point of it."""
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield from self.rows(cmd.room, cmd.stream)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, Action.REVIEW)
        slot = None if cmd.stream == HOST else cmd.stream
        if not caller.operator and self._on_air.publisher(tx, cmd.room, slot) == caller.id:
            raise Refused("forbidden", "It is your own stream: a moderator has to see to it.")
        since_ms = self._queue.cleared(tx, cmd.room, cmd.stream, caller)
        until_ms = self.fine(tx, cmd.room, cmd.stream, caller, since_ms)
        return {"stream": cmd.stream, "quiet_until_ms": until_ms}

    def rows(self, room_id: str, stream: str) -> Steps[None]:
        """What ``fine`` needs of a stream, beside the room."""
        yield self.states.rows(full_name(room_id, stream))

    def fine(self, tx: Unit, room_id: str, stream: str, caller: Caller, since_ms: int | None = None) -> int:
        """It may be published again, and is let be until the time that this gives. What was done from
        ``since_ms`` on was a mistake."""
        until_ms = tx.now_ms + self._quiet_ms
        self._let_be(tx, room_id, stream, until_ms, since_ms)
        tx.brief(room_id, f"{self.sort}_over", {"stream": stream, "by": caller.card})
        self._audit.note(tx, room_id, caller, f"{self.sort}.clear", stream, {"until_ms": until_ms})
        return until_ms

    @abstractmethod
    def _let_be(self, tx: Unit, room_id: str, stream: str, until_ms: int, since_ms: int | None) -> None:
        """Write down that nothing is known against it any more, and that hits lead to nothing until then."""


def full_name(room_id: str, stream: str) -> str:
    """What a stream is called in the media layer."""
    return room_id if stream == HOST else f"{room_id}:{stream}"
