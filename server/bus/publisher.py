"""News on their way to Redis: gathered by channel in bounded memory, and a task that sends them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

import structlog

from rooms.log import PrivateEvent
from server.bus import codec
from server.bus.line import AWAY, Line
from server.bus.metrics import BusMetrics
from server.bus.port import RoomNews, merge

log = structlog.get_logger(__name__)

WAITING_MAX = 4096
AT_ONCE = 128
RETRY_S = 0.5
GATHER_S = 0.025
"""What follows a message is gathered for so long, half of the tick of who shows it: a busy room is then forty
messages a second, however much is said in it, and a quiet one waits for nothing."""


class Publisher:
    """``send_…`` never wait. News that find too many waiting (``WAITING_MAX`` commits' worth), or Redis away,
    are dropped: other nodes read SQL. Build it in a thread, as a ``Line``."""

    def __init__(self, url: str, sender: bytes, metrics: BusMetrics) -> None:
        self._line = Line(url)
        self._sender = sender
        self._rooms: dict[str, list[RoomNews]] = {}
        self._users: dict[str, list[PrivateEvent]] = {}
        self._grown: dict[str, set[str]] = {}
        self._waiting = 0
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._metrics = metrics

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="bus-publisher")

    def send_room(self, channel: str, news: RoomNews) -> None:
        if self._has_place():
            self._rooms.setdefault(channel, []).append(news)

    def send_user(self, channel: str, events: list[PrivateEvent]) -> None:
        if self._has_place():
            self._users.setdefault(channel, []).extend(events)

    def send_grown(self, channel: str, room_ids: Collection[str]) -> None:
        if self._has_place():
            self._grown.setdefault(channel, set()).update(room_ids)

    def _has_place(self) -> bool:
        if self._waiting >= WAITING_MAX:
            self._metrics.dropped.inc()
            return False
        self._waiting += 1
        self._filled.set()
        return True

    async def close(self) -> None:
        """Drop what waits and end. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._line.close()

    async def _run(self) -> None:
        known_away = False
        while True:
            try:
                await self._line.open()
                known_away = False
                while True:
                    await self._filled.wait()
                    await self._send(self._take())
                    await asyncio.sleep(GATHER_S)
            except AWAY as error:
                if not known_away:
                    log.warning("bus_publisher_away", error=str(error)[:200])
                known_away = True
            # What waited is old by the time Redis is back.
            self._metrics.dropped.inc(self._waiting)
            self._take()
            await self._line.close()
            await asyncio.sleep(RETRY_S)

    def _take(self) -> list[tuple[str, str, bytes]]:
        """Everything that waits, a command for each channel."""
        rooms, self._rooms = self._rooms, {}
        users, self._users = self._users, {}
        grown, self._grown = self._grown, {}
        self._waiting = 0
        self._filled.clear()
        return [
            *(
                ("PUBLISH", name, codec.encode_room(self._sender, merge(news)))
                for name, news in rooms.items()
            ),
            *(("PUBLISH", name, codec.encode_user(self._sender, events)) for name, events in users.items()),
            *(("PUBLISH", name, codec.encode_grown(self._sender, ids)) for name, ids in grown.items()),
        ]

    async def _send(self, commands: list[tuple[str, str, bytes]]) -> None:
        for start in range(0, len(commands), AT_ONCE):
            some = commands[start : start + AT_ONCE]
            try:
                await self._line.ask(some)
            except AWAY:
                self._metrics.dropped.inc(len(commands) - start)
                raise
            self._metrics.sent.inc(len(some))
