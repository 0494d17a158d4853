"""The bus of several nodes: Redis (7 or later) or Valkey carries what is committed to where it is shown."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection
from typing import Any

import structlog

from rooms.unit import News
from server.bus import codec
from server.bus.listeners import Listeners
from server.bus.metrics import BusMetrics
from server.bus.port import GrownListener, RoomListener, RoomNews, UserListener
from server.bus.publisher import Publisher
from server.bus.subscriber import Subscriber

log = structlog.get_logger(__name__)

START_WITHIN_S = 2.0


class RedisBus:
    """Implements :class:`server.bus.port.Bus` between processes.

    This node's listeners are told directly and at once; what comes back of it from Redis is dropped. A node
    subscribes to what its listeners want and to nothing else.
    """

    def __init__(self, url: str, metrics: BusMetrics, *, prefix: str = "danmart") -> None:
        self._url = url
        self._metrics = metrics
        self._rooms, self._users = f"{prefix}:room:{{", f"{prefix}:user:{{"
        self._grown = f"{prefix}:grown"
        self._listeners = Listeners()
        self._sender = secrets.token_bytes(codec.SENDER_BYTES)
        self._publisher: Publisher | None = None
        self._subscriber: Subscriber | None = None
        self._settled = asyncio.Event()
        self.on_change: Callable[[], None] = lambda: None
        """Called when ``healthy`` changes."""
        metrics.healthy.set_function(lambda: float(self.healthy))

    @property
    def healthy(self) -> bool:
        return self._subscriber is not None and self._subscriber.healthy

    async def start(self) -> None:
        """Connect; returns after two seconds also if Redis is away, which is tried again for ever."""
        publisher = await asyncio.to_thread(Publisher, self._url, self._sender, self._metrics)
        subscriber = await asyncio.to_thread(Subscriber, self._url, self._heard, self._changed)
        self._publisher, self._subscriber = publisher, subscriber
        publisher.start()
        subscriber.start()
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await self._settled.wait()
        except TimeoutError:
            log.warning("bus_away_at_start")

    async def close(self) -> None:
        """Idempotent."""
        self._listeners.clear()
        for part in (self._publisher, self._subscriber):
            if part is not None:
                await part.close()

    def publish(self, news: News) -> None:
        rooms, users = self._listeners.tell(news)
        if self._publisher is None:
            return
        for room_id, room_news in rooms.items():
            self._publisher.send_room(self._room(room_id), room_news)
        for user_id, events in users.items():
            self._publisher.send_user(self._user(user_id), events)

    def share_likes(self, room_id: str, count: int) -> None:
        if self._publisher is not None:
            self._publisher.send_room(self._room(room_id), RoomNews(room_id, likes=count))

    def call_origin(self, room_id: str) -> None:
        if self._publisher is not None:
            self._publisher.send_room(self._room(room_id), RoomNews(room_id, origin=True))

    def share_publisher(self, room_id: str, health: dict[str, Any]) -> None:
        if self._publisher is not None:
            news = RoomNews(room_id, publisher={health.get("slot", ""): health})
            self._publisher.send_room(self._room(room_id), news)

    def tell_grown(self, room_ids: Collection[str]) -> None:
        if self._publisher is not None:
            self._publisher.send_grown(self._grown, room_ids)

    async def join_grown(self, listener: GrownListener) -> None:
        if self._listeners.add_grown(listener) and self._subscriber is not None:
            await self._subscriber.add(self._grown)

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        if self._listeners.add_room(room_id, listener) and self._subscriber is not None:
            await self._subscriber.add(self._room(room_id))

    async def leave_room(self, room_id: str, listener: RoomListener) -> None:
        if self._listeners.remove_room(room_id, listener) and self._subscriber is not None:
            await self._subscriber.remove(self._room(room_id))

    async def join_user(self, user_id: str, listener: UserListener) -> None:
        if self._listeners.add_user(user_id, listener) and self._subscriber is not None:
            await self._subscriber.add(self._user(user_id))

    async def leave_user(self, user_id: str, listener: UserListener) -> None:
        if self._listeners.remove_user(user_id, listener) and self._subscriber is not None:
            await self._subscriber.remove(self._user(user_id))

    # The braces are Redis Cluster's hash tag: everything of a room goes to one of its nodes.

    def _room(self, room_id: str) -> str:
        return f"{self._rooms}{room_id}}}"

    def _user(self, user_id: str) -> str:
        return f"{self._users}{user_id}}}"

    def _changed(self) -> None:
        if self.healthy:
            self._settled.set()
        log.info("bus_changed", healthy=self.healthy)
        self.on_change()

    def _heard(self, name: bytes, message: bytes) -> None:
        if codec.sender_of(message) == self._sender:
            return
        channel = name.decode()
        try:
            if channel.startswith(self._rooms):
                room_id = channel[len(self._rooms) : -1]
                self._listeners.tell_room(codec.decode_room(room_id, message))
            elif channel == self._grown:
                self._listeners.tell_grown(codec.decode_grown(message))
            else:
                user_id = channel[len(self._users) : -1]
                self._listeners.tell_user(user_id, codec.decode_user(user_id, message))
            self._metrics.received.inc()
        except (ValueError, TypeError):
            log.warning("bus_message_unknown", channel=channel)
