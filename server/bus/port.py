"""The bus as its users see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rooms.log import LogEvent, PrivateEvent, StaffEvent
from rooms.unit import News


@dataclass(slots=True)
class RoomNews:
    """What one commit had for one room. ``redacted`` are ids of comments whose text is gone."""

    room_id: str
    events: list[LogEvent] = field(default_factory=list)
    staff: list[StaffEvent] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    redacted: list[str] = field(default_factory=list)


RoomListener = Callable[[RoomNews], None]
UserListener = Callable[[list[PrivateEvent]], None]


class Bus(Protocol):
    """Room and user channels. Listeners are called on the loop, in order of commit, and return at once."""

    def publish(self, news: News) -> None:
        """Hand on what a group committed. Never raises, never waits."""
        ...

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        """Returns when everything committed from now on will reach the listener."""
        ...

    async def leave_room(self, room_id: str, listener: RoomListener) -> None: ...

    async def join_user(self, user_id: str, listener: UserListener) -> None: ...

    async def leave_user(self, user_id: str, listener: UserListener) -> None: ...

    async def close(self) -> None: ...


def by_room(news: News) -> dict[str, RoomNews]:
    """A commit's news, apart for each room."""
    rooms: dict[str, RoomNews] = {}

    def of(room_id: str) -> RoomNews:
        return rooms.setdefault(room_id, RoomNews(room_id))

    for event in news.events:
        of(event.room_id).events.append(event)
    for staff_event in news.staff:
        of(staff_event.room_id).staff.append(staff_event)
    for room_id, stock in news.stock.items():
        of(room_id).stock.update(stock)
    for room_id, ids in news.redacted.items():
        of(room_id).redacted.extend(ids)
    return rooms


def by_user(news: News) -> dict[str, list[PrivateEvent]]:
    """A commit's private events, apart for each user."""
    users: dict[str, list[PrivateEvent]] = {}
    for event in news.private:
        users.setdefault(event.user_id, []).append(event)
    return users
