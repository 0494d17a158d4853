"""What looking at pictures costs, and what comes of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from media.checks.metrics import WorkerMetrics


class VisionMetrics(WorkerMetrics):
    """One set a node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, "vision", "frame")
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
