"""A hub with one room whose publisher a test plays, faster than in real time and with a clock of its own."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import av
from prometheus_client import CollectorRegistry

from media.hls import HlsConfig, HlsHub
from media.hls.stream import Stream
from media.ports import MediaKind, TrackInfo
from tests.media.hls.source import H264, OPUS, TimedPacket

ROOM = "demo"


class Studio:
    """``now_ms`` follows the packets' arrival."""

    def __init__(self, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        self.now_ms = 1_760_000_000_000.0
        self._began_ms = self.now_ms
        self.hub = HlsHub(HlsConfig(**settings), self.registry, clock=lambda: self.now_ms)
        self.sink = self.hub.sink(ROOM)
        self.asked = 0
        self.hurried = False  # true: nobody waits for the ladder

    @property
    def stream(self) -> Stream:
        found = self.hub.find(ROOM)
        assert found is not None
        return found

    def begin(self, *tracks: TrackInfo) -> None:
        self.sink.start(tracks or (H264, OPUS), self._ask)

    def _ask(self) -> None:
        self.asked += 1

    async def feed(self, packets: Iterable[TimedPacket]) -> None:
        """Returns when all sound is converted, so that the outcome doesn't hang on the worker's speed."""
        for number, packet in enumerate(packets):
            self.now_ms = self._began_ms + packet.at_ms
            self.sink.rtp(packet.kind, packet.data, packet.at_ms)
            if number % 40 == 39:
                await self._settle()
        await self._settle()

    async def _settle(self) -> None:
        await self.sink.drain()
        if self.sink.stream.ladder is not None and not self.hurried:
            await self.sink.stream.ladder.drain()

    def report(self, kind: MediaKind, ntp_ms: float, timestamp: int) -> None:
        self.sink.sender_report(kind, ntp_ms, timestamp)

    def text(self) -> str:
        return self.stream.media(skip=False).body.decode()

    def file(self, name: str) -> bytes:
        found = self.stream.window.find(name)
        assert found is not None, name
        return bytes(found)

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(name, labels)
        assert value is not None
        return value


def decode(data: bytes) -> dict[str, list[tuple[float, Any]]]:
    """Everything in a fragmented MP4: presentation time in seconds and frame, by kind."""
    frames: dict[str, list[tuple[float, Any]]] = {"video": [], "audio": []}
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux():
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                assert frame.time is not None
                frames[packet.stream.type].append((frame.time, frame))
    return frames
