"""A small WHIP server on aiortc that does what a test tells it to, and decodes what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

DEADLINE_S = 30.0


@dataclass
class WhipServer:
    """``refusals`` are answered first, one a POST; ``bearers`` and ``deleted`` tell what was asked."""

    url: str = ""
    refusals: list[web.Response] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    frames: list[av.VideoFrame] = field(default_factory=list)
    samples: int = 0
    peers: list[RTCPeerConnection] = field(default_factory=list)
    spoil_answer: bool = False
    _readers: list[asyncio.Task[None]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers.get("Authorization", ""))
        self._changed.set()
        if self.refusals:
            return self.refusals.pop(0)
        offer = await request.text()
        self.offers.append(offer)
        if self.spoil_answer:
            self.spoil_answer = False
            return web.Response(status=201, text="v=0\r\nnonsense", headers={"Location": "/session/x"})
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        peer.on("track", self._read)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"/session/{len(self.peers) - 1}"},
        )

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.match_info["session"] + " " + request.headers.get("Authorization", ""))
        self._changed.set()
        if request.match_info["session"].isdigit():
            await self.peers[int(request.match_info["session"])].close()
        return web.Response()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until it holds, or fails."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self.peers))
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

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
            self._changed.set()


@asynccontextmanager
async def running_whip_server() -> AsyncIterator[WhipServer]:
    server = WhipServer()
    app = web.Application()
    app.router.add_post("/whip/demo", server.publish)
    app.router.add_delete("/session/{session}", server.delete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/whip/demo"
    try:
        yield server
    finally:
        await server.close()
        await runner.cleanup()
