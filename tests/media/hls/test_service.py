"""From a WebRTC publisher through the relay to a playlist; the picture's own clock tells the delay."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry

from clients.publish.barcode import read_barcode
from clients.publish.drawn import DrawnSource
from clients.publish.whip import WhipSession, WhipTarget
from media.hls import HlsConfig, HlsHub
from media.hls.boxes import VIDEO_RATE
from tests.media.hls import rules
from tests.media.hls.studio import ROOM, decode
from tests.media.world import running_world, until


async def test_a_publisher_can_be_watched_by_hls() -> None:
    hub = HlsHub(HlsConfig(), CollectorRegistry())
    source = await asyncio.to_thread(DrawnSource, 320, 180, 25, 400_000)
    async with running_world(sinks=lambda room: [hub.sink(room)]) as world:
        target = WhipTarget(f"{world.base}/whip/{ROOM}", "alice")
        async with WhipSession(world.http, target, source.feeds()):
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
    assert all(abs(code - times[0][1] - shown * 1000) < 300 for shown, code in times)
    assert len(frames["audio"]) > len(frames["video"])
    newest_ms = max(code for shown, code in times if shown < end_s - 0.01)
    print(f"a part's last picture was {seen_ms - newest_ms:.0f} ms old when the part could be fetched")
    assert seen_ms - newest_ms < 1000
    assert playlist.segments[0].started is not None
    assert abs(playlist.segments[0].started.timestamp() * 1000 - times[0][1]) < 1000
