"""The rooms' streams of one node: makes sinks, finds streams, lets go of ended ones."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from media.hls.config import HlsConfig
from media.hls.metrics import HlsMetrics
from media.hls.packager import Packager
from media.hls.posters import Posters
from media.hls.stream import Stream, Waiting
from media.hls.window import Window
from media.ports import PartTap


def unix_ms() -> float:
    """The wall clock."""
    return time.time() * 1000


def _no_taps(_room: str) -> Sequence[PartTap]:
    return ()


class HlsHub:
    """``sink`` is the factory that the media service calls when a room goes live.

    Each sink has a stream of its own: a room that goes live again after its end gets a new playlist, whose
    media sequence starts at 0 and whose parts have other names; the ended one (with EXT-X-ENDLIST) can be
    read until then, for ``linger_s`` at most. An interruption ends nothing. ``taps`` is asked for those who
    read a new stream's parts beside the players.
    """

    def __init__(
        self,
        config: HlsConfig,
        registry: CollectorRegistry,
        clock: Callable[[], float] = unix_ms,
        taps: Callable[[str], Sequence[PartTap]] = _no_taps,
    ) -> None:
        self.config = config
        self._taps = taps
        self.posters = Posters(config.poster_every_s)
        self._clock = clock
        self._metrics = HlsMetrics(registry)
        self._waiting = Waiting(config.max_waiting)
        self._metrics.waiting.set_function(lambda: self._waiting.count)
        self._metrics.buffered.set_function(self._buffered_bytes)
        self._metrics.rooms.set_function(lambda: sum(p.running for p in self._rooms.values()))
        self._pool = ThreadPoolExecutor(config.transcode_threads, "hls-sound")
        self._rooms: dict[str, Packager] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    def sink(self, room: str) -> Packager:
        """A packager for a room that goes live; it is served from its first ``start`` on."""
        window = Window(secrets.token_hex(4), self.config.window_s, self.config.window_bytes)
        stream = Stream(window, self.config, self._waiting)
        packager = Packager(
            stream,
            self.config,
            self._pool,
            self._metrics,
            self._clock,
            on_start=lambda: self._serve(room, packager),
            on_end=lambda: self._linger(room, packager),
            taps=[*self._taps(room), self.posters.tap(room)],
        )
        return packager

    def available(self, room: str) -> bool:
        """Whether the room can be watched by HLS now (or will be again when its publisher is back)."""
        packager = self._rooms.get(room)
        return packager is not None and packager.has_h264 and not packager.stream.window.ended

    def viewers(self, room: str) -> int:
        """About how many watch by HLS: see ``Stream.viewers``. Caches in between hide theirs."""
        packager = self._rooms.get(room)
        return packager.stream.viewers if packager else 0

    def find(self, room: str) -> Stream | None:
        """The room's stream: running, interrupted, or ended a short while ago."""
        packager = self._rooms.get(room)
        return packager.stream if packager else None

    async def close(self) -> None:
        """Releases all who wait, ends what is running and frees the threads. May be called twice."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        packagers, self._rooms = list(self._rooms.values()), {}
        for packager in packagers:
            packager.stream.close()
            packager.interrupted()
        await asyncio.to_thread(self._pool.shutdown)

    def _serve(self, room: str, packager: Packager) -> bool:
        """From now on the room's stream is this one, unless the hub is closed."""
        if self._closed:
            return False
        before = self._rooms.get(room)
        if before is not None and before is not packager:
            before.stream.close()
        self._stop_timer(room)
        self._rooms[room] = packager
        return True

    def _linger(self, room: str, packager: Packager) -> None:
        """An ended stream is forgotten after a while, unless another has taken its place."""
        if self._rooms.get(room) is packager:
            loop = asyncio.get_running_loop()
            self._timers[room] = loop.call_later(self.config.linger_s, self._forget, room)

    def _forget(self, room: str) -> None:
        self._timers.pop(room, None)
        self._rooms.pop(room).stream.close()

    def _stop_timer(self, room: str) -> None:
        timer = self._timers.pop(room, None)
        if timer is not None:
            timer.cancel()

    def _buffered_bytes(self) -> int:
        return sum(packager.stream.window.bytes for packager in self._rooms.values())
