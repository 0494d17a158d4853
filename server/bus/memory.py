"""The bus of a single node: a call."""

from __future__ import annotations

from collections import defaultdict

import structlog

from rooms.unit import News
from server.bus.port import RoomListener, UserListener, by_room, by_user

log = structlog.get_logger(__name__)


class MemoryBus:
    """Implements :class:`server.bus.port.Bus` within one process."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[RoomListener]] = defaultdict(list)
        self._users: dict[str, list[UserListener]] = defaultdict(list)

    def publish(self, news: News) -> None:
        for room_id, room_news in by_room(news).items():
            for room_listener in tuple(self._rooms.get(room_id, ())):
                try:
                    room_listener(room_news)
                except Exception:
                    log.exception("listener_failed", room=room_id)
        for user_id, events in by_user(news).items():
            for user_listener in tuple(self._users.get(user_id, ())):
                try:
                    user_listener(events)
                except Exception:
                    log.exception("listener_failed", user=user_id)

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        self._rooms[room_id].append(listener)

    async def leave_room(self, room_id: str, listener: RoomListener) -> None:
        self._rooms[room_id].remove(listener)
        if not self._rooms[room_id]:
            del self._rooms[room_id]

    async def join_user(self, user_id: str, listener: UserListener) -> None:
        self._users[user_id].append(listener)

    async def leave_user(self, user_id: str, listener: UserListener) -> None:
        self._users[user_id].remove(listener)
        if not self._users[user_id]:
            del self._users[user_id]

    async def close(self) -> None:
        self._rooms.clear()
        self._users.clear()
