"""What a publisher sends: feeds make encoded packets, tracks pace them and hand them to aiortc."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Executor
from fractions import Fraction
from typing import Any, Protocol

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import Packet

log = logging.getLogger(__name__)


class Feed(Protocol):
    """One track's packets. The methods may block (they draw, decode, encode) and run in a worker thread."""

    kind: str
    clock_rate: int

    def advance(self, elapsed_s: float) -> float:
        """Makes the next packet's content ready; when it is due, in seconds after the session's start.

        ``elapsed_s`` is where the session's clock is: a feed that can may leave out what is late. Raises
        ``StopIteration`` when there is no more, ``ConnectionError`` when it broke off.
        """
        ...

    def packet(self, *, keyframe: bool) -> bytes:
        """The encoded access unit or audio packet that ``advance`` announced, empty if there is none."""
        ...


class Source(Protocol):
    """Something that can be published, again and again: each session takes feeds of its own."""

    def feeds(self) -> list[Feed]:
        """New feeds that start now, one a track. May block."""
        ...


class FeedTrack(MediaStreamTrack):
    """A feed as an aiortc track of packets. Tracks of one session share ``start`` (monotonic seconds)."""

    def __init__(self, feed: Feed, start: float, executor: Executor) -> None:
        super().__init__()
        self.kind = feed.kind
        self._feed = feed
        self._start = start
        self._executor = executor
        self._keyframe = True
        self._due: float | None = None

    def request_keyframe(self) -> None:
        """Makes the next video packet a keyframe."""
        self._keyframe = True

    async def recv(self) -> Packet[Any]:
        """The next packet at its time. Raises ``MediaStreamError`` when the track or its feed has ended."""
        loop = asyncio.get_running_loop()
        data = b""
        while not data:
            if self.readyState != "live":
                raise MediaStreamError
            if self._due is None:
                self._due = await loop.run_in_executor(self._executor, self._advance)
            due = self._due
            if due < 0:
                self.stop()
                raise MediaStreamError
            await asyncio.sleep(self._start + due - time.monotonic())
            keyframe, self._keyframe = self._keyframe, False
            data, self._due = await loop.run_in_executor(self._executor, self._make, keyframe)
        packet: Packet[Any] = Packet(data)
        packet.pts = round(due * self._feed.clock_rate)
        packet.time_base = Fraction(1, self._feed.clock_rate)
        return packet

    def _advance(self) -> float:
        try:
            return self._feed.advance(time.monotonic() - self._start)
        except StopIteration:  # a coroutine can't pass it on
            return -1.0
        except ConnectionError as error:
            log.warning("%s", error)
            return -1.0

    def _make(self, keyframe: bool) -> tuple[bytes, float]:
        return self._feed.packet(keyframe=keyframe), self._advance()
