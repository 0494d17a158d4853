"""aiortc as a server: ``python -m bench.video.stock CLIP packets|relay``.

``packets``: the clip's encoded packets (``av.Packet``) go through an ``RTCRtpSender`` for each viewer.
``relay``: the clip's decoded pictures go through ``MediaRelay``, and each viewer's sender encodes them anew.
"""

from __future__ import annotations

import asyncio
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import av
import uvloop
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from bench.video.picture import AUDIO_RATE, FPS, VIDEO_RATE, Clip, load
from clients.publish.sound import PACKET_MS


class Packets:
    """One pace for all viewers: each has a queue of its own that every packet is put into."""

    def __init__(self, kind: str, data: list[bytes], period_s: float, rate: int) -> None:
        self.kind, self._data, self._period_s, self._rate = kind, data, period_s, rate
        self.queues: set[asyncio.Queue[Any]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        start, count = time.monotonic(), 0
        while True:
            await asyncio.sleep(start + count * self._period_s - time.monotonic())
            packet: Any = av.Packet(self._data[count % len(self._data)])
            packet.pts, packet.time_base = round(count * self._period_s * self._rate), Fraction(1, self._rate)
            for queue in self.queues:
                queue.put_nowait(packet)
            count += 1


class PacketTrack(MediaStreamTrack):
    """A viewer's view of ``Packets``."""

    def __init__(self, source: Packets) -> None:
        super().__init__()
        self.kind = source.kind
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        source.queues.add(self._queue)

    async def recv(self) -> Any:
        """The next packet."""
        return await self._queue.get()


class Frames(MediaStreamTrack):
    """The clip's pictures, decoded before anything is measured."""

    kind = "video"

    def __init__(self, clip: Clip) -> None:
        super().__init__()
        decoder: Any = av.CodecContext.create("h264", "r")
        self._frames = [frame for data in clip.pictures for frame in decoder.decode(av.Packet(data))]
        self._start, self._count = time.monotonic(), 0

    async def recv(self) -> av.VideoFrame:
        """The next picture at its time."""
        await asyncio.sleep(self._start + self._count / FPS - time.monotonic())
        frame: av.VideoFrame = self._frames[self._count % len(self._frames)]
        frame.pts, frame.time_base = self._count * VIDEO_RATE // FPS, Fraction(1, VIDEO_RATE)
        self._count += 1
        return frame


def app(clip: Clip, how: str) -> web.Application:
    """WHEP, as far as the benchmark's viewers need it."""
    video = Packets("video", clip.pictures, 1 / FPS, VIDEO_RATE)
    audio = Packets("audio", clip.sounds, PACKET_MS / 1000, AUDIO_RATE)
    relay, frames, peers = MediaRelay(), Frames(clip) if how == "relay" else None, set[RTCPeerConnection]()
    tasks: list[asyncio.Task[None]] = []

    async def begin(_: web.Application) -> None:
        tasks.extend(asyncio.create_task(one.run()) for one in (video, audio))

    async def join(request: web.Request) -> web.Response:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.add(peer)
        peer.addTrack(PacketTrack(video) if frames is None else relay.subscribe(frames))
        peer.addTrack(PacketTrack(audio))
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.Response(status=201, text=peer.localDescription.sdp)

    served = web.Application()
    served.on_startup.append(begin)
    served.router.add_post("/whep", join)
    return served


async def main(clip: Path, how: str) -> None:
    """Serves until killed."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    runner = web.AppRunner(app(load(clip), how))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"ready http://127.0.0.1:{runner.addresses[0][1]}/whep ", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
