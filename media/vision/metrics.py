"""What looking at pictures costs, and what comes of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class VisionMetrics:
    """One set a node; streams are not told apart, so that the number of series stays bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.frames = Counter(
            "danmart_vision_frames",
            "Frames of streams: checked, skipped (a newer one came, too many waited), undecodable, failed.",
            ["outcome"],
            registry=registry,
        )
        self.uploads = Counter(
            "danmart_vision_uploads",
            "Uploaded pictures: accepted, refused, unchecked (the checker was away).",
            ["outcome"],
            registry=registry,
        )
        self.late = Counter(
            "danmart_vision_late",
            "Stored pictures that were looked at late: clean, withheld, failed.",
            ["outcome"],
            registry=registry,
        )
        self.unchecked = Gauge(
            "danmart_vision_unchecked", "Stored pictures that no checker has looked at.", registry=registry
        )
        self.hits = Counter(
            "danmart_vision_hits", "What was done about streams' pictures.", ["measure"], registry=registry
        )
        self.took = Histogram(
            "danmart_vision_frame_seconds",
            "From handing a picture over to its verdict.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.cpu = Counter(
            "danmart_vision_cpu_seconds", "CPU time that the worker took for pictures.", registry=registry
        )
        self.restarts = Counter(
            "danmart_vision_restarts", "Workers that ended and weren't meant to.", registry=registry
        )
        self.ready = Gauge("danmart_vision_ready", "Whether a worker takes pictures now.", registry=registry)
        self.memory = Gauge(
            "danmart_vision_memory_bytes",
            "What the worker had in memory at its last answer.",
            registry=registry,
        )
        self.waiting = Gauge(
            "danmart_vision_waiting", "Streams of which a frame waits to be looked at.", registry=registry
        )
