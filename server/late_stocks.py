"""The kinds of stored pictures that are looked at late: rooms', and people's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection

from moderation.pictures.uploads import Looked
from rooms import avatars
from rooms.history import read_room
from rooms.rows import Steps
from rooms.unit import Unit
from server import pictures
from server.pictures import Unchecked

PLATFORM = ""
"""The trail of what is done in no room; pictures of it are seen in all rooms."""


class LateActs(Protocol):
    """What is done when a checker has looked."""

    def rows(self, one: Looked) -> Steps[None]:
        """What ``looked`` needs beside the room."""
        ...

    def looked(self, tx: Unit, one: Looked) -> Steps[Any]:
        """Safe to repeat: ``{"settled": False}`` if it was done already."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture's bytes, and who is told if something is found."""

    body: bytes
    told: tuple[str, ...]


class Stock(Protocol):
    """Stored pictures of one kind."""

    @property
    def acts(self) -> LateActs: ...

    def count(self, conn: Connection) -> int:
        """How many nobody has looked at."""
        ...

    def page(self, conn: Connection, after: str, limit: int) -> list[Unchecked]:
        """Those of them whose names come after that one, by name."""
        ...

    def read(self, conn: Connection, one: Unchecked) -> Shown | None:
        """None: it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class OfRooms:
    """What hosts have uploaded for their rooms. The host and who gave it are told."""

    acts: LateActs

    def count(self, conn: Connection) -> int:
        return pictures.count_unchecked(conn)

    def page(self, conn: Connection, after: str, limit: int) -> list[Unchecked]:
        return pictures.read_unchecked(conn, after, limit)

    def read(self, conn: Connection, one: Unchecked) -> Shown | None:
        kept = pictures.read_picture(conn, one.name)
        if kept is None:
            return None
        room = read_room(conn, one.room_id)
        told = (room.host_id if room else "", one.user_id)
        return Shown(kept.body, tuple(dict.fromkeys(user for user in told if user)))


@dataclass(frozen=True, slots=True)
class OfPeople:
    """People's pictures of their own, those too that they have replaced."""

    acts: LateActs

    def count(self, conn: Connection) -> int:
        return avatars.count_unchecked(conn)

    def page(self, conn: Connection, after: str, limit: int) -> list[Unchecked]:
        found = avatars.read_unchecked(conn, after, limit)
        return [Unchecked(digest, PLATFORM, user_id) for digest, user_id in found]

    def read(self, conn: Connection, one: Unchecked) -> Shown | None:
        served = avatars.read_served(conn, [one.name]).get(one.name)
        return Shown(served.body, (one.user_id,)) if served is not None else None
