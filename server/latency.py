"""From glass to glass, always on: what pages say of their players, put together with what the node measures.

A page says now and then how far behind the node's clock its picture is; the node knows how long the picture
took from the publisher to itself. Both together are the latency that a viewer has. Kept are the last reports
of a room, for its host's screen, and histograms over all rooms, for monitoring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

from prometheus_client import CollectorRegistry, Histogram
from pydantic import BaseModel, ConfigDict, Field

from rooms.commands import RoomId
from server.live.connection import Connection

Via = Literal["whep", "hls"]
PROTOCOLS: tuple[Via, ...] = ("whep", "hls")
BEHIND_MAX_MS = 60_000
REPORT_EVERY_MS = 10_000
# A page's timer is not as exact as ours.
_EVERY_LEAST_MS = REPORT_EVERY_MS - 1_000
_KEPT, _KEPT_MS = 256, 30_000
_ROOMS_MAX = 1_000
_SAID_EVERY_MS = 2_000
_HEARD_MS = 5_000
BUCKETS_MS = (
    25,
    50,
    100,
    150,
    200,
    300,
    400,
    500,
    750,
    1_000,
    1_500,
    2_000,
    2_500,
    3_000,
    5_000,
    10_000,
    30_000,
)


class Stats(BaseModel):
    """The command ``stats``: how far behind the server's clock the picture is that a page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    room: RoomId
    via: Via
    behind_ms: Annotated[int, Field(ge=0, le=BEHIND_MAX_MS)]


class Streams(Protocol):
    """What the node knows of the rooms' pictures."""

    def uplink_ms(self, room: str) -> float | None:
        """From the publisher to the node; ``None`` if it isn't published here, or not known yet."""
        ...

    def viewers(self, room: str) -> dict[Via, int]:
        """How many watch here."""
        ...


@dataclass(frozen=True, slots=True)
class _Report:
    at_ms: int
    behind_ms: int


class Latencies:
    """Takes reports and says what came of them. Bounded: ``_KEPT`` reports of ``_ROOMS_MAX`` rooms."""

    def __init__(self, streams: Streams, registry: CollectorRegistry, clock_ms: Callable[[], int]) -> None:
        self._streams, self._clock_ms = streams, clock_ms
        self._reports: dict[tuple[str, Via], deque[_Report]] = {}
        self._said_ms: dict[str, int] = {}
        self._heard: dict[str, tuple[int, float]] = {}
        self._glass = Histogram(
            "danmart_media_glass_ms",
            "From the publisher's camera to viewers' screens, as sampled pages report",
            ["protocol"],
            buckets=BUCKETS_MS,
            registry=registry,
        )
        self._playout = Histogram(
            "danmart_media_playout_ms",
            "From the node to viewers' screens, players' buffers included, as sampled pages report",
            ["protocol"],
            buckets=BUCKETS_MS,
            registry=registry,
        )

    def hear(self, health: Mapping[str, Any]) -> None:
        """What another node says of a publisher there: see ``server.vitals.health_of``."""
        uplink = health.get("uplink_ms")
        if "slot" in health or not isinstance(uplink, int | float):
            return
        if len(self._heard) >= _ROOMS_MAX:
            self._heard.clear()
        self._heard[health["room"]] = self._clock_ms(), uplink

    def _uplink_ms(self, room: str) -> float | None:
        """From the publisher to its node, be it this one or another."""
        here = self._streams.uplink_ms(room)
        at_ms, there = self._heard.get(room, (0, None))
        return there if here is None and self._clock_ms() - at_ms < _HEARD_MS else here

    def take(self, connection: Connection, stats: Stats) -> None:
        """A page's report. Sooner than ten seconds after its last one it counts for nothing."""
        now = self._clock_ms()
        if connection.room_id != stats.room or now - connection.reported_ms < _EVERY_LEAST_MS:
            return
        connection.reported_ms = now
        self._playout.labels(stats.via).observe(stats.behind_ms)
        uplink = self._uplink_ms(stats.room)
        if uplink is not None:
            self._glass.labels(stats.via).observe(uplink + stats.behind_ms)
        reports = self._reports.get((stats.room, stats.via))
        if reports is None:
            if len(self._reports) >= _ROOMS_MAX * len(PROTOCOLS):
                self._reports.pop(next(iter(self._reports)))
            reports = self._reports[stats.room, stats.via] = deque(maxlen=_KEPT)
        reports.append(_Report(now, stats.behind_ms))

    def signal(self, room: str) -> dict[str, Any]:
        """For the room's host and staff: ``{latency}``, or nothing if it isn't time or nothing is known."""
        now = self._clock_ms()
        if now - self._said_ms.get(room, 0) < _SAID_EVERY_MS:
            return {}
        if len(self._said_ms) >= _ROOMS_MAX:
            self._said_ms.clear()
        self._said_ms[room] = now
        uplink, viewers = self._uplink_ms(room), self._streams.viewers(room)
        protocols = {via: self._protocol(room, via, viewers.get(via, 0), uplink, now) for via in PROTOCOLS}
        if uplink is None and not any(one["viewers"] or one["reports"] for one in protocols.values()):
            return {}
        return {"latency": {"uplink_ms": None if uplink is None else round(uplink), **protocols}}

    def _protocol(
        self, room: str, via: Via, viewers: int, uplink: float | None, now: int
    ) -> dict[str, int | None]:
        behind = sorted(self._recent(room, via, now))
        begin = round(uplink or 0)
        return {
            "viewers": viewers,
            "reports": len(behind),
            "p50_ms": begin + behind[(len(behind) - 1) // 2] if behind else None,
            "p95_ms": begin + behind[-(-len(behind) * 95 // 100) - 1] if behind else None,
        }

    def _recent(self, room: str, via: Via, now: int) -> Iterator[int]:
        reports = self._reports.get((room, via))
        if reports is None:
            return
        while reports and now - reports[0].at_ms > _KEPT_MS:
            reports.popleft()
        if not reports:
            del self._reports[room, via]
        yield from (report.behind_ms for report in reports)
