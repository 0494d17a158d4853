"""A room's picture through its life: who publishes, who may take over, and what the stage is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from media.advice import Advice, advise
from media.config import MediaConfig
from media.latency import Uplink
from media.ports import MediaKind, Principal, RtpSink, Stage, TrackInfo
from media.relay.counters import Counters
from media.relay.room import RoomRelay
from media.relay.source import Source
from media.relay.track import RoomTrack
from media.rtp.codecs import starts_keyframe
from media.rtp.packet import Rtp
from media.rtp.rtcp import unix_ms_from_ntp
from rooms.errors import Refused

_log = logging.getLogger(__name__)

Status = Literal["idle", "live", "interrupted"]
# A new publisher takes the place of one that still sends with its first keyframe, or without one after this.
_PROMOTE_ANYWAY_S = 2.0


@dataclass(frozen=True, slots=True)
class TrackStats:
    """Rates over the last second; ``width``, ``height`` and ``keyframe_interval_ms`` for video."""

    codec: str
    kbps: float
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    keyframe_interval_ms: float | None = None
    b_frames: bool = False


@dataclass(frozen=True, slots=True)
class PublisherStats:
    """What is known of a room's publisher. ``loss`` is 0..1 over the last second, after repair;
    ``uplink_ms`` from its camera to here, if that is known."""

    status: Status
    protocol: str
    label: str
    video: TrackStats | None
    audio: TrackStats | None
    loss: float
    rtt_ms: float | None
    viewers: int
    advice: tuple[Advice, ...] = ()
    uplink_ms: float | None = None


class _Announcer:
    """Calls the stage in order, one call at a time."""

    def __init__(self) -> None:
        # A stage slower than 64 changes of one room is broken: the oldest are then lost.
        self._calls: deque[Callable[[], Awaitable[None]]] = deque(maxlen=64)
        self._task: asyncio.Task[None] | None = None

    def say(self, call: Callable[[], Awaitable[None]]) -> None:
        self._calls.append(call)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._calls:
            try:
                await self._calls.popleft()()
            except Exception:
                _log.exception("the stage failed")

    async def drain(self) -> None:
        if self._task is not None:
            await self._task


class RoomStream:
    """One room's publisher, its successor while that one connects, and the relay behind them."""

    def __init__(
        self,
        room: str,
        stage: Stage,
        config: MediaConfig,
        counters: Counters,
        sinks: Callable[[str], Sequence[RtpSink]],
        clock: Callable[[], float] = time.monotonic,
        relay: RoomRelay | None = None,
    ) -> None:
        self.room = room
        self.status: Status = "idle"
        self.relay = relay or RoomRelay(counters, self.want_keyframe)
        self._stage = stage
        self._config = config
        self._make_sinks = sinks
        self._clock = clock
        self._announcer = _Announcer()
        self.uplink = Uplink()
        self._publisher: Source | None = None
        self._successor: Source | None = None
        self._principal: Principal | None = None
        self._interrupted_at = 0.0
        self._ended_at = clock()
        self._closing: set[asyncio.Task[None]] = set()

    # --- who publishes

    def claim(self, principal: Principal, *, takeover: bool) -> None:
        """Raises ``Refused("publisher_busy")`` unless ``principal`` may publish now."""
        holder = self._successor or self._publisher
        if holder is None:
            return
        other = holder.principal
        silent = holder.silent_s(self._clock())
        if silent >= self._config.takeover_silence_s:
            return
        if other.steps_aside and other.id != principal.id:
            return
        if takeover and (principal.is_host or principal.id == other.id):
            return
        wait_s = self._config.takeover_silence_s - silent
        raise Refused("publisher_busy", retry_after_ms=max(500, int(wait_s * 1000)))

    def accept(self, publisher: Source) -> None:
        """The publisher becomes the room's with its first packets; until then the present one goes on."""
        if self._successor is not None:
            self._retire(self._successor, "another publisher has taken its place")
        self._successor = publisher

    def stop(self, publisher: Source | None = None) -> None:
        """A goodbye: of ``publisher``, or of whoever publishes."""
        for one in (self._successor, self._publisher):
            if one is not None and (publisher is None or one is publisher):
                one.said_goodbye = True
                one.close("it was stopped")
        if publisher is None and self.status == "interrupted":
            self._end("stopped")

    @property
    def principals(self) -> list[Principal]:
        """Who publishes, or is about to, or is awaited."""
        present = [one.principal for one in (self._publisher, self._successor) if one is not None]
        if self.status == "interrupted" and self._publisher is None and self._principal is not None:
            present.append(self._principal)
        return present

    def stop_principal(self, principal: str) -> None:
        """Ends what ``principal`` publishes here, as its goodbye would; it is awaited no more."""
        awaited = self._publisher is None and self._principal is not None
        for one in (self._successor, self._publisher):
            if one is not None and one.principal.id == principal:
                self.stop(one)
        if awaited and self.status == "interrupted" and self._principal.id == principal:  # type: ignore[union-attr]
            self._end("stopped")

    @property
    def is_live(self) -> bool:
        return self.status == "live"

    @property
    def is_published(self) -> bool:
        """True from the first packets to the end, interruptions included: the picture's place is here."""
        return self.status != "idle"

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """What the publisher sends, or sent last, as far as it has come."""
        return tuple(
            TrackInfo(kind, track.codec, track.clock_rate, 2 if kind == "audio" else 1)  # type: ignore[arg-type]
            for kind, track in self.relay.tracks.items()
            if track.codec
        )

    @property
    def is_idle(self) -> bool:
        """True when nothing is left that would be missed."""
        late = self._clock() - self._ended_at > self._config.linger_s
        return self.status == "idle" and self._successor is None and late

    # --- from publishers

    def received(self, publisher: Source, kind: MediaKind, rtp: Rtp, sequence: int) -> None:
        begins = publisher is self._successor and self._ready(publisher, kind, rtp)
        if begins:
            self._promote(publisher)
        if publisher is not self._publisher or self.relay.feeder is not self:
            return
        if self.status != "live":
            self._go_live(publisher)
        if rtp.marker and kind == "video":
            self.uplink.frame(rtp.timestamp, time.time() * 1000)
        self.relay.publish(kind, rtp, sequence, self._clock() * 1000)
        if begins and not self.relay.tracks["video"].gop:
            publisher.want_keyframe()

    def clock(self, publisher: Source, kind: MediaKind, ntp: int, timestamp: int) -> None:
        if publisher is self._publisher:
            if kind == "video":
                self.uplink.report(unix_ms_from_ntp(ntp), timestamp, time.time() * 1000, publisher.rtt_ms)
            self.relay.sender_report(kind, ntp, timestamp)

    def gone(self, publisher: Source, reason: str) -> None:
        _log.info("publisher gone", extra={"room": self.room, "reason": reason})
        if publisher is self._successor:
            self._successor = None
        if publisher is not self._publisher:
            return
        self._publisher = None
        if publisher.said_goodbye and self._successor is None:
            self._end("stopped")
        else:
            self._interrupt()

    def _ready(self, publisher: Source, kind: MediaKind, rtp: Rtp) -> bool:
        if self.status != "live":
            return True
        codec = next((track.codec for track in publisher.tracks if track.kind == kind), "")
        if kind == "video" and starts_keyframe(codec, rtp.payload):
            return True
        has_video = any(track.kind == "video" for track in publisher.tracks)
        waited = self._clock() - (publisher.first_rtp or self._clock())
        return not has_video or waited > _PROMOTE_ANYWAY_S

    def _promote(self, publisher: Source) -> None:
        old, self._publisher, self._successor = self._publisher, publisher, None
        if old is not None:
            self._retire(old, "another publisher has taken its place")
        self._principal = publisher.principal
        self.uplink = Uplink()
        self.relay.begin(publisher.tracks, self)
        self._go_live(publisher)

    def _retire(self, publisher: Source, reason: str) -> None:
        if publisher is self._successor:
            self._successor = None
        publisher.close(reason)

    def want_keyframe(self) -> None:
        for publisher in (self._publisher, self._successor):
            if publisher is not None:
                publisher.want_keyframe()
                return

    def keyframe_came(self) -> None:
        if self._publisher is not None:
            self._publisher.keyframe_came()

    def missed(self, kind: MediaKind, sequence: int) -> None:
        """The publisher was asked when the packet didn't come."""

    # --- status

    def _go_live(self, publisher: Source) -> None:
        if self.status == "idle":
            self.relay.attach(self._make_sinks(self.room))
        self.status = "live"
        self.relay.start_sinks(publisher.tracks)
        principal = publisher.principal
        self._announcer.say(lambda: self._stage.live(self.room, principal))

    def _interrupt(self) -> None:
        if self.status != "live" or self._principal is None:
            return
        self.status = "interrupted"
        self._interrupted_at = self._clock()
        self.relay.interrupt_sinks()
        principal = self._principal
        self._announcer.say(lambda: self._stage.interrupted(self.room, principal))

    def _end(self, reason: str) -> None:
        if self.status == "idle":
            return
        self.status = "idle"
        self._ended_at = self._clock()
        self._announcer.say(lambda: self._stage.ended(self.room, reason))
        if self.relay.has_sinks:
            task = asyncio.get_running_loop().create_task(self.relay.close_sinks())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # --- time

    def repair(self) -> None:
        """Every 50 ms."""
        for publisher in (self._publisher, self._successor):
            if publisher is not None:
                publisher.repair()

    def tick(self) -> None:
        """About four times a second: notices silence and the end of the grace period."""
        now = self._clock()
        for publisher in (self._publisher, self._successor):
            if publisher is not None:
                publisher.check(self._config.connect_timeout_s, self._config.consent_timeout_s)
        publisher = self._publisher
        silence = self._config.takeover_silence_s
        if self.status == "live" and (publisher is None or publisher.silent_s(now) > silence):
            self._interrupt()
        elif self.status == "interrupted" and now - self._interrupted_at > self._config.grace_s:
            self._lose()
        if self.status == "live" and self.relay.has_sinks:
            self._pace_keyframes(now)

    def _lose(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close("it sent nothing for too long")
        self._end("lost")

    def _pace_keyframes(self, now: float) -> None:
        at_ms = self.relay.tracks["video"].keyframe_at_ms
        if at_ms is None or now * 1000 - at_ms >= self._config.keyframe_interval_s * 1000 - 125:
            self.want_keyframe()

    def second(self) -> None:
        """Once a second: reports to both sides."""
        now_ms = self._clock() * 1000
        for publisher in (self._publisher, self._successor):
            if publisher is not None:
                publisher.tick()
        if self.relay.feeder not in (None, self):
            return  # whose stream looks after the viewers
        self.relay.tick(now_ms)
        for viewer in list(self.relay.viewers):
            if viewer.peer is not None:
                viewer.peer.check(self._config.connect_timeout_s, self._config.consent_timeout_s)

    def probe(self) -> None:
        """Every few seconds: measures the way to the publisher."""
        if self._publisher is not None:
            self._publisher.probe()

    def stats(self) -> PublisherStats | None:
        """A snapshot; ``None`` while nobody publishes."""
        publisher = self._publisher
        if publisher is None:
            return None
        kinds = {track.kind for track in publisher.tracks}
        video = self._video_stats() if "video" in kinds else None
        advice = advise(
            loss=publisher.loss,
            rtt_ms=publisher.rtt_ms,
            video_codec=video.codec if video else None,
            fps=(video.fps if video else None) or 0.0,
            keyframe_interval_ms=video.keyframe_interval_ms if video else None,
            b_frames=video is not None and video.b_frames,
            has_audio="audio" in kinds,
        )
        return PublisherStats(
            self.status,
            publisher.protocol,
            publisher.principal.label,
            video,
            self._audio_stats() if "audio" in kinds else None,
            publisher.loss,
            publisher.rtt_ms,
            len(self.relay.viewers),
            advice,
            self.uplink.delay_ms,
        )

    def _video_stats(self) -> TrackStats:
        track = self.relay.tracks["video"]
        width, height = track.size or (None, None)
        rates = track.measure
        return TrackStats(
            track.codec,
            rates.bits_per_second / 1000,
            rates.frames_per_second,
            width,
            height,
            self._keyframe_interval_ms(track),
            track.has_b_frames(self._clock() * 1000),
        )

    def _keyframe_interval_ms(self, track: RoomTrack) -> float | None:
        """The last one, or the time since it began if that is longer already."""
        if track.keyframe_at_ms is None or self.status != "live":
            return track.keyframe_interval_ms
        return max(track.keyframe_interval_ms or 0.0, self._clock() * 1000 - track.keyframe_at_ms) or None

    def _audio_stats(self) -> TrackStats:
        track = self.relay.tracks["audio"]
        return TrackStats(track.codec, track.measure.bits_per_second / 1000)

    async def close(self) -> None:
        """Says goodbye to both sides; the stage hears the end as lost, since nobody stopped it."""
        self._end("lost")
        for publisher in (self._successor, self._publisher):
            if publisher is not None:
                publisher.close("the node is shutting down")
        for viewer in list(self.relay.viewers):
            viewer.close("the node is shutting down")
        await asyncio.gather(*self._closing)
        await self._announcer.drain()
