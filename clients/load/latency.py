"""Latencies in a histogram of equal, narrow buckets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

BUCKET_BITS = 17
"""2^17 ns: a bucket is 0.13 ms wide, which is the resolution of every figure."""

_MS_PER_BUCKET = (1 << BUCKET_BITS) / 1e6


class Latencies:
    """Counts of latencies. Percentiles are the upper edge of the bucket that they fall into."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add_ns(self, latency_ns: int, count: int = 1) -> None:
        self._counts[max(0, latency_ns >> BUCKET_BITS)] += count

    def add_arrivals(self, sent_ns: int, arrivals: Mapping[int, int]) -> None:
        """One message that was sent once and arrived many times: how many arrived in which bucket of time."""
        sent, counts = sent_ns >> BUCKET_BITS, self._counts
        for bucket, count in arrivals.items():
            counts[max(0, bucket - sent)] += count

    def merge(self, other: Latencies) -> None:
        self._counts.update(other._counts)

    @property
    def count(self) -> int:
        return self._counts.total()

    def percentile_ms(self, percent: float) -> float | None:
        """The latency that ``percent`` of all stay within, in ms; None without any."""
        total = self.count
        if not total:
            return None
        left = total * percent / 100
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 1e-9:
                return round((bucket + 1) * _MS_PER_BUCKET, 2)
        return round((max(self._counts) + 1) * _MS_PER_BUCKET, 2)

    def summary(self) -> dict[str, float | None]:
        return {
            "p50_ms": self.percentile_ms(50),
            "p99_ms": self.percentile_ms(99),
            "p999_ms": self.percentile_ms(99.9),
            "max_ms": self.percentile_ms(100),
        }
