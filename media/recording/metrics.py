"""What recording measures."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class RecordingMetrics:
    """One set a node; rooms are not told apart, so that the number of series stays bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.running = Gauge("danmart_recording_running", "Recordings under way here.", registry=registry)
        self.troubled = Gauge(
            "danmart_recording_troubled", "Of those, the ones that can't be written now.", registry=registry
        )
        self.written = Counter(
            "danmart_recording_written_bytes", "Written to the archive.", registry=registry
        )
        self.segments = Counter("danmart_recording_segments", "Segments completed.", registry=registry)
        self.lost = Counter(
            "danmart_recording_lost_bytes",
            "Left out of recordings: holes in them.",
            ["why"],
            registry=registry,
        )
        self.queued = Gauge(
            "danmart_recording_queued_bytes", "Parts that wait to be written.", registry=registry
        )
        self.spooled = Gauge(
            "danmart_recording_spooled_bytes", "Files that wait to be uploaded.", registry=registry
        )
        self.uploads = Counter(
            "danmart_recording_uploads", "Uploads, by what came of them.", ["outcome"], registry=registry
        )
        self.deleted = Counter(
            "danmart_recording_deleted", "Recordings whose files are gone.", registry=registry
        )
