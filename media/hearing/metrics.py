"""What listening costs, and what comes of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from media.checks.metrics import WorkerMetrics


class HearingMetrics(WorkerMetrics):
    """One set a node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry, "hearing", "window")
        self.windows = Counter(
            "danmart_hearing_windows",
            "Windows of streams: checked, quiet (nobody was asked), skipped, undecodable, failed.",
            ["outcome"],
            registry=registry,
        )
        self.hits = Counter(
            "danmart_hearing_hits", "What was done about streams' sound.", ["measure"], registry=registry
        )
