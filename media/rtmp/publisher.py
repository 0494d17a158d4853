"""An RTMP publisher as its stream sees it: FLV's tags become RTP, its clock becomes sender reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from media.ports import MediaKind, Principal, TrackInfo
from media.relay.counters import Counters
from media.relay.source import Target
from media.rtmp import flv, packets
from media.rtmp.chunks import AUDIO, VIDEO
from media.rtmp.clock import ArrivalClock
from media.rtmp.gathering import FirstTags
from media.rtmp.session import Tag
from media.rtmp.sound import AacToOpus, OpusLine, Timed
from media.rtp.packet import Rtp
from media.rtp.rtcp import ntp_from_unix_ms

_log = logging.getLogger(__name__)
_VIDEO_PER_MS, _AUDIO_PER_MS = 90, 48
_RATES: dict[MediaKind, int] = {"video": _VIDEO_PER_MS, "audio": _AUDIO_PER_MS}


class RtmpPublisher:
    """A ``Source``. Tags come from the connection by ``tag``; ``hang_up`` closes that.

    RTMP goes over TCP, so ``loss`` is always 0, and it knows no way to ask for a keyframe: viewers who come
    wait for the encoder's next one.
    """

    def __init__(
        self,
        principal: Principal,
        target: Target,
        counters: Counters,
        pool: Executor,
        hang_up: Callable[[str], None],
        round_trip_ms: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self.principal = principal
        self.said_goodbye = False
        self.first_rtp: float | None = None
        self.loss = 0.0
        self.tracks: tuple[TrackInfo, ...] = ()
        self._target, self._counters, self._pool = target, counters, pool
        self._hang_up, self._round_trip_ms, self._clock, self._wall_ms = (
            hang_up,
            round_trip_ms,
            clock,
            wall_ms,
        )
        self._heard = clock()
        self._first = FirstTags()
        self._arrivals = ArrivalClock()
        self._config: flv.AvcConfig | None = None
        self._line: OpusLine | None = None
        self._sequences: dict[MediaKind, int] = {"video": 0, "audio": 0}
        self._latest_ms: dict[MediaKind, int] = {}
        self._gone = False

    @property
    def protocol(self) -> str:
        return "rtmp"

    @property
    def rtt_ms(self) -> float | None:
        return self._round_trip_ms()

    def silent_s(self, now: float) -> float:
        """Seconds since the last tag, or since it came if it has sent none."""
        return now - self._heard

    # --- from the connection

    def metadata(self, values: dict[str, Any]) -> None:
        self._first.metadata(values)

    def tag(self, tag: Tag) -> None:
        """One tag. Raises ``ValueError`` for one that is malformed, ``flv.Unsupported`` for a codec."""
        self._heard = self._clock()
        self._counters.bytes_in += len(tag.body)
        parsed = flv.video(tag.body) if tag.kind == VIDEO else flv.sound(tag.body)
        configures = isinstance(parsed, flv.AvcConfig | flv.SoundConfig)
        known = self._first.kinds is not None
        for one in self._first.push(tag, configures=configures):
            if not self.tracks:
                self._begin()
            # What was held is parsed once more: that is a second at a stream's beginning.
            self._take(
                one, parsed if known else flv.video(one.body) if one.kind == VIDEO else flv.sound(one.body)
            )

    def lost(self, reason: str) -> None:
        """The connection is over."""
        if self._gone:
            return
        self._gone = True
        if self._line is not None:
            self._line.close()
        self._target.gone(self, reason)

    def _begin(self) -> None:
        video, audio = TrackInfo("video", "H264", 90_000), TrackInfo("audio", "opus", 48_000, 2)
        kinds = self._first.kinds or frozenset[int]()
        self.tracks = tuple(track for kind, track in ((VIDEO, video), (AUDIO, audio)) if kind in kinds)

    def _take(self, tag: Tag, parsed: object) -> None:
        ms = self._arrivals.arrived(tag.timestamp, self._wall_ms())
        match parsed:
            case flv.AvcConfig():
                self._config = parsed
            case flv.AvcPicture() if self._config is not None:
                self._picture(parsed, ms, self._config)
            case flv.SoundConfig():
                self._listen(parsed)
            case flv.SoundFrame():
                self._sound(parsed, ms)

    # --- picture

    def _picture(self, picture: flv.AvcPicture, ms: int, config: flv.AvcConfig) -> None:
        units = flv.units(picture.data, config.length_size)
        sps = tuple(unit for unit in units if packets.kind(unit) == packets.SPS) or config.sps
        pps = tuple(unit for unit in units if packets.kind(unit) == packets.PPS) or config.pps
        self._config = flv.AvcConfig(sps, pps, config.length_size)
        payloads = packets.payloads(units, (*sps, *pps))
        # The time at which it is shown: with B-frames this goes back and forth, which HLS can bear.
        timestamp = (ms + picture.shown_after) * _VIDEO_PER_MS
        for index, payload in enumerate(payloads):
            self._send("video", timestamp, payload, marker=index == len(payloads) - 1)
        self._tell("video", ms)

    # --- sound

    def _listen(self, config: flv.SoundConfig) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if config.codec == "aac":
            self._line = OpusLine(AacToOpus(config.extradata), self._pool, self._give)

    def _sound(self, frame: flv.SoundFrame, ms: int) -> None:
        timed = Timed(ms * _AUDIO_PER_MS, frame.data)
        if self._line is not None:
            self._line.push(timed)
        else:
            self._give([timed])

    def _give(self, made: list[Timed]) -> None:
        for one in made:
            self._send("audio", one.time, one.data, marker=False)
            self._tell("audio", one.time // _AUDIO_PER_MS)

    # --- towards the stream

    def _send(self, kind: MediaKind, timestamp: int, payload: bytes, *, marker: bool) -> None:
        if self.first_rtp is None:
            self.first_rtp = self._clock()
        self._counters.packets_in += 1
        self._sequences[kind] = number = self._sequences[kind] + 1
        rtp = Rtp(96, marker, number & 0xFFFF, timestamp & 0xFFFFFFFF, 0, payload, {})
        self._target.received(self, kind, rtp, number)

    def _tell(self, kind: MediaKind, ms: int) -> None:
        """A first report at once: until there is one for both tracks, players can't line them up."""
        first = kind not in self._latest_ms
        self._latest_ms[kind] = ms
        if first:
            self.tick()

    def _report(self, kind: MediaKind) -> None:
        ms = self._latest_ms[kind]
        ntp = ntp_from_unix_ms(self._arrivals.wall_ms(ms))
        self._target.clock(self, kind, ntp, ms * _RATES[kind] & 0xFFFFFFFF)

    def tick(self) -> None:
        """Once a second: what sender reports would say, of both tracks by the same clock."""
        for kind in self._latest_ms:
            self._report(kind)

    # --- what the stream asks for

    def want_keyframe(self) -> None:
        """There is no way to ask for one."""

    def keyframe_came(self) -> None:
        """Nothing was asked for."""

    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None:
        if self.silent_s(self._clock()) > (consent_timeout_s if self.first_rtp else connect_timeout_s):
            self.close("it has fallen silent")

    def repair(self) -> None:
        """TCP repairs."""

    def probe(self) -> None:
        """The kernel measures."""

    def close(self, reason: str) -> None:
        if not self._gone:
            self._hang_up(reason)
            self.lost(reason)
