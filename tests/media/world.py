"""A media service on loopback with an open gate and a stage that remembers, and real clients for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

import aiohttp
import aioice.ice
import av
import pytest
from aiohttp import web
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from prometheus_client import CollectorRegistry

from media.config import MediaConfig
from media.ports import Principal, RtpSink, Whence
from media.rtp import packet as rtp_packet
from media.rtp.sequence import distance32
from media.service import MediaService
from rooms.errors import Refused
from tests.support.rough_line import RoughLine

DEADLINE_S = 30.0
FPS = 20


@pytest.fixture(autouse=True)
def _loopback_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves out 127.0.0.1, and a test machine may have nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


async def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Waits for a condition of the other side of a socket. Fails with ``what`` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline_s} s: {what}")
        await asyncio.sleep(0.01)


class OpenGate:
    """A credential is ``name`` or ``name.anything``; ``host…`` is a host, ``demo…`` steps aside."""

    watchers_refused: str | None = None

    async def may_publish(self, room: str, bearer: str | None) -> Principal:
        if bearer is None:
            raise Refused("unauthenticated")
        if bearer == "bad":
            raise Refused("bad_token")
        name = bearer.split(".")[0]
        return Principal(name, name, is_host=name.startswith("host"), steps_aside=name.startswith("demo"))

    async def may_begin(self, room: str, principal: Principal, *, takeover: bool) -> None:
        """There is no other node."""

    async def may_watch(self, room: str, bearer: str | None, whence: Whence | None = None) -> str | None:
        if self.watchers_refused:
            raise Refused(self.watchers_refused)
        return bearer


class MemoryStage:
    """Keeps what it is told, as ``live:alice``, ``interrupted:alice``, ``ended:lost``."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def live(self, room: str, principal: Principal) -> None:
        self.said.append(f"live:{principal.id}")

    async def interrupted(self, room: str, principal: Principal) -> None:
        self.said.append(f"interrupted:{principal.id}")

    async def ended(self, room: str, reason: str) -> None:
        self.said.append(f"ended:{reason}")


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        headers = {}
        if refused.retry_after_ms is not None:
            headers["Retry-After"] = str(-(-refused.retry_after_ms // 1000))
        body = {"code": refused.code, "detail": refused.message}
        return web.json_response(
            body, status=refused.kind.http, headers=headers, content_type="application/problem+json"
        )


@dataclass
class World:
    """A running service. ``http`` is a client whose addresses are relative to it."""

    service: MediaService
    gate: OpenGate
    stage: MemoryStage
    http: aiohttp.ClientSession
    base: str
    clients: list[Client] = field(default_factory=list)

    async def post(
        self, path: str, body: str | bytes, bearer: str | None = None, **headers: str
    ) -> aiohttp.ClientResponse:
        sent = {"Content-Type": "application/sdp"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        return await self.http.post(path, data=body, headers=sent)

    async def publish(
        self, bearer: str = "alice", codec: str = "H264", line: RoughLine | None = None, **headers: str
    ) -> Client:
        """A publisher with picture and sound; returns when the service has answered 201."""
        client = Client(self)
        client.line = line
        await client.publish(bearer, codec, **headers)
        return client

    async def watch(
        self, room: str = "demo", line: RoughLine | None = None, bearer: str | None = None
    ) -> Client:
        """A viewer of picture and sound; returns when the service has answered 201."""
        client = Client(self)
        client.line = line
        await client.watch(room, bearer)
        return client

    async def until_said(self, *words: str) -> None:
        await until(lambda: self.stage.said == list(words), f"{words}, was {self.stage.said}")


@asynccontextmanager
async def running_world(
    sinks: Callable[[str], Sequence[RtpSink]] = lambda room: (),
    registry: CollectorRegistry | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """A service with ``settings`` of ``MediaConfig``, gone again with all its clients at the end."""
    gate, stage = OpenGate(), MemoryStage()
    config = MediaConfig("n1", **{"udp_host": "127.0.0.1", **settings})
    service = MediaService(gate, stage, config, sinks, registry)
    app = web.Application(middlewares=[_refusals])
    service.attach(app)
    await service.start()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(base) as http:
        world = World(service, gate, stage, http, base)
        try:
            yield world
        finally:
            await asyncio.gather(*(client.vanish() for client in world.clients))
            await service.close()
            await runner.cleanup()


def _nowhere(data: bytes, address: object = None) -> None:
    """A network that is gone."""


SHADES = 40
"""Each frame's number is written into it as three upright stripes, one a digit of base 40, least first."""
STRIPE = 48
_VIDEO = (97, 99, 101)
"""Payload types of pictures, as aiortc has them; those between are for retransmissions."""
DARKEST, STEP = 20, 5


class Picture(MediaStreamTrack):
    """A small moving picture, each frame of which says when it was made (``age_s``)."""

    kind = "video"

    def __init__(self, width: int = 160, height: int = 120) -> None:
        super().__init__()
        self._count = 0
        self._start = time.monotonic()
        self._frame = av.VideoFrame(width, height, "yuv420p")
        for plane in self._frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)

    def age_s(self, shades: Sequence[float]) -> float:
        """How old a frame is that has just come, if no older than half an hour, by the brightness (16 to 235)
        of its three stripes."""
        count = sum(
            min(max(round((shade - DARKEST) / STEP), 0), SHADES - 1) * SHADES**digit
            for digit, shade in enumerate(shades)
        )
        made = self._start + float(count) / FPS
        return time.monotonic() - made

    async def recv(self) -> av.VideoFrame:
        self._count += 1
        wait = self._start + self._count / FPS - time.monotonic()
        await asyncio.sleep(max(0.0, wait))
        frame = self._frame
        luma = frame.planes[0]
        row = b"".join(
            bytes([DARKEST + STEP * (self._count // SHADES**digit % SHADES)]) * STRIPE for digit in range(3)
        )
        luma.update(row.ljust(luma.line_size, b"\x80") * luma.height)
        frame.pts, frame.time_base = self._count * 90000 // FPS, Fraction(1, 90000)
        return frame


class Client:
    """An aiortc peer that publishes or watches. ``packets`` are the RTP packets received, as they came."""

    def __init__(self, world: World) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.location = ""
        self.etag = ""
        self.bearer: str | None = None
        self.packets: dict[str, list[rtp_packet.Rtp]] = {"video": [], "audio": []}
        self.frames: list[av.VideoFrame] = []
        self.transits: list[float] = []
        """When the end of each picture came, less when the first one would have come as late: seconds."""
        self.shows: Picture | None = None
        self.line: RoughLine | None = None
        """What leads to the service; ``None``: nothing in between."""
        self.samples = 0
        self.lose: Callable[[rtp_packet.Rtp], bool] = lambda rtp: False
        self._world = world
        self._first: tuple[float, int] | None = None
        self._readers: list[asyncio.Task[None]] = []
        world.clients.append(self)

    async def publish(self, bearer: str, codec: str, **headers: str) -> Self:
        self.bearer = bearer
        self.peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        self.shows = Picture()
        video = self.peer.addTransceiver(self.shows, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        wanted = {f"video/{codec}", "video/rtx"}
        video.setCodecPreferences([one for one in codecs if one.mimeType in wanted])
        await self._negotiate("/whip/demo", bearer, **headers)
        return self

    async def watch(self, room: str, bearer: str | None = None) -> Self:
        self.peer.on("track", self._read)
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.addTransceiver("audio", direction="recvonly")
        await self._negotiate(f"/whep/{room}", bearer)
        return self

    async def _negotiate(self, path: str, bearer: str | None, **headers: str) -> None:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        response = await self._world.post(path, self.peer.localDescription.sdp, bearer, **headers)
        answer = await response.text()
        assert response.status == 201, answer
        self.location, self.etag = response.headers["Location"], response.headers["ETag"]
        if self.line is not None:
            answer = answer.replace(f" {self._world.service.udp_port} typ", f" {self.line.port} typ")
        self._tap()
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _tap(self) -> None:
        transport = self.peer.getTransceivers()[0].receiver.transport
        handle = transport._handle_rtp_data

        async def tapped(data: bytes, arrival_time_ms: int) -> None:
            rtp = rtp_packet.parse(data)
            if self.lose(rtp):
                return
            kind = "audio" if rtp.payload_type == self.opus else "video"
            self.packets[kind].append(rtp)
            if rtp.marker and rtp.payload_type in _VIDEO:
                self._time(rtp)
            await handle(data, arrival_time_ms=arrival_time_ms)

        transport._handle_rtp_data = tapped  # type: ignore[method-assign]

    def _time(self, end: rtp_packet.Rtp) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, end.timestamp)
        at, timestamp = self._first
        self.transits.append(now - at - distance32(end.timestamp, timestamp) / 90_000)

    @property
    def opus(self) -> int:
        return 96

    def _read(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.get_running_loop().create_task(self._consume(track)))

    async def _consume(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self.frames.append(frame)
            elif isinstance(frame, av.AudioFrame):
                self.samples += frame.samples

    async def see(self, more: int = 5) -> None:
        """Waits for ``more`` decoded pictures than there are."""
        wanted = len(self.frames) + more
        await until(lambda: len(self.frames) >= wanted, f"{wanted} pictures, {len(self.frames)} were seen")

    def fall_silent(self) -> None:
        """Sends nothing any more, as behind a network that is gone."""
        for transceiver in self.peer.getTransceivers():
            for protocol in transceiver.receiver.transport.transport._connection._protocols:
                protocol.transport.sendto = _nowhere  # type: ignore[method-assign, assignment]

    async def delete(self) -> int:
        headers = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        async with self._world.http.delete(self.location, headers=headers) as response:
            return response.status

    async def vanish(self) -> None:
        """Goes away without DELETE, as a closed tab does."""
        await self.peer.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._readers.clear()
