"""A room's packets into parts: the sink that the media service writes to."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from media.hls.boxes import AUDIO_RATE, VIDEO_RATE, Sample, fragment, init_section
from media.hls.config import HlsConfig
from media.hls.cutter import Cut, Cutter
from media.hls.h264 import ParameterSets, VideoConfig, sample
from media.hls.ladder import Ladder
from media.hls.metrics import HlsMetrics
from media.hls.sound import SoundLine
from media.hls.stream import Stream
from media.hls.tracks import TimedPicture, Tracks
from media.hls.transcode import OpusPacket
from media.ports import CmafPart, MediaKind, PartTap, TrackInfo
from media.ports import Period as PeriodInfo
from media.rtp import packet as rtp_packet

log = logging.getLogger(__name__)

_ASK_AGAIN_MS = 1_000
_DRIFT_MS = 500
_RATE_CUTS = 16
_LONGEST_HOLE = 60 * VIDEO_RATE  # further on, or back, is another time line


class Packager:
    """An ``RtpSink``. Everything runs in the event loop but the conversion of sound (see ``SoundLine``).

    A *period* is what shares one init section: it begins with a keyframe and ends when the parameter sets
    change or the publisher goes away. Media time goes on over periods, as the playlist does.
    """

    def __init__(
        self,
        stream: Stream,
        config: HlsConfig,
        pool: Executor,
        metrics: HlsMetrics,
        clock: Callable[[], float],
        on_start: Callable[[], bool],
        on_end: Callable[[], None],
        taps: Sequence[PartTap] = (),
        ladder: Ladder | None = None,
    ) -> None:
        self.stream = stream
        self._ladder = ladder
        self._taps = list(taps)
        self.running = False
        self.has_h264 = False
        self._config, self._pool, self._metrics = config, pool, metrics
        self._clock, self._on_start, self._on_end = clock, on_start, on_end
        self._tracks = Tracks(config.reorder_wait_ms)
        self._with_audio = False
        self._request_keyframe: Callable[[], None] = lambda: None
        self._asked_ms: int | None = None
        self._keyframe_ms: int | None = None
        self._parameters = ParameterSets()
        self._period: Period | None = None
        self._position = 0  # media time where the next period begins
        self._fragments = 0

    def start(self, tracks: Sequence[TrackInfo], request_keyframe: Callable[[], None]) -> None:
        """A publisher's packets begin (again), with a period of their own. Without H.264 there is no HLS."""
        self._end_period()
        self.has_h264 = any(track.codec == "H264" for track in tracks)
        self.running = self.has_h264 and self._on_start()
        self._with_audio = any(track.codec == "opus" for track in tracks)
        self._tracks = Tracks(self._config.reorder_wait_ms)
        self._parameters = ParameterSets()
        self._request_keyframe = request_keyframe
        self._asked_ms = self._keyframe_ms = None
        if self.running:
            self._request_keyframe()

    def rtp(self, kind: MediaKind, packet: bytes, arrival_ms: int) -> None:
        """Takes one packet; returns at once. What is malformed is counted and dropped."""
        if not self.running:
            return
        try:
            parsed = rtp_packet.parse(packet)
        except ValueError:
            self._metrics.dropped.labels("malformed").inc()
            return
        lost = self._tracks.lost
        if kind == "video":
            self._take_video(parsed, arrival_ms)
        elif self._with_audio:
            for opus in self._tracks.audio(parsed, arrival_ms):
                if self._period is not None:
                    self._period.sound(opus)
        self._metrics.lost.inc(self._tracks.lost - lost)

    def sender_report(self, kind: MediaKind, ntp_ms: float, rtp_timestamp: int) -> None:
        """Lines the tracks up: see ``media.hls.clock``."""
        self._tracks.sender_report(kind, ntp_ms, rtp_timestamp)

    def interrupted(self) -> None:
        """Publishes what there is; the playlist stays up and goes on after the next ``start``."""
        self._end_period()
        if self.running:
            self._each_tap(lambda tap: tap.interrupted())
        self.running = False

    async def close(self) -> None:
        """Publishes what there is and ends the playlist."""
        await self.drain()
        self.interrupted()
        self.stream.window.end()
        self.stream.changed()
        if self._ladder is not None:
            await self._ladder.drain()
            self._ladder.close(ended=True)
        self._on_end()
        for result in await asyncio.gather(*(tap.close() for tap in self._taps), return_exceptions=True):
            if isinstance(result, Exception):
                log.error("a tap could not be closed", exc_info=result)

    def _each_tap(self, call: Callable[[PartTap], None]) -> None:
        for tap in list(self._taps):
            try:
                call(tap)
            except Exception:  # a broken recorder must not take the picture from the viewers
                log.exception("a tap failed and is left out")
                self._taps.remove(tap)

    async def drain(self) -> None:
        """Waits until all sound that came so far is in the parts (or waits for its pictures)."""
        if self._period is not None:
            await self._period.drain()

    def _take_video(self, parsed: rtp_packet.Rtp, arrival_ms: int) -> None:
        dropped = self._tracks.depacketizer.dropped
        pictures = self._tracks.video(parsed, arrival_ms)
        self._metrics.dropped.labels("picture").inc(self._tracks.depacketizer.dropped - dropped)
        for picture in pictures:
            if self._period is not None and self._period.is_torn(picture):
                self._end_period()
                self._keyframe_ms = None  # asks for one, should this not be one
            if picture.keyframe:
                self._keyframe_ms = arrival_ms
                self._begin_if_new(picture)
            if self._period is not None:
                self._period.picture(picture)
        self._ask_for_keyframe(arrival_ms)

    def _ask_for_keyframe(self, now_ms: int) -> None:
        """At the beginning, after a loss, and so often that segments keep their length."""
        interval = self._config.keyframe_interval_ms
        due = self._keyframe_ms is None or now_ms - self._keyframe_ms >= interval
        if not due and not self._tracks.depacketizer.waiting:
            return
        if self._asked_ms is None or now_ms - self._asked_ms >= _ASK_AGAIN_MS:
            self._asked_ms = now_ms
            self._request_keyframe()

    def _begin_if_new(self, picture: TimedPicture) -> None:
        """A keyframe with other parameter sets, or the first one, begins a period."""
        self._parameters.see(picture.units)
        config = self._parameters.config
        if config is None or (self._period is not None and self._period.video == config):
            return
        self._end_period()
        init = init_section(config, audio=self._with_audio)
        self.stream.window.begin_period(init)
        self.stream.video, self.stream.has_audio = config, self._with_audio
        info = PeriodInfo(init, self.stream.codecs, *config.size, has_audio=self._with_audio)
        self._each_tap(lambda tap: tap.period(info))
        if self._ladder is not None:
            self._ladder.begin(config, with_audio=self._with_audio)
        self._period = Period(self, config, picture.time, self._position)

    def _end_period(self) -> None:
        if self._period is None:
            return
        self._position = self._period.end()
        self._period = None
        self.stream.window.end_segment()
        self.stream.changed()
        if self._ladder is not None:
            self._ladder.end_period()

    def sound_line(self, give: Callable[[list[Sample]], None]) -> SoundLine | None:
        """A converter for a period's sound, ``None`` in a room without."""
        if not self._with_audio:
            return None
        late = self._metrics.dropped.labels("sound")
        return SoundLine(self._config.audio_bitrate, self._pool, give, late.inc)

    def cutter(self) -> Cutter:
        """A cutter for a period's samples."""
        config = self._config
        return Cutter(
            config.part_target_ms * VIDEO_RATE // 1000,
            config.segment_min_ms * VIDEO_RATE // 1000,
            config.target_duration_s * VIDEO_RATE,
        )

    def now_ms(self) -> float:
        """Unix time in milliseconds."""
        return self._clock()

    def publish(self, cut: Cut, started_ms: float, arrived_ms: float) -> None:
        """Makes a part of it that can be fetched."""
        self._fragments += 1
        data, begun_ms = fragment(self._fragments, cut.start, cut.video, cut.audio), round(started_ms)
        self.stream.window.add(
            data, cut.duration, independent=cut.independent, first=cut.first, started_ms=begun_ms
        )
        if cut.last:
            self.stream.window.end_segment()
        self.stream.changed()
        part = CmafPart(data, cut.start, cut.duration, begun_ms, cut.independent, cut.first, cut.last)
        self._each_tap(lambda tap: tap.part(part))
        if self._ladder is not None:
            self._ladder.part(cut, begun_ms)
        self._metrics.part_duration.observe(cut.duration / VIDEO_RATE)
        self._metrics.delay.observe(max(0.0, self._clock() - arrived_ms) / 1000)
        self._metrics.packaging.observe(max(0.0, self._clock() - started_ms))


