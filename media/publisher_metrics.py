"""How publishers fare, for Prometheus: once a second each, by protocol, so that no room is a label."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from media.stream import PublisherStats

_BITRATES = (100, 250, 500, 1000, 1500, 2000, 3000, 4500, 6000, 9000, 15000)
_FRAME_RATES = (5, 10, 15, 20, 24, 29, 35, 49, 61)
_INTERVALS = (0.5, 1.1, 2.1, 3.1, 4.1, 6, 10, 20)
_LOSSES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_ROUND_TRIPS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)


class PublisherMetrics:
    """Histograms of what is measured of each publisher each second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.bitrate = self._histogram("bitrate_kbps", "Picture and sound of a publisher, kbit/s", _BITRATES)
        self.frame_rate = self._histogram("frame_rate", "Pictures a second of a publisher", _FRAME_RATES)
        self.keyframes = self._histogram(
            "keyframe_interval_seconds", "Time between a publisher's last two keyframes", _INTERVALS
        )
        self.loss = self._histogram("loss_ratio", "Packets of a publisher lost for good, 0 to 1", _LOSSES)
        self.round_trip = self._histogram("round_trip_seconds", "To a publisher and back", _ROUND_TRIPS)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        full = f"danmart_media_publisher_{name}"
        return Histogram(full, text, ["protocol"], registry=self._registry, buckets=buckets)

    def observe(self, stats: PublisherStats) -> None:
        """One second of a publisher that is live."""
        kbps = sum(track.kbps for track in (stats.video, stats.audio) if track is not None)
        self.bitrate.labels(stats.protocol).observe(kbps)
        self.loss.labels(stats.protocol).observe(stats.loss)
        if stats.video is not None:
            self.frame_rate.labels(stats.protocol).observe(stats.video.fps or 0)
            if stats.video.keyframe_interval_ms is not None:
                self.keyframes.labels(stats.protocol).observe(stats.video.keyframe_interval_ms / 1000)
        if stats.rtt_ms is not None:
            self.round_trip.labels(stats.protocol).observe(stats.rtt_ms / 1000)

    def unregister(self) -> None:
        """Takes them out of the registry."""
        parts: tuple[Histogram, ...] = (
            self.bitrate,
            self.frame_rate,
            self.keyframes,
            self.loss,
            self.round_trip,
        )
        take_out: Callable[[Histogram], None] = self._registry.unregister
        for part in parts:
            take_out(part)
