"""What a room's stream needs of whoever sends its picture, be it a browser, an encoder or another node."""

from __future__ import annotations

from typing import Protocol

from media.ports import MediaKind, Principal, TrackInfo
from media.rtp.packet import Rtp


class Source(Protocol):
    """A publisher as its stream sees it. Calls come from the event loop and return at once.

    ``loss`` is 0..1 over the last second, after repair; ``first_rtp`` is the monotonic time in seconds of the
    first packet, ``None`` before it. ``said_goodbye`` is set before an intended end.
    """

    principal: Principal
    said_goodbye: bool
    first_rtp: float | None
    loss: float

    @property
    def protocol(self) -> str:
        """How it comes in: ``whip``, …"""
        ...

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """What it sends, video first."""
        ...

    @property
    def rtt_ms(self) -> float | None:
        """The round trip to it, if that can be known."""
        ...

    def silent_s(self, now: float) -> float:
        """Seconds since its last packet, or since it came if it has sent none."""
        ...

    def want_keyframe(self) -> None:
        """Ask for a keyframe, if there is a way to."""
        ...

    def keyframe_came(self) -> None:
        """The stream has seen a keyframe of it."""
        ...

    def check(self, connect_timeout_s: float, consent_timeout_s: float) -> None:
        """About four times a second: close if it never came, or is silent."""
        ...

    def repair(self) -> None:
        """Every 50 ms."""
        ...

    def tick(self) -> None:
        """Once a second."""
        ...

    def probe(self) -> None:
        """Every few seconds: measure the way to it."""
        ...

    def close(self, reason: str) -> None:
        """End it; its target hears ``gone``. Idempotent."""
        ...


class Feeder(Protocol):
    """Who feeds a relay at present: the stream of a publisher here, or of one on another node."""

    def want_keyframe(self) -> None:
        """A viewer or sink needs one."""
        ...

    def keyframe_came(self) -> None:
        """One has begun."""
        ...

    def missed(self, kind: MediaKind, sequence: int) -> None:
        """A viewer misses a packet that isn't kept here; ``sequence`` is the relay's."""
        ...


class Target(Protocol):
    """Where a source's packets go."""

    def received(self, publisher: Source, kind: MediaKind, rtp: Rtp, sequence: int) -> None:
        """One packet; ``sequence`` is unwrapped (never goes back to 0)."""
        ...

    def clock(self, publisher: Source, kind: MediaKind, ntp: int, timestamp: int) -> None:
        """The source's clock: a 64-bit NTP time at an RTP timestamp (RFC 3550, 6.4.1)."""
        ...

    def gone(self, publisher: Source, reason: str) -> None:
        """It is over; called once."""
        ...
