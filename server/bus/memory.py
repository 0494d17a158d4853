"""The bus of a single node: a call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rooms.unit import News
from server.bus.listeners import Listeners
from server.bus.port import GrownListener, RoomListener, UserListener


class MemoryBus:
    """Implements :class:`server.bus.port.Bus` within one process."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    @property
    def healthy(self) -> bool:
        return True

    def publish(self, news: News) -> None:
        self._listeners.tell(news)

    def share_likes(self, room_id: str, count: int) -> None:
        """There is nobody else to tell."""

    def call_origin(self, room_id: str) -> None:
        """There is no other node."""

    def share_publisher(self, room_id: str, health: dict[str, Any]) -> None:
        """There is nobody else to tell."""

    def tell_grown(self, room_ids: Collection[str]) -> None:
        """There is no other node."""

    async def join_grown(self, listener: GrownListener) -> None:
        """There is no other node."""

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        self._listeners.add_room(room_id, listener)

    async def leave_room(self, room_id: str, listener: RoomListener) -> None:
        self._listeners.remove_room(room_id, listener)

    async def join_user(self, user_id: str, listener: UserListener) -> None:
        self._listeners.add_user(user_id, listener)

    async def leave_user(self, user_id: str, listener: UserListener) -> None:
        self._listeners.remove_user(user_id, listener)

    async def close(self) -> None:
        self._listeners.clear()
