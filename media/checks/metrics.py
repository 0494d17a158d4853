"""What a worker process costs, whatever it checks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class WorkerMetrics:
    """One set a node; streams are not told apart, so that the number of series stays bounded. ``check`` is
    its name in those of the metrics, ``piece`` what is checked one by one."""

    def __init__(self, registry: CollectorRegistry, check: str, piece: str) -> None:
        prefix = f"danmart_{check}"
        self.took = Histogram(
            f"{prefix}_{piece}_seconds",
            f"From handing a {piece} over to its verdict.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.cpu = Counter(f"{prefix}_cpu_seconds", "CPU time that the worker took.", registry=registry)
        self.restarts = Counter(
            f"{prefix}_restarts", "Workers that ended and weren't meant to.", registry=registry
        )
        self.ready = Gauge(f"{prefix}_ready", "Whether a worker takes anything now.", registry=registry)
        self.memory = Gauge(
            f"{prefix}_memory_bytes", "What the worker had in memory at its last answer.", registry=registry
        )
        self.waiting = Gauge(
            f"{prefix}_waiting", f"Streams of which a {piece} waits to be checked.", registry=registry
        )
