"""What the packager measures."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LENGTHS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 1, 2, 5)
_DELAYS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2)


class HlsMetrics:
    """One set a node; rooms are not told apart, so that the number of series stays bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.part_duration = Histogram(
            "danmart_hls_part_duration_seconds", "Length of a part.", buckets=_LENGTHS, registry=registry
        )
        self.delay = Histogram(
            "danmart_hls_packager_delay_seconds",
            "From the arrival of a part's last packet until the part can be fetched.",
            buckets=_DELAYS,
            registry=registry,
        )
        self.packaging = Histogram(
            "danmart_hls_packaging_ms",
            "From the arrival of a part's first picture until the part can be fetched.",
            buckets=(50, 100, 150, 200, 250, 300, 350, 400, 500, 750, 1_000, 2_000),
            registry=registry,
        )
        self.rooms = Gauge("danmart_hls_rooms", "Rooms that are being packaged.", registry=registry)
        self.buffered = Gauge("danmart_hls_buffered_bytes", "Media held for viewers.", registry=registry)
        self.waiting = Gauge("danmart_hls_waiting_requests", "Requests that wait.", registry=registry)
        self.lost = Counter("danmart_hls_lost_packets", "Packets given up as lost.", registry=registry)
        self.dropped = Counter(
            "danmart_hls_dropped",
            "Left out: pictures until a keyframe, sound and rungs that came too late, malformed packets.",
            ["what"],
            registry=registry,
        )
        self.ladder_cpu = Counter(
            "danmart_hls_ladder_cpu_seconds", "CPU time of threads that transcode.", registry=registry
        )
        self.ladder_given_up = Counter(
            "danmart_hls_ladder_given_up", "Streams whose smaller sizes were given up.", registry=registry
        )
