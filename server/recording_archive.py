"""The archive of recordings, made from the settings."""

from __future__ import annotations

from pathlib import Path

from media.recording.archive import Archive
from media.recording.bucket import BucketArchive, BucketConfig
from media.recording.folder import FolderArchive
from media.recording.metrics import RecordingMetrics
from server.config import Settings


def recordings_folder(settings: Settings) -> Path:
    """Where files go to; with a bucket, where they wait for it."""
    return settings.recording.folder or settings.node.data_dir / "recordings"


def make_archive(settings: Settings, metrics: RecordingMetrics) -> Archive:
    """Where recordings are kept: a folder, or a bucket with the folder as its spool."""
    recording, s3 = settings.recording, settings.recording.s3
    folder = FolderArchive(recordings_folder(settings), min_free_bytes=recording.min_free_bytes)
    if s3.bucket is None:
        return folder
    config = BucketConfig(
        bucket=s3.bucket,
        region=s3.region,
        endpoint=s3.endpoint,
        access_key=s3.access_key.get_secret_value() if s3.access_key else None,
        secret_key=s3.secret_key.get_secret_value() if s3.secret_key else None,
        prefix=s3.prefix,
        path_style=s3.path_style,
        timeout_s=s3.timeout_s,
        spool_max_bytes=s3.spool_max_bytes,
    )
    return BucketArchive(config, folder, metrics)
