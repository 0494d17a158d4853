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
    "relay_packets_in": "RTP packets received from other nodes",
    "relay_bytes_in": "RTP payload bytes received from other nodes",
    "relay_packets_out": "RTP packets sent to other nodes",
    "relay_bytes_out": "RTP payload bytes sent to other nodes",
    "relay_dropped": "RTP packets not sent to another node that reads too slowly",
    "relay_missed": "packets asked for again from other nodes",
    "relay_connects": "connections made to pull a stream from another node",
    "relay_hls_fetched": "playlists and parts fetched from other nodes",
    "relay_hls_given": "playlists and parts of other nodes' streams given to players",
}
_DROPPED, _RELAY = "dropped_", "relay_"


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
                name = field.name if field.name.startswith(_RELAY) else f"media_{field.name}"
                yield CounterMetricFamily(f"danmart_{name}", _HELP[field.name], value=value)
        yield dropped
        for name, (text, read) in self._gauges.items():
            full = name if name.startswith(_RELAY) else f"media_{name}"
            yield GaugeMetricFamily(f"danmart_{full}", text, value=read())


def register(
    registry: CollectorRegistry, counters: Counters, gauges: dict[str, tuple[str, Callable[[], float]]]
) -> Callable[[], None]:
    """Adds the numbers to a registry; returns what takes them out again."""
    collector = MediaCollector(counters, gauges)
    registry.register(collector)
    return lambda: registry.unregister(collector)
