"""The media layer's numbers for Prometheus, read when asked: counting costs an addition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from media.relay.counters import Counters

_HELP = {
    "packets_in": "RTP packets received from publishers",
    "bytes_in": "RTP bytes received from publishers",
    "packets_out": "RTP packets forwarded to viewers",
    "bytes_out": "SRTP bytes forwarded to viewers",
    "nacks_answered": "packets sent again at a viewer's request",
    "nacks_unanswered": "packets that a viewer missed and that were gone",
    "nacks_sent": "packets asked for again from publishers",
    "keyframe_requests": "keyframes asked for from publishers",
    "publishers_accepted": "WHIP sessions opened",
    "viewers_accepted": "WHEP sessions opened",
    "viewers_hopeless": "WHEP sessions ended because the viewer could not follow",
    "viewers_refused": "viewers turned away because the node was full or busy",
}
_DROPPED = "dropped_"


class MediaCollector(Collector):
    """Reads counters and gauges of one node."""

    def __init__(self, counters: Counters, gauges: dict[str, tuple[str, Callable[[], float]]]) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        dropped = CounterMetricFamily(
            "danmart_media_packets_dropped", "packets not forwarded to a viewer", labels=["reason"]
        )
        for field in fields(self._counters):
            value = getattr(self._counters, field.name)
            if field.name.startswith(_DROPPED):
                dropped.add_metric([field.name.removeprefix(_DROPPED)], value)
            else:
                yield CounterMetricFamily(f"danmart_media_{field.name}", _HELP[field.name], value=value)
        yield dropped
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(f"danmart_media_{name}", text, value=read())


def register(
    registry: CollectorRegistry, counters: Counters, gauges: dict[str, tuple[str, Callable[[], float]]]
) -> Callable[[], None]:
    """Adds the numbers to a registry; returns what takes them out again."""
    collector = MediaCollector(counters, gauges)
    registry.register(collector)
    return lambda: registry.unregister(collector)
