"""A room's tracks and everybody who reads them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from media.offset import ClockOffset
from media.ports import MediaKind, RtpSink, TrackInfo
from media.relay.counters import Counters
from media.relay.feed import Feed
from media.relay.source import Feeder
from media.relay.track import Packet, RoomTrack
from media.relay.viewer import Viewer
from media.rtp import packet as rtp_packet
from media.rtp.packet import Rtp
from media.rtp.rtcp import unix_ms_from_ntp

_log = logging.getLogger(__name__)

# The loop is given back at least this often: 1 ms is some 120 packets. A command takes several turns of the
# loop; beside a keyframe to 100 viewers, with 4 ms it was done after 6 to 11 ms, with 1 ms after 5, and with
# 0.5 ms after 3, at 3 % and 8 % more CPU a packet of such a burst.
SLICE_S = 0.001
_CHECK_EVERY = 16
# A newcomer's first pictures go out at some 30 Mbps, not all at once: what is on the way to it, a home's
# router among others, holds less than two seconds of video. All newcomers together take a slice at most.
_CATCH_UP_S = 0.01
_CATCH_UP_MOST, _CATCH_UP_LEAST, _CATCH_UP_ALL = 32, 2, 600
# Two seconds of a room with a keyframe in it. More waiting than that means that the node is too slow.
MAX_WAITING = 2048


class Reader(Protocol):
    """Reads a relay's packets as they are: another node's. Calls return at once and must not raise."""

    def begin(self, tracks: Sequence[TrackInfo]) -> None:
        """Another publisher's packets follow; the numbers go on."""
        ...

    def packet(self, packet: Packet) -> None: ...


