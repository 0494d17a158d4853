"""What the bus counts; a single node's stays at nothing."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class BusMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("danmart_bus_sent_total", "Messages sent to other nodes", registry=registry)
        self.received = Counter(
            "danmart_bus_received_total", "Messages of other nodes taken in", registry=registry
        )
        self.dropped = Counter(
            "danmart_bus_dropped_total", "Messages not sent: Redis was away or too slow", registry=registry
        )
        self.healthy = Gauge("danmart_bus_healthy", "1 while news of other nodes arrive", registry=registry)
