"""The rooms' streams of one node: makes sinks, finds streams, lets go of ended ones."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from media.hls.config import HlsConfig
from media.hls.ladder import Ladder
from media.hls.metrics import HlsMetrics
from media.hls.packager import Packager
from media.hls.posters import Posters
from media.hls.rungs import Rung
from media.hls.stream import Stream, Waiting
from media.hls.thumbnails import be_nice
from media.hls.window import Window
from media.names import split_stream
from media.ports import PartTap

log = logging.getLogger(__name__)


def unix_ms() -> float:
    """The wall clock."""
    return time.time() * 1000


def _no_taps(_room: str) -> Sequence[PartTap]:
    return ()


def _from_zero(_room: str) -> int:
    return 0


class HlsHub:
    """``sink`` is the factory that the media service calls when a room goes live.

    Each sink has a stream of its own: a room that goes live again after its end gets a new playlist, whose
    media sequence starts at 0 and whose parts have other names; the ended one (with EXT-X-ENDLIST) can be
    read until then, for ``linger_s`` at most. An interruption ends nothing. ``taps`` is asked for those who
    read a new stream's parts beside the players; ``first_number`` for the media sequence number of its first
    segment, which isn't 0 where the stream began elsewhere and goes on here.
    """

    def __init__(
        self,
        config: HlsConfig,
        registry: CollectorRegistry,
        clock: Callable[[], float] = unix_ms,
        taps: Callable[[str], Sequence[PartTap]] = _no_taps,
        first_number: Callable[[str], int] = _from_zero,
    ) -> None:
        self.config = config
        self._taps = taps
        self._first_number = first_number
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
        self._ladder_pool: ThreadPoolExecutor | None = None
        self._closed = False

    def sink(self, room: str) -> Packager:
        """A packager for a room that goes live; it is served from its first ``start`` on."""
        first = self._first_number(room)
        window = Window(secrets.token_hex(4), self.config.window_s, self.config.window_bytes, first)
        stream = Stream(window, self.config, self._waiting)
        is_guest = split_stream(room)[1] is not None
        ladder = stream.ladder = None if is_guest else self._ladder_for(room, stream, first)
        if ladder is not None:
            stream.siblings = _siblings(stream, ladder)
        packager = Packager(
            stream,
            self.config,
            self._pool,
            self._metrics,
            self._clock,
            on_start=lambda: self._serve(room, packager),
            on_end=lambda: self._linger(room, packager),
            taps=[*self._taps(room), *([] if is_guest else [self.posters.tap(room)])],
            ladder=ladder,
        )
        return packager

    def _ladder_for(self, room: str, stream: Stream, first_number: int) -> Ladder | None:
        """For a room that has one, unless too many others have."""
        config = self.config
        if not {room, "*"} & config.ladder_rooms or not config.ladder_heights:
            return None
        busy = [p.stream.ladder for p in self._rooms.values() if p.running and p.stream.ladder is not None]
        if sum(ladder.gave_up is None for ladder in busy) >= config.ladder_rooms_max:
            log.warning("no ladder: enough others have one", extra={"room": room})
            return None
        rungs = [Rung(height) for height in sorted(config.ladder_heights, reverse=True)]

        def make() -> Stream:
            window = Window(secrets.token_hex(4), config.window_s, config.window_bytes, first_number)
            rung = Stream(window, config, self._waiting)
            rung.siblings = stream.siblings
            return rung

        if self._ladder_pool is None:
            self._ladder_pool = ThreadPoolExecutor(config.ladder_rooms_max, "hls-ladder", initializer=be_nice)
        return Ladder(rungs, make, self._ladder_pool, self._metrics, config.ladder_preset)

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

    def hand_over(self, room: str) -> Stream | None:
        """The room's stream goes on at another node: it is forgotten here without having ended. Whoever
        waits for its next part is told that it isn't live (here); what there was is in what is given back."""
        packager = self._rooms.pop(room, None)
        if packager is None:
            return None
        self._stop_timer(room)
        _gone(packager.stream)
        return packager.stream

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
            if packager.stream.ladder is not None:
                packager.stream.ladder.close(ended=False)
        await asyncio.to_thread(self._pool.shutdown)
        if self._ladder_pool is not None:
            await asyncio.to_thread(self._ladder_pool.shutdown, cancel_futures=True)

    def _serve(self, room: str, packager: Packager) -> bool:
        """From now on the room's stream is this one, unless the hub is closed."""
        if self._closed:
            return False
        before = self._rooms.get(room)
        if before is not None and before is not packager:
            _gone(before.stream)
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
        _gone(self._rooms.pop(room).stream)

    def _stop_timer(self, room: str) -> None:
        timer = self._timers.pop(room, None)
        if timer is not None:
            timer.cancel()

    def _buffered_bytes(self) -> int:
        streams = [packager.stream for packager in self._rooms.values()]
        rungs = [stream for one in streams for _, stream in one.siblings() if stream is not one]
        return sum(stream.window.bytes for stream in (*streams, *rungs))


def _gone(stream: Stream) -> None:
    """Neither it nor its renditions can be watched any more."""
    stream.close()
    for _, sibling in stream.siblings():
        sibling.close()


def _siblings(stream: Stream, ladder: Ladder) -> Callable[[], Sequence[tuple[str, Stream]]]:
    """A stream and its rungs, by the names of their playlists, once there are pictures for both."""

    def siblings() -> Sequence[tuple[str, Stream]]:
        if ladder.gave_up is not None:
            return ()
        rungs = [(f"media-{r.name}.m3u8", s) for r, s in ladder.streams.items() if s.video is not None]
        return [("media.m3u8", stream), *rungs]

    return siblings