class Period:
    """What shares one init section. ``origin`` is its first picture's RTP time, ``base`` its media time."""

    def __init__(self, packager: Packager, video: VideoConfig, origin: int, base: int) -> None:
        self.video = video
        self._packager = packager
        self._origin, self._base = origin, base
        self._cutter = packager.cutter()
        self._line = packager.sound_line(self._take_sound)
        self._time = base - 1
        self._position = base
        self._wall_ms = packager.now_ms()
        self._arrived_ms = self._wall_ms
        self._rates: deque[tuple[int, int]] = deque(maxlen=_RATE_CUTS)

    def is_torn(self, picture: TimedPicture) -> bool:
        """Whether the picture's timestamp has jumped away from what was published so far."""
        shown = self._base + picture.time - self._origin
        return abs(shown - max(self._position, self._time)) > _LONGEST_HOLE

    def picture(self, picture: TimedPicture) -> None:
        """Decoding times must grow, also where a sender reorders pictures or repeats a timestamp."""
        shown = self._base + picture.time - self._origin
        self._time = max(shown, self._time + 1)
        self._arrived_ms = self._packager.now_ms()
        data = sample(picture.units)
        self._publish(self._cutter.video(self._time, shown, data, keyframe=picture.keyframe))

    def sound(self, opus: OpusPacket) -> None:
        """Puts an Opus packet on the media time line."""
        if self._line is not None:
            self._line.push(opus._replace(time=opus.time + self._base_samples()))

    def end(self) -> int:
        """Publishes the rest; returns the media time at its end."""
        if self._line is not None:
            self._line.close()
        self._publish(self._cutter.flush())
        return self._position

    async def drain(self) -> None:
        """Waits for the sound that is being converted."""
        if self._line is not None:
            await self._line.drain()

    def _base_samples(self) -> int:
        return (self._base - self._origin) * AUDIO_RATE // VIDEO_RATE

    def _take_sound(self, samples: list[Sample]) -> None:
        begin = self._base * AUDIO_RATE // VIDEO_RATE
        for sound in samples:
            if sound.time >= begin:  # what was before the first picture is not shown
                self._publish(self._cutter.audio(sound))

    def _publish(self, cuts: list[Cut]) -> None:
        for cut in cuts:
            self._position = cut.start + cut.duration
            self._measure(cut)
            elapsed_ms = (cut.start - self._base) * 1000 / VIDEO_RATE
            self._packager.publish(cut, self._wall_ms + elapsed_ms, self._arrived_ms)

    def _measure(self, cut: Cut) -> None:
        """The frame rate, and whether the publisher's clock has drifted away from ours."""
        self._rates.append((len(cut.video), cut.duration))
        frames, ticks = (sum(column) for column in zip(*self._rates, strict=True))
        self._packager.stream.frame_rate = frames * VIDEO_RATE / max(1, ticks)
        expected_ms = self._wall_ms + (cut.start + cut.duration - self._base) * 1000 / VIDEO_RATE
        drift_ms = self._arrived_ms - expected_ms
        if abs(drift_ms) > _DRIFT_MS:
            self._wall_ms += drift_ms
