"""Two nodes' media layers on loopback, with a source whose packets a test makes itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from media.cascade.ports import Neighbour, Whereabouts
from media.config import MediaConfig
from media.ports import MediaKind, Principal, TrackInfo
from media.relay.feed import Feed, Format
from media.relay.viewer import Viewer
from media.rtc.udp import Address
from media.rtp import packet as rtp_packet
from media.rtp.packet import Rtp
from media.service import MediaService
from media.stream import RoomStream
from rooms.errors import Refused
from tests.media.world import MemoryStage, OpenGate, _refusals, until

TRACKS = (TrackInfo("video", "H264", 90000), TrackInfo("audio", "opus", 48000, 2))


class Town:
    """Who publishes what, as SQL would know."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.over: set[str] = set()
        self.is_away = False


class TownNeighbours:
    """``Neighbours`` by a ``Town``; credentials are readable."""

    def __init__(self, town: Town, name: str, secret: str = "s") -> None:
        self.town, self.name, self.secret = town, name, secret

    async def whereabouts(self, streams: Collection[str]) -> dict[str, Whereabouts]:
        if self.town.is_away:
            raise Refused("temporarily_unavailable")
        return {stream: await self._where(stream) for stream in streams}

    async def _where(self, stream: str) -> Whereabouts:
        owner = self.town.owners.get(stream)
        there = await self.node(owner) if owner else None
        return Whereabouts(there, owner == self.name, stream in self.town.over)

    async def node(self, name: str) -> Neighbour | None:
        url = self.town.urls.get(name)
        return Neighbour(name, url) if url and name != self.name else None

    async def carrier(self, origin: Neighbour | None, *, for_viewer: bool) -> Neighbour | None:
        if origin is not None:
            return origin
        others = sorted(name for name in self.town.urls if name != self.name)
        return await self.node(others[0]) if others else None

    def credential(self, neighbour: Neighbour, purpose: str, stream: str) -> str:
        return f"{self.secret}:{neighbour.name}:{purpose}:{stream}"

    def check(self, credential: str, purpose: str, stream: str) -> None:
        if credential != f"{self.secret}:{self.name}:{purpose}:{stream}":
            raise Refused("bad_token")


class Camera:
    """A ``Source`` of H.264 and Opus whose packets are made up; ``keyframes_wanted`` counts."""

    protocol = "test"
    tracks = TRACKS
    rtt_ms = None
    loss = 0.0

    def __init__(self, stream: RoomStream, name: str = "alice") -> None:
        self.principal = Principal(name, name)
        self.said_goodbye = False
        self.first_rtp: float | None = 0.0
        self.keyframes_wanted = 0
        self.answers_keyframes = False
        self.sent: dict[MediaKind, int] = {"video": 0, "audio": 0}
        self.stream = stream
        stream.accept(self)

    def picture(self, *, keyframe: bool = False, size: int = 100, skip: int = 0) -> None:
        """One packet of video; ``skip`` numbers are lost before it."""
        self._send("video", (b"\x65" if keyframe else b"\x41") + bytes(size - 1), 3000, skip)

    def sound(self) -> None:
        self._send("audio", b"opus", 960, 0)

    def _send(self, kind: MediaKind, payload: bytes, ticks: int, skip: int) -> None:
        self.sent[kind] += 1 + skip
        number = self.sent[kind]
        rtp = Rtp(96, True, number & 0xFFFF, number * ticks & 0xFFFFFFFF, 1, payload, {})
        self.stream.received(self, kind, rtp, number)

    def again(self, number: int) -> None:
        """A packet that was lost, late."""
        rtp = Rtp(96, True, number & 0xFFFF, number * 3000, 1, b"\x41late", {})
        self.stream.received(self, "video", rtp, number)

    def silent_s(self, now: float) -> float:
        return 0.0

    def want_keyframe(self) -> None:
        self.keyframes_wanted += 1
        if self.answers_keyframes:
            asyncio.get_running_loop().call_soon(lambda: self.picture(keyframe=True))

    def keyframe_came(self) -> None: ...
    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None: ...
    def repair(self) -> None: ...
    def tick(self) -> None: ...
    def probe(self) -> None: ...

    def close(self, reason: str) -> None:
        self.stream.gone(self, reason)


class Screen:
    """A viewer whose packets end here."""

    def __init__(self, watched: Any) -> None:
        self.packets: list[Rtp] = []
        self.watched = watched
        relay = watched.relay
        formats: dict[MediaKind, dict[str, Format]] = {
            "video": {"H264": Format(96), "VP8": Format(97)},
            "audio": {"opus": Format(98)},
        }
        self.feeds: dict[MediaKind, Feed] = {
            kind: Feed(relay.tracks[kind], formats[kind], index, index + 10, b"", relay._counters)
            for index, kind in enumerate(relay.tracks)
        }
        for feed in self.feeds.values():
            feed.open(self, self, ())  # type: ignore[arg-type]
        self.viewer = Viewer(relay, self, self.feeds, "test")  # type: ignore[arg-type]
        relay.joined(self.viewer)

    def send(self, data: memoryview, address: Address) -> bool:
        self.packets.append(rtp_packet.parse(bytes(data)))
        return True

    def protect(self, length: int) -> int:
        return length

    @property
    def pictures(self) -> list[Rtp]:
        return [packet for packet in self.packets if packet.payload_type != 98]

    async def see(self, count: int) -> None:
        await until(lambda: len(self.pictures) >= count, f"{count} pictures, {len(self.pictures)} came")


class Place:
    """One node."""

    def __init__(self, town: Town, name: str, secret: str, **settings: Any) -> None:
        self.town, self.name = town, name
        self.stage = MemoryStage()
        self.neighbours = TownNeighbours(town, name, secret)
        config = MediaConfig(name, udp_host="127.0.0.1", **settings)
        self.media = MediaService(OpenGate(), self.stage, config, neighbours=self.neighbours)
        self.url = ""

    def publish(self, room: str = "demo", name: str = "alice") -> Camera:
        """A camera here; the lease is this node's at once."""
        self.town.owners[room] = self.name
        return Camera(self.media._stream(room), name)

    async def watch(self, room: str = "demo") -> Screen:
        """As WHEP finds its stream; fails if it isn't live."""
        watched = await self.media._find(room)
        assert watched is not None
        assert watched.is_live
        return Screen(watched)

    @property
    def counters(self) -> Any:
        return self.media.counters


@asynccontextmanager
async def place(town: Town, name: str, secret: str = "s", **settings: Any) -> AsyncIterator[Place]:
    """A running node with an internal listener."""
    one = Place(town, name, secret, **settings)
    app = web.Application(middlewares=[_refusals])
    one.media.attach_internal(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = town.urls[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    await one.media.start()
    try:
        yield one
    finally:
        await one.media.close()
        await runner.cleanup()
