"""Who listens on this node, and telling them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

import structlog

from rooms.log import PrivateEvent
from rooms.unit import News
from server.bus.port import GrownListener, RoomListener, RoomNews, UserListener, by_room, by_user

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Listeners:
    """Room and user listeners of one process. One that raises is logged and doesn't stop the others."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[RoomListener]] = defaultdict(list)
        self._users: dict[str, list[UserListener]] = defaultdict(list)
        self._grown: list[GrownListener] = []

    def tell(self, news: News) -> tuple[dict[str, RoomNews], dict[str, list[PrivateEvent]]]:
        """Tell everybody what a commit had; gives the same, apart for each room and user."""
        rooms, users = by_room(news), by_user(news)
        for room_news in rooms.values():
            self.tell_room(room_news)
        for user_id, events in users.items():
            self.tell_user(user_id, events)
        return rooms, users

    def tell_room(self, news: RoomNews) -> None:
        _tell(self._rooms.get(news.room_id, ()), news)

    def tell_user(self, user_id: str, events: list[PrivateEvent]) -> None:
        _tell(self._users.get(user_id, ()), events)

    def tell_grown(self, room_ids: Collection[str]) -> None:
        _tell(self._grown, room_ids)

    def add_grown(self, listener: GrownListener) -> bool:
        """Whether it is the first."""
        self._grown.append(listener)
        return len(self._grown) == 1

    def add_room(self, room_id: str, listener: RoomListener) -> bool:
        """Whether it is the room's first."""
        self._rooms[room_id].append(listener)
        return len(self._rooms[room_id]) == 1

    def remove_room(self, room_id: str, listener: RoomListener) -> bool:
        """Whether it was the room's last."""
        return _remove(self._rooms, room_id, listener)

    def add_user(self, user_id: str, listener: UserListener) -> bool:
        self._users[user_id].append(listener)
        return len(self._users[user_id]) == 1

    def remove_user(self, user_id: str, listener: UserListener) -> bool:
        return _remove(self._users, user_id, listener)

    def clear(self) -> None:
        self._rooms.clear()
        self._users.clear()
        self._grown.clear()


def _tell(listeners: list[Callable[[T], None]] | tuple[()], news: T) -> None:
    for listener in tuple(listeners):
        try:
            listener(news)
        except Exception:
            log.exception("listener_failed")


def _remove(
    listeners: dict[str, list[Callable[[T], None]]], name: str, listener: Callable[[T], None]
) -> bool:
    listeners[name].remove(listener)
    if listeners[name]:
        return False
    del listeners[name]
    return True
