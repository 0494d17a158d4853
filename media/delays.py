"""How long pictures are on their way to this node and from it, for monitoring."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

VIEWERS_IN_TURN = 10
"""One in so many viewers is looked at each second."""

_UP_MS = (5, 10, 25, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000)
_DOWN_MS = (1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_000)


class DelayMetrics:
    """One set a node; rooms are not told apart, so that the number of series stays bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.uplink = Histogram(
            "danmart_media_uplink_ms",
            "From the publisher's camera to the node: capture, encoding and network, by sender reports",
            buckets=_UP_MS,
            registry=registry,
        )
        self.downlink = Histogram(
            "danmart_media_downlink_ms",
            "From the node to WHEP viewers: forwarding, and half of the round trip by RTCP",
            buckets=_DOWN_MS,
            registry=registry,
        )
