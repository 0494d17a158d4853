"""A WHEP viewer that decodes: aiortc brings the packets, repairs asked for; frames are put together here.

aiortc's own decoder holds each picture until the next one has begun. Taking the packets where its jitter
buffer would, a frame is decoded when its last packet has come, as in a browser.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.rtp import RtcpSrPacket, RtpPacket

from clients.probe.assembler import Assembler, Frame, vp8_key
from clients.probe.beep import Beeps
from clients.probe.decoder import Decoder
from clients.probe.figures import Watch
from clients.publish.whip import WhipRefused, WhipTarget, offer_loopback, parse_retry_after

_NTP_EPOCH_S = 2_208_988_800
_QUEUE_MAX = 256  # frames that wait for the decoder: more, and this machine is too slow to judge anything
_ASK_EVERY_MS = 500.0
_TIMEOUT = aiohttp.ClientTimeout(total=15)


def wall_ms() -> float:
    """Unix time in milliseconds."""
    return time.time() * 1000


class SenderClock:
    """RTP time to wall time by the last sender report (RFC 3550, 6.4.1)."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._report: tuple[int, float] | None = None

    def report(self, ntp: int, timestamp: int) -> None:
        """``ntp`` is 64 bits, ``timestamp`` the RTP time of that moment."""
        self._report = (timestamp, (ntp / (1 << 32) - _NTP_EPOCH_S) * 1000)

    def wall_ms(self, timestamp: int) -> float | None:
        """Unix milliseconds; ``None`` before the first report."""
        if self._report is None:
            return None
        at, wall = self._report
        ticks = (timestamp - at + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
        return wall + ticks * 1000 / self._rate


@dataclass(frozen=True, slots=True)
class _Work:
    is_video: bool
    frame: Frame


class _Tap:
    """Stands where aiortc's jitter buffer does. ``add`` says whether a keyframe is wanted, never a frame."""

    def __init__(self, take: Callable[[RtpPacket], bool]) -> None:
        self._take = take

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        return self._take(packet), None


class WhepReader:
    """Watches one stream until cancelled. Use once."""

    def __init__(self, target: WhipTarget, watch: Watch) -> None:
        self._target, self._watch = target, watch
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._assembler = Assembler()
        self._clocks = {"video": SenderClock(90_000), "audio": SenderClock(48_000)}
        self._queue: asyncio.Queue[_Work] = asyncio.Queue(_QUEUE_MAX)
        self._pictures_waiting = 0
        self._asked_ms = 0.0
        self._decoders: dict[bool, Decoder] = {}
        self._codec = ""
        self._beeps = Beeps()
        self._over = asyncio.Event()
        self._location: str | None = None

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Returns when the node has ended the session; otherwise until cancelled. Says goodbye either way.

        Raises ``WhipRefused``, ``aiohttp.ClientError`` and ``TimeoutError`` when it can't be watched.
        """
        pool = ThreadPoolExecutor(1, "probe-whep")
        decoding = asyncio.create_task(self._decode(pool))
        try:
            await self._connect(http)
            await self._over.wait()
        finally:
            decoding.cancel()
            await asyncio.gather(decoding, return_exceptions=True)
            self._watch.received += self._assembler.received
            self._watch.lost += self._assembler.lost
            await self._goodbye(http)
            pool.shutdown(wait=False)

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        for kind in ("video", "audio"):
            self._peer.addTransceiver(kind, direction="recvonly")
        if self._target.is_loopback:
            offer_loopback(self._peer)
        await self._peer.setLocalDescription(await self._peer.createOffer())
        headers = {"Content-Type": "application/sdp", **self._auth()}
        offer = self._peer.localDescription.sdp
        async with http.post(self._target.url, data=offer, headers=headers, timeout=_TIMEOUT) as response:
            if response.status != 201:
                after = parse_retry_after(response.headers.get("Retry-After"))
                raise WhipRefused(response.status, response.reason or "", after)
            if location := response.headers.get("Location"):
                self._location = urljoin(str(response.url), location)
            answer = await response.text()
        for transceiver in self._peer.getTransceivers():
            self._tap(transceiver.receiver)
        self._peer.on("connectionstatechange", self._changed)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        video = next(one for one in self._peer.getTransceivers() if one.kind == "video")
        self._codec = video._codecs[0].mimeType.lower() if video._codecs else ""
        if self._codec == "video/vp8":
            self._assembler.is_key = vp8_key

    def _changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed", "disconnected"):
            self._over.set()

    def _tap(self, receiver: RTCRtpReceiver) -> None:
        kind = receiver._RTCRtpReceiver__kind  # type: ignore[attr-defined]
        take = self._video if kind == "video" else self._audio
        receiver._RTCRtpReceiver__jitter_buffer = _Tap(take)  # type: ignore[attr-defined]
        handle, clock = receiver._handle_rtcp_packet, self._clocks[kind]

        async def reported(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                clock.report(packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp)
            await handle(packet)

        receiver._handle_rtcp_packet = reported  # type: ignore[method-assign]

    def _video(self, packet: RtpPacket) -> bool:
        data, marked = packet._data, bool(packet.marker)  # type: ignore[attr-defined]
        now = time.monotonic() * 1000
        assembler = self._assembler
        for frame in assembler.add(packet.sequence_number, packet.timestamp, data, now, marker=marked):
            self._give(_Work(is_video=True, frame=frame))
        if not assembler.wants_keyframe or now - self._asked_ms < _ASK_EVERY_MS:
            return False
        self._asked_ms = now
        return True

    def _audio(self, packet: RtpPacket) -> bool:
        data = packet._data  # type: ignore[attr-defined]
        if data:
            self._give(_Work(is_video=False, frame=Frame(packet.timestamp, data)))
        return False

    def _give(self, work: _Work) -> None:
        try:
            self._queue.put_nowait(work)
        except asyncio.QueueFull:
            self._watch.lost += 1
            self._assembler.wants_keyframe = True  # what follows can't be decoded without it
            return
        self._pictures_waiting += work.is_video

    async def _decode(self, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():  # a busy loop must not hand them over one a turn
                batch.append(self._queue.get_nowait())
            self._pictures_waiting = 0
            await loop.run_in_executor(pool, self._work, batch)

    def _work(self, batch: list[_Work]) -> None:
        pictures = sum(work.is_video for work in batch)
        for work in batch:
            if work.is_video:
                pictures -= 1
                self._see(work.frame, newest=not pictures and not self._pictures_waiting)
            else:
                self._hear(work.frame)

    def _see(self, frame: Frame, *, newest: bool) -> None:
        decoder = self._decoders.setdefault(True, Decoder(self._codec or "video/h264"))
        captured = self._clocks["video"].wall_ms(frame.timestamp)
        for picture in decoder.pictures(frame.data, 0.0):
            if picture.made_ms is not None and captured is not None:
                self._watch.picture_at(captured, picture.made_ms)
            if not newest:
                continue  # a player shows the newest frame that it has, and those before it not at all
            shown, size = wall_ms(), (picture.width, picture.height)
            if picture.made_ms is not None:
                self._watch.frame(shown, size, picture.made_ms, "pattern")
            else:
                self._watch.frame(shown, size, captured, "sender_report")

    def _hear(self, frame: Frame) -> None:
        decoder = self._decoders.setdefault(False, Decoder("audio/opus"))
        captured = self._clocks["audio"].wall_ms(frame.timestamp)
        for sound in decoder.sounds(frame.data, 0.0):
            if captured is not None:
                for began in self._beeps.add(sound.samples, captured):
                    self._watch.beep_at(began)

    async def _goodbye(self, http: aiohttp.ClientSession) -> None:
        try:
            if self._location is not None:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with http.delete(self._location, headers=self._auth(), timeout=_TIMEOUT):
                        pass
        finally:
            await self._peer.close()

    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._target.bearer}"} if self._target.bearer else {}
