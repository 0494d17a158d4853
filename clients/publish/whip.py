"""A WHIP client (RFC 9725): one publishing session."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from clients.publish.feed import Feed, FeedTrack

_HTTP_TIMEOUT = aiohttp.ClientTimeout(total=10)
_CONNECT_S = 10.0
ENDED = "ended"
_SILENT_S = 5.0  # receiver reports come about once a second; after that the server is taken for gone


@dataclass(frozen=True, slots=True)
class WhipTarget:
    """Where to publish: the WHIP endpoint's URL and the bearer credential for it."""

    url: str
    bearer: str | None = None
    takeover: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that 127.0.0.1 is a candidate worth offering."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


class WhipRefused(Exception):  # noqa: N818  it is an answer, not a fault
    """The endpoint answered with something else than 201. ``retry_after_s`` is its Retry-After, if any."""

    def __init__(self, status: int, reason: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def final(self) -> bool:
        """Whether the same request would be refused again: wrong key, wrong address, unusable offer."""
        return 400 <= self.status < 500 and self.status not in (408, 409, 425, 429) and not self.retry_after_s


class WhipSession:
    """One publication. Use as an async context manager: entering publishes, leaving sends DELETE.

    Entering raises ``WhipRefused``, ``aiohttp.ClientError``, ``TimeoutError`` (no media path within 10 s) or
    ``ConnectionError``; nothing is left open then. ``wait_lost`` returns when the server dropped the session,
    nothing has been heard of it for 5 s, or all feeds are at their end (``ENDED``), and is safe to cancel.
    """

    def __init__(self, http: aiohttp.ClientSession, target: WhipTarget, feeds: list[Feed]) -> None:
        self._http, self._target = http, target
        self._pools = [ThreadPoolExecutor(1, f"publish-{feed.kind}") for feed in feeds]
        start = time.monotonic()
        self._tracks = [FeedTrack(feed, start, pool) for feed, pool in zip(feeds, self._pools, strict=True)]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.BALANCED))
        self._changed = asyncio.Event()
        self.location: str | None = None

    async def __aenter__(self) -> Self:
        self._peer.on("connectionstatechange", self._changed.set)
        for track in self._tracks:
            transceiver = self._peer.addTransceiver(track, direction="sendonly")
            _prefer_codecs(transceiver)
            _route_keyframe_requests(transceiver.sender, track)
        if self._target.is_loopback:
            offer_loopback(self._peer)
        try:
            await self._peer.setLocalDescription(await self._peer.createOffer())
            answer = await self._post(self._peer.localDescription.sdp)
            await self._accept(answer)
            async with asyncio.timeout(_CONNECT_S):
                await self._until({"connected", "failed", "closed"})
            if self._peer.connectionState != "connected":
                raise ConnectionError("The media connection could not be set up.")
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def wait_lost(self) -> str:
        """Waits until the publication is over; returns why, for the log."""
        heard = time.monotonic()
        reports: object = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    return await self._until({"failed", "closed", "disconnected"})
            if all(track.readyState == "ended" for track in self._tracks):
                return ENDED
            latest = await self._latest_report()
            if latest is None or latest != reports:
                heard, reports = time.monotonic(), latest
            elif time.monotonic() - heard > _SILENT_S:
                return "silent"

    def renew(self, bearer: str) -> None:
        """What the goodbye is said with from now on, as credentials run out."""
        self._target = replace(self._target, bearer=bearer)

    async def _post(self, offer: str) -> str:
        headers = {"Content-Type": "application/sdp", **self._auth()}
        if self._target.takeover:
            headers["X-Danmart-Takeover"] = "1"
        async with self._http.post(
            self._target.url, data=offer, headers=headers, timeout=_HTTP_TIMEOUT
        ) as response:
            if response.status != 201:
                raise await _refusal(response)
            location = response.headers.get("Location")
            if location:
                self.location = urljoin(str(response.url), location)
            return await response.text()

    async def _accept(self, answer: str) -> None:
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise ConnectionError(f"The server's SDP answer can't be used: {error!r}") from error

    async def _close(self) -> None:
        """DELETEs the session and ends the connection; errors of a server that is gone are ignored."""
        try:
            if self.location:
                location, self.location = self.location, None
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with self._http.delete(location, headers=self._auth(), timeout=_HTTP_TIMEOUT):
                        pass
        finally:
            for track in self._tracks:
                track.stop()
            await self._peer.close()
            for pool in self._pools:
                pool.shutdown(wait=False, cancel_futures=True)

    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._target.bearer}"} if self._target.bearer else {}

    async def _until(self, states: set[str]) -> str:
        while self._peer.connectionState not in states:
            self._changed.clear()
            await self._changed.wait()
        return str(self._peer.connectionState)

    async def _latest_report(self) -> object:
        """When the server's last receiver report came, ``None`` before the first one."""
        stats = await self._peer.getStats()
        stamps = [entry.timestamp for entry in stats.values() if entry.type == "remote-inbound-rtp"]
        return max(stamps, default=None)


def parse_retry_after(value: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); the form with a date is not used by media servers."""
    return float(value) if value and value.strip().isdecimal() else None


async def _refusal(response: aiohttp.ClientResponse) -> WhipRefused:
    reason = response.reason or ""
    if response.content_type == "application/problem+json":
        with suppress(ValueError, aiohttp.ClientError):
            problem: dict[str, Any] = await response.json(content_type=None)
            reason = str(problem.get("detail") or problem.get("title") or reason)
    return WhipRefused(response.status, reason, parse_retry_after(response.headers.get("Retry-After")))


def _prefer_codecs(transceiver: RTCRtpTransceiver) -> None:
    """Offers only what the feeds make: constrained-baseline H.264 with its retransmission, or Opus."""
    kind = transceiver.kind
    codecs = [
        codec
        for codec in RTCRtpSender.getCapabilities(kind).codecs
        if codec.mimeType in ("audio/opus", "video/rtx")
        or codec.parameters.get("profile-level-id") == "42e01f"
    ]
    transceiver.setCodecPreferences(codecs)


def _route_keyframe_requests(sender: RTCRtpSender, track: FeedTrack) -> None:
    """aiortc keeps PLI and FIR to its own encoders; tracks of encoded packets must hear of them too."""
    sender._send_keyframe = track.request_keyframe  # type: ignore[method-assign]


def offer_loopback(peer: RTCPeerConnection) -> None:
    """aioice leaves 127.0.0.1 out of its candidates; for a server on this machine it comes first."""
    for transceiver in peer.getTransceivers():
        connection = transceiver.sender.transport.transport.iceGatherer._connection
        gather = connection.get_component_candidates

        async def with_loopback(
            component: int, addresses: list[str], timeout: int = 5, gather: Any = gather
        ) -> Any:
            return await gather(
                component, ["127.0.0.1", *(one for one in addresses if one != "127.0.0.1")], timeout
            )

        connection.get_component_candidates = with_loopback  # type: ignore[method-assign]
        return  # one transport carries the bundle
