"""News on their way to Redis: a bounded queue and a task that empties it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import structlog

from server.bus.line import AWAY, Line
from server.bus.metrics import BusMetrics

log = structlog.get_logger(__name__)

QUEUE_MAX = 4096
BATCH_MAX = 128
RETRY_S = 0.5


class Publisher:
    """``send`` never waits. What finds the queue full or Redis away is dropped: other nodes read SQL."""

    def __init__(self, line: Line, metrics: BusMetrics) -> None:
        self._line = line
        self._queue: deque[tuple[str, bytes]] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._metrics = metrics

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="bus-publisher")

    def send(self, channel: str, message: bytes) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self._metrics.dropped.inc()
            return
        self._queue.append((channel, message))
        self._filled.set()

    async def close(self) -> None:
        """Drop what is queued and end. Idempotent."""
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
                    await self._send_some()
            except AWAY as error:
                if not known_away:
                    log.warning("bus_publisher_away", error=str(error)[:200])
                known_away = True
            # What waited is old by the time Redis is back.
            self._metrics.dropped.inc(len(self._queue))
            self._queue.clear()
            self._filled.clear()
            await self._line.close()
            await asyncio.sleep(RETRY_S)

    async def _send_some(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
        if not self._queue:
            self._filled.clear()
        try:
            await self._line.ask([("PUBLISH", channel, message) for channel, message in batch])
        except AWAY:
            self._metrics.dropped.inc(len(batch))
            raise
        self._metrics.sent.inc(len(batch))
