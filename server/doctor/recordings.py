"""Checks of where recordings go to: the folder or its spool, and the bucket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from media.recording.archive import ArchiveError
from media.recording.bucket import BucketArchive
from media.recording.metrics import RecordingMetrics
from server.config import Settings
from server.doctor.finding import Finding, error, ok, warn
from server.recording_archive import make_archive, recordings_folder

GIB = 1 << 30


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Writable, with room for what is to stay free, and shared where there are several nodes."""
    folder = recordings_folder(settings).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as problem:
        yield error(
            f"recordings can't be written to {folder}: {problem.strerror}",
            "give it to the user that runs Danmart, or set recording.folder to a place that is",
        )
        return
    yield _space(settings, folder, existing)
    if settings.redis_url is not None and settings.recording.s3.bucket is None:
        yield warn(
            f"there are several nodes, and recordings go to {folder} of each",
            "let all nodes mount the same folder, or set recording.s3.bucket",
        )


def _space(settings: Settings, folder: Path, existing: Path) -> Finding:
    free, kept = shutil.disk_usage(existing).free, settings.recording.min_free_bytes
    told = f"recordings go to {folder}, where {free / GIB:.1f} GiB are free"
    if free < kept:
        return error(
            f"{told}: less than recording.min_free_bytes, so nothing is recorded", "make room, or keep less"
        )
    return ok(told)


async def check_bucket(settings: Settings) -> list[Finding]:
    """Reachable, and it may be listed."""
    bucket = settings.recording.s3.bucket
    if bucket is None:
        return []
    archive = make_archive(settings, RecordingMetrics(CollectorRegistry()))
    if not isinstance(archive, BucketArchive):
        return []
    try:
        await archive.check()
    except (ArchiveError, FileNotFoundError) as problem:
        return [
            error(
                f"the bucket {bucket} can't be read: {problem}",
                "check recording.s3: endpoint, region, keys, and that the bucket exists",
            )
        ]
    finally:
        await archive.close()
    return [ok(f"the bucket {bucket} can be reached")]
