"""A stream that is published on another node, as this node's viewers get it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from media.cascade import wire
from media.cascade.ports import Neighbour, Whereabouts
from media.cascade.pull import Pull, PullTarget
from media.ports import MediaKind, TrackInfo
from media.relay.room import RoomRelay
from media.relay.track import Packet
from media.rtp.packet import Rtp
from media.rtp.rtcp import ntp_from_unix_ms

# Another origin takes the place of one that still sends with its first picture, or without one after this.
_PROMOTE_ANYWAY_S = 2.0
# Pulled a while longer after the last viewer left: the next one then has its picture at once.
UNWATCHED_S = 10.0


class EdgeStream:
    """Feeds its stream's relay from whichever node publishes it. A ``Watched``, ``Feeder``, ``PullTarget``.

    The relay is the same one that a publisher at this node feeds: where a publisher goes, from node to node
    or to this one, numbers and times go on, and viewers notice nothing. While ``is_free`` says no, a
    publisher at this node has the relay, and it is left alone.
    """

    def __init__(
        self,
        name: str,
        relay: RoomRelay,
        pull: Callable[[Neighbour, PullTarget], Pull],
        is_free: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.relay = relay
        self.status: wire.Status = "idle"
        self._make_pull = pull
        self._is_free = is_free
        self._clock = clock
        self._pull: Pull | None = None
        self._successor: Pull | None = None
        self._wanted_at = clock()
        self._over_at: float | None = None
        self._began = asyncio.Event()
        self._closing: set[Pull] = set()

    # --- for viewers

    @property
    def is_live(self) -> bool:
        return self.status == "live"

    @property
    def viewers(self) -> int:
        return len(self.relay.viewers)

    @property
    def shows_pictures(self) -> bool:
        return bool(self.relay.viewers)

    async def wait(self, timeout_s: float) -> None:
        """Until the origin has said what it sends, for ``timeout_s`` at most. Safe to cancel."""
        self._wanted_at = self._clock()
        try:
            async with asyncio.timeout(timeout_s):
                await self._began.wait()
        except TimeoutError:
            pass

    # --- whose

    def follow(self, where: Whereabouts) -> None:
        """Pull from whoever publishes. Without an owner, what there is goes on: it may know better."""
        now = self._clock()
        # An origin that goes away for good says so; one that dies doesn't, and its publisher may come back.
        stopped = self._pull is not None and self.status == "idle" and where.owner is None
        if not where.is_over and not stopped:
            self._over_at = None
        elif self._over_at is None:
            self._over_at = now
        latest = self._successor or self._pull
        if where.owner is None or (latest is not None and latest.neighbour == where.owner):
            return
        if self._successor is not None:
            self._drop(self._successor)
        if self._pull is not None and self._pull.neighbour == where.owner:
            self._successor = None
        else:
            self._successor = self._make_pull(where.owner, self)

    def is_unneeded(self, linger_s: float) -> bool:
        """Whether nobody would miss it."""
        now = self._clock()
        if self.relay.viewers:
            self._wanted_at = now
        over = self._over_at is not None and now - self._over_at > linger_s
        return over or now - self._wanted_at > UNWATCHED_S

    @property
    def is_superseded(self) -> bool:
        """Whether a publisher at this node feeds the relay now."""
        return self._pull is not None and self.relay.feeder is not self

    # --- from pulls

    def began(self, pull: Pull, tracks: Sequence[TrackInfo]) -> None:
        if self._pull is None and pull is self._successor:
            if self._is_free():
                self._promote(pull)
        elif pull is self._pull and self.relay.feeder is self:
            self.relay.begin(tracks, self)
        if pull is self._pull:
            self._began.set()

    def packet(self, pull: Pull, packet: Packet) -> None:
        if pull is not self._pull:
            if pull is not self._successor or not self._ready(pull, packet):
                return
            self._promote(pull)
        if self.relay.feeder is not self:
            return
        rtp = Rtp(96, packet.marker, packet.sequence & 0xFFFF, packet.timestamp, 1, packet.payload, {})
        self.relay.publish(packet.kind, rtp, packet.sequence, self._clock() * 1000)

    def clock(self, pull: Pull, kind: MediaKind, unix_ms: float, timestamp: int) -> None:
        if pull is self._pull and self.relay.feeder is self:
            self.relay.tracks[kind].sender_report(ntp_from_unix_ms(unix_ms), timestamp)

    def said(self, pull: Pull) -> None:
        if pull is self._pull:
            self.status = pull.status

    def lost(self, pull: Pull) -> None:
        if pull is self._pull:
            self._began.clear()
            if self.status == "live":
                self.status = "interrupted"

    def _ready(self, pull: Pull, packet: Packet) -> bool:
        if not self._is_free():
            return False
        if self._pull is None or not self._pull.is_connected:
            return True
        has_video = any(track.kind == "video" for track in pull.tracks)
        waited = self._clock() - (pull.began_at or self._clock())
        return packet.kind == "video" or not has_video or waited > _PROMOTE_ANYWAY_S

    def _promote(self, pull: Pull) -> None:
        old, self._pull, self._successor = self._pull, pull, None
        if old is not None:
            self._drop(old)
        self.status = pull.status
        self.relay.begin(pull.tracks, self)
        self._began.set()

    def _drop(self, pull: Pull) -> None:
        pull.close()
        self._closing.add(pull)

    # --- from the relay

    def want_keyframe(self) -> None:
        if self._pull is not None:
            self._pull.asking.want_keyframe()
            self._pull.ask()

    def keyframe_came(self) -> None:
        if self._pull is not None:
            self._pull.asking.keyframe_came()

    def missed(self, kind: MediaKind, sequence: int) -> None:
        pull, track = self._pull, self.relay.tracks[kind]
        number = track.source_sequence(sequence)
        if pull is not None and pull.is_connected and pull.asking.missed(kind, number, self._clock() * 1000):
            pull.count_missed()
            pull.ask()

    # --- time

    def second(self, connect_timeout_s: float, consent_timeout_s: float) -> None:
        """Once a second: reports to viewers."""
        if self.relay.feeder is not self:
            return
        self.relay.tick(self._clock() * 1000)
        for viewer in list(self.relay.viewers):
            if viewer.peer is not None:
                viewer.peer.check(connect_timeout_s, consent_timeout_s)

    async def close(self) -> None:
        """Pulls no more; viewers are left as they are. Idempotent."""
        for pull in (self._pull, self._successor):
            if pull is not None:
                self._drop(pull)
        self._successor = None
        for pull in list(self._closing):
            await pull.wait_closed()
            self._closing.discard(pull)
