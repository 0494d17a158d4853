"""The origin's side of the relay between nodes: streams that are published here, to nodes that ask."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable

from aiohttp import WSMsgType, web

from media.cascade import wire
from media.cascade.outlet import Outlet, first_pictures, wanted_again
from media.cascade.ports import Neighbours
from media.cascade.pull import CREDENTIAL
from media.relay.counters import Counters
from media.stream import RoomStream
from rooms.errors import Refused

_log = logging.getLogger(__name__)

_HEARTBEAT_S = 4.0
_LOOK_S, _CLOCK_S = 0.2, 1.0
_CLOSE_S = 1.0
# What the kernel keeps for a node that reads slowly is late: about half a second of video.
_SEND_BUFFER_BYTES = 256 * 1024
_RETRY_MS = 500


class Serving:
    """The endpoint for nodes that pull."""

    def __init__(
        self,
        neighbours: Neighbours,
        find: Callable[[str], RoomStream | None],
        counters: Counters,
        wall_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self._neighbours = neighbours
        self._find = find
        self._counters = counters
        self._wall_ms = wall_ms
        self._lines: dict[_Line, None] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def viewers(self, stream: str) -> int:
        """How many watch the stream by WHEP at the nodes that pull it."""
        return sum(line.viewers for line in self._lines if line.stream.room == stream)

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """``GET /internal/pull/{room}``, a WebSocket. Raises ``Refused``: ``bad_token``, ``not_live``, …"""
        name = request.match_info["room"]
        self._neighbours.check(request.headers.get(CREDENTIAL, ""), "pull", name)
        stream = self._find(name)
        if stream is None or not stream.is_published:
            raise Refused("not_live", retry_after_ms=_RETRY_MS)
        ws = web.WebSocketResponse(
            timeout=_CLOSE_S, heartbeat=_HEARTBEAT_S, compress=False, max_msg_size=wire.MAX_ASKED_BYTES
        )
        await ws.prepare(request)
        _keep_little(request)
        line = _Line(ws, stream, self._counters, self._wall_ms)
        self._lines[line] = None
        try:
            await line.run(pictures=request.query.get("pictures") == "1")
        finally:
            del self._lines[line]
        return ws

    async def close(self) -> None:
        """Says goodbye to everybody. Idempotent."""
        await asyncio.gather(*(line.close() for line in list(self._lines)), return_exceptions=True)


class _Line:
    """One node that pulls one stream."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        stream: RoomStream,
        counters: Counters,
        wall_ms: Callable[[], float],
    ) -> None:
        self.stream = stream
        self.viewers = 0
        self._ws = ws
        self._wall_ms = wall_ms
        self._news = asyncio.Event()
        self._outlet = Outlet(counters, self._news.set, stream.want_keyframe)
        self._status: str | None = None
        self._clock_at = 0.0

    async def run(self, *, pictures: bool) -> None:
        """Until either side has had enough."""
        self._begin(pictures=pictures)
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._ws:
                if message.type is WSMsgType.BINARY and message.data:
                    self._take(message.data)
        except ValueError:
            await self._ws.close(code=1003, message=b"not understood")
        finally:
            self.stream.relay.readers.pop(self._outlet, None)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def close(self) -> None:
        await self._ws.close(code=1001)

    def _begin(self, *, pictures: bool) -> None:
        relay, outlet = self.stream.relay, self._outlet
        self._say_status()
        outlet.begin(self.stream.tracks)
        gop = first_pictures(relay.tracks["video"].gop) if pictures else []
        if gop:
            outlet.pictures(gop)
        else:
            self.stream.want_keyframe()
        relay.readers[outlet] = None

    async def _write(self) -> None:
        """Everything that waits, as fast as the other node reads; what it doesn't read the outlet bounds."""
        try:
            while self.stream.is_published:
                self._news.clear()
                self._say_status()
                self._say_clock()
                while (message := self._outlet.take()) is not None:
                    await self._ws.send_bytes(message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._news.wait()
            await self._ws.send_bytes(wire.status("idle"))
            await self._ws.close(code=1000)
        except (ConnectionError, RuntimeError) as error:
            # The reader's loop ends with the connection.
            _log.debug("relay line broke", extra={"stream": self.stream.room, "why": repr(error)[:200]})

    def _say_status(self) -> None:
        if self.stream.status != self._status:
            self._status = self.stream.status
            self._outlet.say(wire.status(self._status))

    def _say_clock(self) -> None:
        now = time.monotonic()
        if now - self._clock_at < _CLOCK_S:
            return
        self._clock_at = now
        unix_ms = self._wall_ms()
        for kind, track in self.stream.relay.tracks.items():
            timestamp = track.timestamp_at(unix_ms)
            if timestamp is not None:
                self._outlet.say(wire.clock(kind, unix_ms, timestamp))

    def _take(self, message: bytes) -> None:
        """Raises ``ValueError``."""
        match message[0]:
            case wire.Say.KEYFRAME:
                self.stream.want_keyframe()
            case wire.Say.MISSING:
                kind, numbers = wire.read_missing(message)
                for packet in wanted_again(numbers, self.stream.relay.tracks[kind].ring.get):
                    self._outlet.again(packet)
            case wire.Say.VIEWERS:
                self.viewers = wire.read_viewers(message)
            case wire.Say.ASK_TIME:
                self._outlet.say(wire.time(wire.read_ask_time(message), self._wall_ms()))
            case _:
                pass  # of a newer version


def _keep_little(request: web.Request) -> None:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
