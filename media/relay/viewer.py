"""One viewer of a room over WebRTC: its peer, its two feeds, and what it says about them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from media.ports import MediaKind
from media.relay.feed import Feed
from media.relay.following import KeyframeWish
from media.rtc.peer import RtcPeer
from media.rtc.udp import Address, UdpPort
from media.rtp import rtcp
from media.rtp.rtcp import Packet as RtcpPacket


class Host(Protocol):
    """What a viewer needs from its room."""

    def joined(self, viewer: Viewer) -> None: ...

    def left(self, viewer: Viewer) -> None: ...

    def want_keyframe(self) -> None: ...


class Viewer:
    """Connects feeds to a peer; implements ``PeerEvents``."""

    def __init__(
        self,
        host: Host,
        port: UdpPort,
        feeds: dict[MediaKind, Feed],
        cname: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feeds = feeds
        self.peer: RtcPeer | None = None
        self.is_connected = False
        self._host = host
        self._port = port
        self._cname = cname
        self._clock = clock
        self._wish = KeyframeWish()
        self._by_ssrc = {feed.ssrc: feed for feed in feeds.values()}

    @property
    def rtt_ms(self) -> float | None:
        """The round trip by its latest receiver report (RFC 3550, 6.4.1), ``None`` before one."""
        times = [feed.rtt_ms for feed in self.feeds.values() if feed.rtt_ms is not None]
        return min(times, default=None)

    def connected(self) -> None:
        peer = self.peer
        if peer is None or peer.srtp is None or peer.path is None:
            return
        for feed in self.feeds.values():
            feed.open(self._port, peer.srtp.protector, peer.path.address)
        peer.moved = self._moved
        self.is_connected = True
        self._host.joined(self)

    def rtp(self, data: bytes) -> None:
        """Viewers send no media."""

    def rtcp(self, data: bytes) -> None:
        try:
            packets = list(rtcp.parse(data))
        except ValueError:
            return
        for packet in packets:
            self._take(packet)

    def _take(self, packet: RtcpPacket) -> None:
        if isinstance(packet, (rtcp.ReceiverReport, rtcp.SenderReport)):
            for block in packet.blocks:
                feed = self._by_ssrc.get(block.ssrc)
                if feed is not None:
                    feed.reported(block, self._clock() * 1000)
        elif isinstance(packet, rtcp.Nack):
            feed = self._by_ssrc.get(packet.media_ssrc)
            if feed is not None:
                feed.nacked(packet.sequences)
        elif isinstance(packet, rtcp.KeyframeRequest) and packet.media_ssrc in self._by_ssrc:
            self._wish.wish(self._clock() * 1000)
            self._ask()

    def _ask(self) -> None:
        feed = self.feeds.get("video")
        if feed is not None and self._wish.due(self._clock() * 1000, feed.track.keyframe_at_ms):
            self._host.want_keyframe()

    def _moved(self, address: Address) -> None:
        for feed in self.feeds.values():
            feed.address = address

    def closed(self, reason: str) -> None:
        self.is_connected = False
        self._host.left(self)

    def tick(self, unix_ms: float) -> None:
        """Once a second: sender reports, so that lips and sound stay together (RFC 3550, 6.4.1)."""
        peer = self.peer
        if peer is None or not self.is_connected:
            return
        video = self.feeds.get("video")
        if video is not None and video.is_hopeless:
            self.close("it can't follow")  # its page plays HLS then, whose buffers forgive more
            return
        if video is not None and video.held and video.takes(video.track.codec):
            self._wish.wish(self._clock() * 1000)
        self._ask()
        ntp = rtcp.ntp_from_unix_ms(unix_ms)
        for feed in self.feeds.values():
            feed.tick()
            timestamp = feed.track.timestamp_at(unix_ms)
            if timestamp is None or not feed.packets:
                continue
            report = rtcp.sender_report(feed.ssrc, ntp, timestamp, feed.packets, feed.octets)
            peer.send_rtcp(report + rtcp.source_description(feed.ssrc, self._cname))
            feed.report_sent(ntp, self._clock() * 1000)

    def close(self, reason: str) -> None:
        if self.peer is not None:
            self.peer.close(reason)
