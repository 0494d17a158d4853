"""One stream from one other node: the connection, and a new one when it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import quote

import aiohttp

from media.cascade import wire
from media.cascade.asking import Asking
from media.cascade.ports import Neighbour, Neighbours
from media.cascade.skew import Skew
from media.ports import MediaKind, TrackInfo
from media.relay.counters import Counters
from media.relay.track import Packet
from rooms.errors import Refused

_log = logging.getLogger(__name__)

CREDENTIAL = "X-Danmart-Cluster"
_CONNECT_S = 2.0
_HEARTBEAT_S = 4.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MAX_MESSAGE_BYTES = 1024 * 1024
_REST_S, _OPEN_REST_S = 0.5, 0.05
_TROUBLE = (aiohttp.ClientError, OSError, TimeoutError, ValueError, Refused)


class PullTarget(Protocol):
    """Where a pulled stream goes. Calls come from the event loop and return at once."""

    @property
    def shows_pictures(self) -> bool:
        """Whether viewers are being shown pictures: then those of the past are of no use."""
        ...

    @property
    def viewers(self) -> int: ...

    def began(self, pull: Pull, tracks: Sequence[TrackInfo]) -> None:
        """These tracks' packets follow: a connection was made, or the publisher is another one."""
        ...

    def packet(self, pull: Pull, packet: Packet) -> None: ...

    def clock(self, pull: Pull, kind: MediaKind, unix_ms: float, timestamp: int) -> None:
        """Our wall clock (Unix ms) at one of the origin's timestamps."""
        ...

    def said(self, pull: Pull) -> None:
        """``pull.status`` is another one."""
        ...

    def lost(self, pull: Pull) -> None:
        """The connection is gone; another one is being made."""
        ...


class Pull:
    """Pulls until ``close``. What it asks of the origin is gathered in ``asking``; ``ask`` sends it soon."""

    def __init__(
        self,
        stream: str,
        neighbour: Neighbour,
        neighbours: Neighbours,
        http: aiohttp.ClientSession,
        target: PullTarget,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self.neighbour = neighbour
        self.tracks: tuple[TrackInfo, ...] = ()
        self.status: wire.Status = "live"
        self.is_connected = False
        self.began_at: float | None = None
        self.asking = Asking()
        self._stream = stream
        self._neighbours = neighbours
        self._http = http
        self._target = target
        self._counters = counters
        self._clock = clock
        self._wall_ms = wall_ms
        self._skew = Skew()
        self._asked = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"pull {stream}")

    def ask(self) -> None:
        """There is something new in ``asking``."""
        self._asked.set()

    def count_missed(self) -> None:
        self._counters.relay_missed += 1

    def close(self) -> None:
        """Idempotent; ``wait_closed`` afterwards waits for the end."""
        self._task.cancel()

    async def wait_closed(self) -> None:
        """Safe to cancel: the goodbye goes on."""
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            began = self._clock()
            try:
                await self._connection()
                trouble = "closed"
            except _TROUBLE as error:
                trouble = repr(error)[:200]
            if self.is_connected:
                self.is_connected = False
                self._target.lost(self)
            log = _log.info if pause_s == _FIRST_PAUSE_S else _log.debug
            log("pull lost", extra={"stream": self._stream, "node": self.neighbour.name, "why": trouble})
            if self._clock() - began > 5:
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))  # noqa: S311  no secret
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _connection(self) -> None:
        pictures = 0 if self._target.shows_pictures else 1
        url = f"{self.neighbour.url}/internal/pull/{quote(self._stream, safe='')}?pictures={pictures}"
        headers = {CREDENTIAL: self._neighbours.credential(self.neighbour, "pull", self._stream)}
        self._counters.relay_connects += 1
        async with asyncio.timeout(_CONNECT_S):
            ws = await self._http.ws_connect(
                url,
                headers=headers,
                heartbeat=_HEARTBEAT_S,
                max_msg_size=_MAX_MESSAGE_BYTES,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        asker = asyncio.create_task(self._ask(ws))
        try:
            async for message in ws:
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    self._take(message.data)
        finally:
            asker.cancel()
            await asyncio.gather(asker, return_exceptions=True)
            await ws.close()

    async def _ask(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            while True:
                self._asked.clear()
                now_ms, unix_ms = self._clock() * 1000, self._wall_ms()
                for message in self.asking.take(now_ms, unix_ms, self._target.viewers):
                    await ws.send_bytes(message)
                rest_s = _OPEN_REST_S if self.asking.is_open else _REST_S
                try:
                    async with asyncio.timeout(rest_s):
                        await self._asked.wait()
                except TimeoutError:
                    pass
        except (aiohttp.ClientError, OSError):
            return  # the reader finds out as well

    def _take(self, message: bytes) -> None:
        """Raises ``ValueError`` for what can't be read: the connection is then made anew."""
        match message[0]:
            case wire.Say.PACKETS:
                self._counters.relay_bytes_in += len(message)
                for packet in wire.read_packets(message):
                    self._counters.relay_packets_in += 1
                    self._target.packet(self, packet)
            case wire.Say.TRACKS:
                self.tracks = wire.read_tracks(message)
                self.is_connected = True
                self.began_at = self._clock()
                self._target.began(self, self.tracks)
            case wire.Say.STATUS:
                self.status = wire.read_status(message)
                self._target.said(self)
            case wire.Say.CLOCK:
                clock, skew = wire.read_clock(message), self._skew.ms
                if skew is not None:
                    self._target.clock(self, clock.kind, clock.unix_ms + skew, clock.timestamp)
            case wire.Say.TIME:
                time_there = wire.read_time(message)
                self._skew.add(time_there.asked_ms, time_there.unix_ms, self._wall_ms())
            case _:
                pass  # of a newer version