class RoomRelay:
    """Forwards packets of the room's present publisher to viewers and sinks.

    The order for a viewer is the order of arrival. What can't be written within a slice of time waits in one
    bounded queue for all viewers; when it is full, everything waiting is dropped and pictures go on with the
    next keyframe.
    """

    def __init__(
        self,
        counters: Counters,
        request_keyframe: Callable[[], None],
        wall_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self.tracks: dict[MediaKind, RoomTrack] = {"video": RoomTrack("video"), "audio": RoomTrack("audio")}
        self.viewers: dict[Viewer, None] = {}
        self.want_keyframe = request_keyframe
        self.keyframe_came: Callable[[], None] = lambda: None
        self._counters = counters
        self._wall_ms = wall_ms
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[MediaKind, tuple[Feed, ...]] = {"video": (), "audio": ()}
        self._sinks: list[RtpSink] = []
        self.feeder: Feeder | None = None
        self.readers: dict[Reader, None] = {}
        self._waiting: deque[tuple[Packet, tuple[Feed, ...]]] = deque()
        self._catching: dict[Feed, None] = {}
        self._catcher: asyncio.TimerHandle | None = None
        self._cursor = 0
        self._scheduled = False
        self._apart = ClockOffset()
        self._busy_since = self._longest_busy_s = 0.0

    # --- the publisher's side

    def begin(self, tracks: Sequence[TrackInfo], feeder: Feeder | None = None) -> None:
        """Another publisher's packets follow, from ``feeder`` if it is another one."""
        if feeder is not None and feeder is not self.feeder:
            self.feeder = feeder
            self.want_keyframe = feeder.want_keyframe
            self.keyframe_came = feeder.keyframe_came
            for track in self.tracks.values():
                track.missed = feeder.missed
        codecs = {info.kind: info.codec for info in tracks}
        for kind, track in self.tracks.items():
            track.switch(codecs.get(kind, ""))
        self._apart = ClockOffset()
        for reader in self.readers:
            reader.begin(tracks)

    def publish(self, kind: MediaKind, rtp: Rtp, sequence: int, now_ms: float) -> None:
        """Takes a packet; ``sequence`` is unwrapped, ``now_ms`` monotonic."""
        packet = self.tracks[kind].add(rtp, sequence, now_ms)
        if packet is None:
            return
        if packet.keyframe:
            self.keyframe_came()
        if self._sinks:
            self._to_sinks(packet)
        for reader in self.readers:
            reader.packet(packet)
        feeds = self._feeds[kind]
        if feeds:
            self._enqueue(packet, feeds)

    def sender_report(self, kind: MediaKind, ntp: int, timestamp: int) -> None:
        """The publisher's clock; its distance from ours is the same for all tracks, so they keep together."""
        apart_ms = self._apart.add(self._wall_ms() - unix_ms_from_ntp(ntp))
        for each in self.tracks.values():
            each.skew_ms = apart_ms
        track = self.tracks[kind]
        track.sender_report(ntp, timestamp)
        mapped = track.map_timestamp(timestamp)
        self._each_sink(lambda sink: sink.sender_report(kind, unix_ms_from_ntp(ntp), mapped))

    # --- sinks

    def attach(self, sinks: Sequence[RtpSink]) -> None:
        self._sinks = list(sinks)

    @property
    def has_sinks(self) -> bool:
        return bool(self._sinks)

    def start_sinks(self, tracks: Sequence[TrackInfo]) -> None:
        self._each_sink(lambda sink: sink.start(tracks, self.want_keyframe))

    def interrupt_sinks(self) -> None:
        self._each_sink(lambda sink: sink.interrupted())

    async def close_sinks(self) -> None:
        sinks, self._sinks = self._sinks, []
        for result in await asyncio.gather(*(sink.close() for sink in sinks), return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("a sink could not be closed", exc_info=result)

    def _to_sinks(self, packet: Packet) -> None:
        data = rtp_packet.build(
            96, packet.marker, packet.sequence & 0xFFFF, packet.timestamp, 1, packet.payload
        )
        arrival = int(self._wall_ms())
        self._each_sink(lambda sink: sink.rtp(packet.kind, data, arrival))

    def _each_sink(self, call: Callable[[RtpSink], None]) -> None:
        for sink in list(self._sinks):
            try:
                call(sink)
            except Exception:  # a broken recorder must not take the picture from the viewers
                _log.exception("a sink failed and is left out")
                self._sinks.remove(sink)

    # --- viewers

    def joined(self, viewer: Viewer) -> None:
        """A viewer can be sent packets: it gets the pictures since the last keyframe, or a new keyframe."""
        self.viewers[viewer] = None
        self._list_feeds()
        feed = viewer.feeds.get("video")
        if feed is None:
            return
        gop = self.tracks["video"].since_keyframe()
        if gop:
            feed.begin(gop)
            self._catching[feed] = None
            self._catch_up()
        else:
            self.want_keyframe()

    def left(self, viewer: Viewer) -> None:
        self.viewers.pop(viewer, None)
        for feed in viewer.feeds.values():
            self._catching.pop(feed, None)
        self._list_feeds()

    def _list_feeds(self) -> None:
        for kind in self._feeds:
            self._feeds[kind] = tuple(viewer.feeds[kind] for viewer in self.viewers if kind in viewer.feeds)

    def tick(self, now_ms: float) -> None:
        """Once a second."""
        wall = self._wall_ms()
        for track in self.tracks.values():
            track.measure.sample(now_ms)
        for viewer in list(self.viewers):
            viewer.tick(wall)

    # --- newcomers

    def _catch_up(self) -> None:
        """The next packets for those who are behind the present: some for each, again in a moment."""
        if self._catcher is not None:
            self._catcher.cancel()
            self._catcher = None
        share = max(_CATCH_UP_LEAST, min(_CATCH_UP_MOST, _CATCH_UP_ALL // max(1, len(self._catching))))
        for feed in list(self._catching):
            if not feed.catch_up(share):
                del self._catching[feed]
        if self._catching:
            self._catcher = self._loop.call_later(_CATCH_UP_S, self._catch_up)

    # --- writing

    @property
    def is_busy(self) -> bool:
        """True while packets wait for the loop's next round."""
        return bool(self._waiting or self._catching)

    def _enqueue(self, packet: Packet, feeds: tuple[Feed, ...]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._overloaded()
        self._waiting.append((packet, feeds))
        if not self._scheduled:
            self._busy_since = time.perf_counter()
            self._pump()

    def _overloaded(self) -> None:
        self._counters.dropped_overload += sum(len(feeds) for _, feeds in self._waiting)
        self._waiting.clear()
        self._cursor = 0
        for feed in self._feeds["video"]:
            feed.hold()
        self.want_keyframe()

    def _resume(self) -> None:
        self._scheduled = False
        self._pump()

    def _pump(self) -> None:
        """Writes what waits, for one slice of time; goes on in the loop's next round."""
        waiting = self._waiting
        until = time.perf_counter() + SLICE_S
        written = 0
        while waiting:
            packet, feeds = waiting[0]
            for index in range(self._cursor, len(feeds)):
                feeds[index].forward(packet)
                written += 1
                if written % _CHECK_EVERY == 0 and time.perf_counter() > until:
                    self._cursor = index + 1
                    self._scheduled = True
                    self._loop.call_soon(self._resume)
                    return
            self._cursor = 0
            waiting.popleft()
        self._longest_busy_s = max(self._longest_busy_s, time.perf_counter() - self._busy_since)

    def take_lag_ms(self) -> float:
        """The longest that a packet waited here for its last viewer since the last call."""
        longest, self._longest_busy_s = self._longest_busy_s, 0.0
        return longest * 1000
