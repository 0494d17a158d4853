"""The channels that a node listens to: subscribed while wanted, again after every loss of the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog

from server.bus.line import AWAY, WITHIN_S, Line

log = structlog.get_logger(__name__)

PING_EVERY_S = 1.0
RETRY_S = 0.5
AT_ONCE = 500


class Subscriber:
    """Calls ``heard(channel, message)`` for each message; ``changed()`` when ``healthy`` changes.

    Healthy means: every wanted channel is confirmed, and Redis has answered within the last seconds. Build it
    in a thread, as a ``Line``.
    """

    def __init__(self, url: str, heard: Callable[[bytes, bytes], None], changed: Callable[[], None]) -> None:
        self._line = Line(url, self._take)
        self._heard = heard
        self._changed = changed
        self._wanted: set[str] = set()
        self._missing: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._open = False
        self._pong = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.healthy = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="bus-subscriber")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._line.close()

    async def add(self, channel: str) -> None:
        """Returns when the channel is confirmed; at once while Redis is away: it is subscribed to later."""
        self._wanted.add(channel)
        if not self._open:
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(channel, []).append(confirmed)
        with contextlib.suppress(*AWAY):  # the other task finds out too, and begins anew
            self._line.write([("SUBSCRIBE", channel)])
            async with asyncio.timeout(WITHIN_S):
                await confirmed

    async def remove(self, channel: str) -> None:
        self._wanted.discard(channel)
        if self._open:
            with contextlib.suppress(*AWAY):
                self._line.write([("UNSUBSCRIBE", channel)])

    async def _run(self) -> None:
        first = True
        while True:
            try:
                await self._line.open()
                await self._listen()
            except AWAY as error:
                if self._open or first:
                    log.warning("bus_subscriber_away", error=str(error)[:200])
                first = False
            finally:
                self._lost()
                await self._line.close()
            await asyncio.sleep(RETRY_S)

    def _lost(self) -> None:
        self._open = False
        self._set_healthy(False)
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(None)  # whoever waits goes on: SQL is followed meanwhile
        self._waiting.clear()

    async def _listen(self) -> None:
        """Subscribe to everything wanted, then ask now and then whether Redis is there, until it isn't."""
        channels = sorted(self._wanted)
        self._missing = set(channels)
        self._open = True
        for start in range(0, len(channels), AT_ONCE):
            self._line.write([("SUBSCRIBE", *channels[start : start + AT_ONCE])])
        lost = asyncio.ensure_future(self._line.lost())
        try:
            while not lost.done():
                self._pong.clear()
                self._line.write([("PING",)])
                async with asyncio.timeout(WITHIN_S):
                    await self._pong.wait()
                await asyncio.wait([lost], timeout=PING_EVERY_S)
        finally:
            lost.cancel()
        raise ConnectionError("Redis closed the connection")

    def _take(self, reply: Any) -> None:
        """One reply or message."""
        if not isinstance(reply, list):
            if reply == b"PONG":  # with nothing subscribed to, Redis answers as usual
                self._answered()
            elif isinstance(reply, Exception):
                log.warning("bus_subscriber_refused", error=str(reply)[:200])
            return
        kind = reply[0]
        if kind == b"message":
            self._heard(reply[1], reply[2])
        elif kind == b"pong":
            self._answered()
        elif kind == b"subscribe":
            channel = reply[1].decode()
            self._missing.discard(channel)
            for future in self._waiting.pop(channel, ()):
                if not future.done():
                    future.set_result(None)

    def _answered(self) -> None:
        """Redis is there; and as it answers in order, it has confirmed what was asked for before."""
        self._pong.set()
        if not self._missing:
            self._set_healthy(True)

    def _set_healthy(self, healthy: bool) -> None:
        if healthy != self.healthy:
            self.healthy = healthy
            self._changed()
