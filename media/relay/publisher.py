"""A publisher's session: its packets come in, repairs and keyframes are asked for, reports go back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rate import RemoteBitrateEstimator

from media.ports import MediaKind, Principal, TrackInfo
from media.relay.counters import Counters
from media.relay.source import Target
from media.rtc.peer import RtcPeer
from media.rtp import packet as rtp_packet
from media.rtp import rtcp
from media.rtp.arrivals import FEEDBACK_MS, Arrivals
from media.rtp.nack import MissingPackets
from media.rtp.pacing import KeyframePacer
from media.rtp.packet import Rtp
from media.rtp.reception import Reception
from media.rtp.sequence import Unwrapper

_REPAIR_MS = 60.0
_MIN_RETRY_MS, _MAX_RETRY_MS = 40.0, 250.0
_REMB_MS = 1000.0
_MAX_SOURCES = 8  # a publisher has two at a time; only the latest matter


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a payload type stands for. ``repeats`` is the one whose retransmissions it carries."""

    track: TrackInfo
    repeats: int | None = None
    send_time_id: int | None = None
    transport_id: int | None = None


class _Source:
    """One SSRC of the publisher."""

    __slots__ = ("info", "missing", "reception", "unwrapper")

    def __init__(self, ssrc: int, info: Incoming) -> None:
        self.info = info
        self.unwrapper = Unwrapper()
        self.reception = Reception(ssrc, info.track.clock_rate)
        self.missing = MissingPackets() if info.track.kind == "video" else None


