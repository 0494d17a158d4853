"""One client's socket, as the rest of the server sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rooms.ports import Caller
from server.auth import Identity
from server.socket.packets import Packet

Write = Callable[[bytes], object]


class Outlet(Protocol):
    """Where a connection's messages go; both ways return at once."""

    @property
    def write(self) -> Write | None:
        """Takes a packet's frame, while the client is there and keeps up: the short way, for fan-out.

        None: ``send`` knows what to do.
        """
        ...

    @property
    def is_open(self) -> bool:
        """False: the client is gone, or is being sent away."""
        ...

    @property
    def round_trip_ms(self) -> int:
        """To the client and back, as the server's own pings measured it; 0: not measured (yet)."""
        ...

    def send(self, packet: Packet, *, droppable: bool = False) -> bool:
        """Write or queue a packet; False: it was not taken.

        Who doesn't keep up is first left without what is ``droppable``, while ``is_open`` stays True, and
        closed with ``slow`` when that isn't enough.
        """
        ...

    def close(self, code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> None:
        """Say ``bye`` and close."""
        ...


@dataclass(eq=False, slots=True)
class Connection:
    """A connected client: who it is, where it is, what it may see there.

    ``you_seq`` is the last private event that it was sent; ``staff_from`` the last staff event that it has,
    or None while the answer to its ``enter`` is on its way. ``seat`` grows with each entering, on all
    connections together; 0: in no room.
    """

    id: str
    identity: Identity
    outlet: Outlet
    address: str
    room_id: str | None = None
    seat: int = 0
    actions: frozenset[str] = frozenset()
    you_seq: int = 0
    staff_from: int | None = None
    device: str | None = None
    """What the client calls its device, if it says so."""
    reported_ms: int = 0
    """When its page last said how late its picture is."""
    granted: Callable[[Connection], None] | None = None
    """Whom to tell of new ``actions``: the room that it is in."""
    leaving: list[Callable[[], None]] = field(default_factory=list)

    @property
    def caller(self) -> Caller:
        return as_caller(self.identity)

    def grant(self, actions: frozenset[str]) -> None:
        """What it may see in its room is something else from here on."""
        self.actions = actions
        if self.granted is not None:
            self.granted(self)

    @property
    def viewer_id(self) -> str:
        """What viewers are counted by: a user once, each guest's connection once."""
        return self.identity.id or self.id


def as_caller(identity: Identity) -> Caller:
    """The identity as the rooms see it."""
    return Caller(identity.id, identity.name, operator=identity.operator, may_host=identity.may_host)
