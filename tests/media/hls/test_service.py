"""From a WebRTC publisher through the relay to a playlist; the picture's own clock tells the delay."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry

from clients.publish.barcode import read_barcode
from clients.publish.drawn import DrawnSource, wall_ms
from clients.publish.feed import Feed
from clients.publish.whip import WhipSession, WhipTarget
from media.hls import HlsConfig, HlsHub
from media.hls.boxes import VIDEO_RATE
from tests.media.hls import rules
from tests.media.hls.studio import ROOM, decode
from tests.media.world import running_world, until


class Due:
    """A feed that knows when its packet was due: that moment is burnt in, however late it is drawn."""

    def __init__(self) -> None:
        self.started_ms = wall_ms()
        self._due_s = 0.0

    def clock(self) -> int:
        """Unix time in milliseconds."""
        return self.started_ms + round(self._due_s * 1000)

    def of(self, feed: Feed) -> Feed:
        self.kind, self.clock_rate, self.packet = feed.kind, feed.clock_rate, feed.packet
        self._advance = feed.advance
        return self

    def advance(self, elapsed_s: float) -> float:
        self._due_s = self._advance(elapsed_s)
        return self._due_s


async def test_a_publisher_can_be_watched_by_hls() -> None:
    hub = HlsHub(HlsConfig(), CollectorRegistry())
    due = Due()
    source = await asyncio.to_thread(DrawnSource, 320, 180, 25, 400_000, due.clock)
    async with running_world(sinks=lambda room: [hub.sink(room)]) as world:
        target = WhipTarget(f"{world.base}/whip/{ROOM}", "alice")
        video, audio = source.feeds()
        due.started_ms = wall_ms()
        async with WhipSession(world.http, target, [due.of(video), audio]):
            await until(lambda: hub.find(ROOM) is not None, "a stream")
            stream = hub.find(ROOM)
            assert stream is not None
            window = stream.window
            assert await stream.wait(lambda: window.has(0, None) and window.has(1, 2), 10)
            seen_ms = time.time() * 1000
            end_s = sum(segment.duration for segment in window.segments) / VIDEO_RATE
            init = window.find(window.segments[-1].init)
            assert init is not None
        await until(lambda: window.ended, "the end")
        playlist = rules.check(stream.media(skip=False).body.decode())
    await hub.close()
    assert playlist.ended
    frames = decode(bytes(init) + b"".join(segment.data or b"" for segment in window.segments))
    codes = [(shown, read_barcode(frame)) for shown, frame in frames["video"]]
    assert all(code is not None for _, code in codes)
    times = [(shown, code) for shown, code in codes if code is not None]
    assert all(abs(code - times[0][1] - shown * 1000) <= 1 for shown, code in times)
    assert len(frames["audio"]) > len(frames["video"])
    newest_ms = max(code for shown, code in times if shown < end_s - 0.01)
    print(f"a part's last picture was {seen_ms - newest_ms:.0f} ms old when the part could be fetched")
    assert seen_ms - newest_ms < 1900, "older than a whole segment: parts don't come while it is written"
    assert playlist.segments[0].started is not None
    assert abs(playlist.segments[0].started.timestamp() * 1000 - times[0][1]) < 1000