class Publisher:
    """A ``Source``; implements ``PeerEvents``. One for each WHIP session."""

    def __init__(
        self,
        principal: Principal,
        formats: dict[int, Incoming],
        target: Target,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.principal = principal
        self.formats = formats
        self.peer: RtcPeer | None = None
        self.last_rtp = clock()
        self.first_rtp: float | None = None
        self.said_goodbye = False
        self.loss = 0.0
        self._target = target
        self._counters = counters
        self._clock = clock
        self._ssrc = secrets.randbits(32)
        self._sources: dict[int, _Source] = {}
        self._media: dict[MediaKind, int] = {}
        self._keyframes = KeyframePacer()
        self._estimator = RemoteBitrateEstimator()
        self._estimate: tuple[int, list[int]] | None = None
        self._estimate_sent_ms = 0.0
        self._repaired_ms = 0.0
        self._arrivals = Arrivals()
        self._arrivals_sent_ms = 0.0

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """The negotiated tracks, video first."""
        found = {form.track.kind: form.track for form in self.formats.values() if form.repeats is None}
        return tuple(found[kind] for kind in ("video", "audio") if kind in found)

    @property
    def rtt_ms(self) -> float | None:
        return self.peer.ice.rtt_ms if self.peer is not None else None

    @property
    def protocol(self) -> str:
        return "whip"

    def silent_s(self, now: float) -> float:
        """Seconds since the last packet, or since it came if it has sent none."""
        return now - self.last_rtp

    # --- from the peer

    def connected(self) -> None:
        if self.peer is not None:
            self.peer.probe()

    def rtp(self, data: bytes) -> None:
        try:
            rtp = rtp_packet.parse(data)
        except ValueError:
            return
        info = self.formats.get(rtp.payload_type)
        if info is None:
            return
        now = self._clock()
        self._counters.packets_in += 1
        self._counters.bytes_in += len(data)
        self._congestion(info, rtp, len(data), now * 1000)
        if info.repeats is not None:
            original = rtp_packet.unwrap_rtx(rtp, info.repeats, self._media.get(info.track.kind, 0))
            if original is None or not original.ssrc:
                return
            rtp, info = original, self.formats[info.repeats]
        self._media_packet(rtp, info, now)

    def _media_packet(self, rtp: Rtp, info: Incoming, now: float) -> None:
        kind = info.track.kind
        source = self._sources.get(rtp.ssrc)
        if source is None:
            if len(self._sources) >= _MAX_SOURCES:
                del self._sources[next(iter(self._sources))]
            source = self._sources[rtp.ssrc] = _Source(rtp.ssrc, info)
        self._media[kind] = rtp.ssrc
        self.last_rtp = now
        if self.first_rtp is None:
            self.first_rtp = now
        sequence = source.unwrapper.unwrap(rtp.sequence)
        source.reception.add(sequence, rtp.timestamp, len(rtp.payload), now * 1000)
        if source.missing is not None and source.missing.add(sequence):
            self._ask_again(now * 1000)
        self._target.received(self, kind, rtp, sequence)
        if self._keyframes.wanted and self._keyframes.due(now * 1000):
            self._send_keyframe_request()

    def rtcp(self, data: bytes) -> None:
        try:
            packets = list(rtcp.parse(data))
        except ValueError:
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                source = self._sources.get(packet.ssrc)
                if source is not None:
                    source.reception.sender_report(packet.ntp, self._clock() * 1000)
                    self._target.clock(self, source.info.track.kind, packet.ntp, packet.timestamp)

    def closed(self, reason: str) -> None:
        self._target.gone(self, reason)

    # --- towards the publisher

    def want_keyframe(self) -> None:
        """Asks for a keyframe now, or as soon as a second has passed since the last time."""
        self._keyframes.want()
        if self._keyframes.due(self._clock() * 1000):
            self._send_keyframe_request()

    def keyframe_came(self) -> None:
        self._keyframes.satisfied()

    def _send_keyframe_request(self) -> None:
        ssrc = self._media.get("video")
        if ssrc is not None:
            self._counters.keyframe_requests += 1
            self._send(rtcp.picture_loss(self._ssrc, ssrc))
        elif self.peer is not None:  # nothing of it has come yet: its first picture is a keyframe anyway
            self._keyframes.reset()

    def _ask_again(self, now_ms: float) -> None:
        self._repaired_ms = now_ms
        retry = min(max(self.rtt_ms or _MAX_RETRY_MS, _MIN_RETRY_MS), _MAX_RETRY_MS)
        for ssrc, source in self._sources.items():
            lost = source.missing.due(now_ms, retry) if source.missing else []
            if lost:
                self._counters.nacks_sent += len(lost)
                self._send(rtcp.nack(self._ssrc, ssrc, sorted(lost)))

    def _congestion(self, info: Incoming, rtp: Rtp, size: int, now_ms: float) -> None:
        """Notes what the publisher's congestion control asks for, by the way that was negotiated."""
        if info.transport_id is not None:
            number = rtp.extensions.get(info.transport_id, b"")
            if len(number) == 2:
                self._arrivals.add(int.from_bytes(number, "big"), now_ms)
            if now_ms - self._arrivals_sent_ms >= FEEDBACK_MS:
                self._send_arrivals(now_ms)
        elif info.send_time_id is not None and info.track.kind == "video":
            stamp = rtp.extensions.get(info.send_time_id, b"")
            if len(stamp) != 3:
                return
            estimate = self._estimator.add(int(now_ms), int.from_bytes(stamp, "big"), size, rtp.ssrc)
            if estimate is not None:
                self._estimate = estimate
                self._send_estimate(now_ms)

    def _send_arrivals(self, now_ms: float) -> None:
        self._arrivals_sent_ms = now_ms
        for feedback in self._arrivals.take(self._ssrc, self._media.get("video", 0)):
            self._send(feedback)

    def _send_estimate(self, now_ms: float) -> None:
        if self._estimate is not None:
            self._estimate_sent_ms = now_ms
            self._send(rtcp.bitrate_estimate(self._ssrc, *self._estimate))

    def repair(self) -> None:
        """To be called every 50 ms or so: asks again for what is still missing."""
        now_ms = self._clock() * 1000
        if now_ms - self._repaired_ms >= _REPAIR_MS:
            self._ask_again(now_ms)
        if now_ms - self._arrivals_sent_ms >= FEEDBACK_MS:
            self._send_arrivals(now_ms)
        if self._keyframes.wanted and self._keyframes.due(now_ms):
            self._send_keyframe_request()

    def tick(self) -> None:
        """Once a second: receiver reports (RFC 3550, 6.4.2)."""
        now_ms = self._clock() * 1000
        blocks = []
        for source in self._sources.values():
            loss = source.reception.take_loss()
            if source.info.track.kind == "video" or len(self._sources) == 1:
                self.loss = loss
            blocks.append(source.reception.report(loss, now_ms))
        if blocks:
            self._send(rtcp.receiver_report(self._ssrc, blocks))
        if now_ms - self._estimate_sent_ms >= _REMB_MS:
            self._send_estimate(now_ms)

    def _send(self, compound: bytes) -> None:
        if self.peer is not None:
            self.peer.send_rtcp(compound)

    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None:
        if self.peer is not None:
            self.peer.check(connect_timeout_s, consent_timeout_s)

    def probe(self) -> None:
        if self.peer is not None:
            self.peer.probe()

    def close(self, reason: str) -> None:
        if self.peer is not None:
            self.peer.close(reason)
