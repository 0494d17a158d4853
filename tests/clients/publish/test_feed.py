"""Tracks hand out packets when they are due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiortc.mediastreams import MediaStreamError

from clients.publish.feed import FeedTrack


class ListFeed:
    """Packets at given times; remembers which were asked to be keyframes."""

    kind = "video"
    clock_rate = 90_000

    def __init__(self, times: list[float]) -> None:
        self._times = iter(times)
        self.keyframes: list[bool] = []

    def advance(self, elapsed_s: float) -> float:
        return next(self._times)

    def packet(self, *, keyframe: bool) -> bytes:
        self.keyframes.append(keyframe)
        return b"" if len(self.keyframes) == 3 else b"%d" % len(self.keyframes)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_packets_come_at_their_time(pool: ThreadPoolExecutor) -> None:
    start = time.monotonic()
    track = FeedTrack(ListFeed([0.0, 0.05, 0.1, 0.15]), start, pool)
    packets = [await track.recv() for _ in range(3)]
    assert time.monotonic() - start >= 0.15
    assert [bytes(packet) for packet in packets] == [b"1", b"2", b"4"]  # the third had nothing to send
    assert [packet.pts for packet in packets] == [0, 4500, 13_500]


async def test_the_first_packet_and_those_asked_for_are_keyframes(pool: ThreadPoolExecutor) -> None:
    feed = ListFeed([0.0] * 6)
    track = FeedTrack(feed, time.monotonic(), pool)
    await track.recv()
    await track.recv()
    track.request_keyframe()
    await track.recv()
    assert feed.keyframes == [True, False, True, False]


async def test_a_feed_that_ends_ends_the_track(pool: ThreadPoolExecutor) -> None:
    track = FeedTrack(ListFeed([0.0]), time.monotonic(), pool)
    await track.recv()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_a_stopped_track_gives_nothing(pool: ThreadPoolExecutor) -> None:
    track = FeedTrack(ListFeed([0.0]), time.monotonic(), pool)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()
