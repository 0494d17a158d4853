"""The channels that a node listens to: subscribed while wanted, again after every loss of the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from server.bus.line import AWAY, WITHIN_S, Line

log = structlog.get_logger(__name__)

PING_EVERY_S = 1.0
RETRY_S = 0.5
AT_ONCE = 500
# After so many messages that were there already, others get the loop.
YIELD_EVERY = 32


class Subscriber:
    """Calls ``heard(channel, message)`` for each message; ``changed()`` when ``healthy`` changes.

    Healthy means: every wanted channel is confirmed, and Redis has answered within the last seconds.
    """

    def __init__(self, line: Line, heard: Callable[[str, bytes], None], changed: Callable[[], None]) -> None:
        self._line = line
        self._heard = heard
        self._changed = changed
        self._wanted: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._open = False
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
        with contextlib.suppress(*AWAY):  # the reading task finds out too, and begins anew
            await self._line.send([("SUBSCRIBE", channel)])
            async with asyncio.timeout(WITHIN_S):
                await confirmed

    async def remove(self, channel: str) -> None:
        self._wanted.discard(channel)
        if self._open:
            with contextlib.suppress(*AWAY):
                await self._line.send([("UNSUBSCRIBE", channel)])

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
        missing = set(self._wanted)
        channels = sorted(missing)
        self._open = True
        for start in range(0, len(channels), AT_ONCE):
            await self._line.send([("SUBSCRIBE", *channels[start : start + AT_ONCE])])
        await self._line.send([("PING",)])
        pinged, read = True, 0
        while True:
            reply = await self._line.receive(WITHIN_S if pinged else PING_EVERY_S)
            if reply is None:
                if pinged:
                    raise TimeoutError("no answer to a ping")
                await self._line.send([("PING",)])
                pinged = True
                continue
            if self._take(reply, missing):
                pinged = False
            if not self.healthy and not missing and not pinged:
                self._set_healthy(True)
            read += 1
            if read % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _take(self, reply: object, missing: set[str]) -> bool:
        """One reply or message. True: it answers a ping."""
        if not isinstance(reply, list):
            return reply == b"PONG"  # with nothing subscribed to, Redis answers as usual
        kind = reply[0]
        if kind == b"message":
            self._heard(reply[1].decode(), reply[2])
        elif kind == b"subscribe":
            channel = reply[1].decode()
            missing.discard(channel)
            for future in self._waiting.pop(channel, ()):
                if not future.done():
                    future.set_result(None)
        return bool(kind == b"pong")

    def _set_healthy(self, healthy: bool) -> None:
        if healthy != self.healthy:
            self.healthy = healthy
            self._changed()
