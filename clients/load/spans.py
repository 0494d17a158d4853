"""Frames of a room's log as they arrive: each decoded once, however many viewers it reaches.

All viewers of a room are sent the same bytes, so a frame's meaning is looked up by its bytes, and a delivery
costs a comparison and a count. A server that sends everybody something else is measured just as rightly, only
dearer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson

from clients.load.latency import BUCKET_BITS, Latencies
from clients.load.wire import EVENTS, stamp_of

_KEPT = 256
FACTS_MAX = 500_000


@dataclass(frozen=True, slots=True)
class Fact:
    """What was said of the log from ``first`` to ``to``: which entries came, and how many were left out."""

    first: int
    to: int
    offsets: tuple[int, ...]
    skipped: int
    own: frozenset[int] = frozenset()
    """Offsets that the receiver alone may see: its own comments that weren't shown to all."""

    @property
    def unaccounted(self) -> int:
        """Entries of the span that neither came nor were said to be left out."""
        return max(0, self.to - self.first + 1 - len(self.offsets) - self.skipped)


@dataclass(slots=True, eq=False)
class Span:
    """A frame, how often it arrived, and when."""

    epoch: str
    fact: Fact
    stamps: tuple[int, ...]
    size: int
    arrivals: dict[int, int] = field(default_factory=dict)
    first: int = 0
    to: int = 0

    def arrived(self, now_ns: int) -> None:
        bucket = now_ns >> BUCKET_BITS
        self.arrivals[bucket] = self.arrivals.get(bucket, 0) + 1


def parse_span(packet: bytes) -> Span:
    """The frame in an ``events`` packet. Raises ``ValueError``, ``KeyError``."""
    payload = orjson.loads(packet[len(EVENTS) : -1])
    fact, stamps = read_fact(payload["from"], payload["to"], payload)
    return Span(payload["epoch"], fact, stamps, len(packet), first=fact.first, to=fact.to)


def read_fact(
    first: int, to: int, payload: dict[str, Any], me: str | None = None
) -> tuple[Fact, tuple[int, ...]]:
    """What a frame, or the answer to ``enter``, says of a span of the log; and the stamps in it."""
    items = payload["items"]
    stamps = (stamp_of(item.get("data", {}).get("text")) for item in items)
    own = frozenset(i["offset"] for i in items if me and (i.get("user") or {}).get("id") == me)
    offsets = tuple(item["offset"] for item in items)
    skipped = sum(payload.get("skipped", {}).values())
    return Fact(first, to, offsets, skipped, own), tuple(stamp for stamp in stamps if stamp is not None)


class SpanBook:
    """Every frame that arrived: totals, latencies, and the facts to hold against the log."""

    def __init__(self) -> None:
        self._latest: bytes = b""
        self._span: Span | None = None
        self._spans: OrderedDict[bytes, Span] = OrderedDict()
        self.facts: list[tuple[Fact, int]] = []
        self.unchecked = 0
        self.clear()

    def clear(self) -> None:
        """Begin to count anew; the facts stay."""
        self.frames = self.deliveries = self.skipped = self.bytes = 0
        self.latencies, self.last = Latencies(), Latencies()

    def take(self, packet: bytes, now_ns: int) -> Span:
        """The frame in a packet that has arrived now. Raises ``ValueError``, ``KeyError``."""
        span = self._span
        if span is None or packet != self._latest:
            span = self._find(packet)
        span.arrived(now_ns)
        return span

    def _find(self, packet: bytes) -> Span:
        span = self._spans.get(packet)
        if span is None:
            span = self._spans[packet] = parse_span(packet)
            if len(self._spans) > _KEPT:
                self._settle(self._spans.popitem(last=False)[1])
        self._latest, self._span = packet, span
        return span

    def settle(self) -> None:
        """Count everything that has arrived up to now into the totals."""
        for span in self._spans.values():
            self._settle(span)
        self._spans.clear()
        self._latest, self._span = b"", None

    def _settle(self, span: Span) -> None:
        times = sum(span.arrivals.values())
        if not times:
            return
        self.frames += times
        self.deliveries += times * len(span.fact.offsets)
        self.skipped += times * span.fact.skipped
        self.bytes += times * span.size
        last = max(span.arrivals)
        for stamp in span.stamps:
            self.latencies.add_arrivals(stamp, span.arrivals)
            self.last.add_ns((last << BUCKET_BITS) - stamp)
        self.note(span.fact, times)

    def note(self, fact: Fact, times: int = 1) -> None:
        """Keep something that was said of the log, to be held against it; bounded."""
        if len(self.facts) < FACTS_MAX:
            self.facts.append((fact, times))
        else:
            self.unchecked += times
