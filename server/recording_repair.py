"""What a node that died, or lost its room, has left of a recording: looked up in the files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from media.recording.archive import Archive, ArchiveError
from media.recording.fragments import Described, describe, scan
from media.recording.names import SegmentName, init_name, parse_init, parse_segment, segment_name
from media.recording.poster import make_poster
from rooms.recordings.blurs import Stretch, overlap
from rooms.recordings.store import PeriodRow, SegmentRow
from rooms.recordings.writing import Made, MadeSegment

log = structlog.get_logger(__name__)

LARGEST_BYTES = 256 * 1024 * 1024
"""No segment of ours comes near; more isn't read into memory."""


async def find_unwritten(archive: Archive, recording: str, known: set[int], periods: set[int]) -> Made:
    """The segments and periods that have files but no rows. A last segment that was cut off is shortened to
    its last whole fragment, and deleted if it has none. Raises ``ArchiveError``."""
    segments: list[MadeSegment] = []
    found: list[PeriodRow] = []
    for file in sorted(await archive.list(recording), key=lambda file: _order(file.name)):
        name = parse_segment(file.name)
        if name is not None and name.number not in known and file.bytes <= LARGEST_BYTES:
            segments += await _look_at(archive, recording, file.name, name)
        period = parse_init(file.name)
        if period is not None and period not in periods:
            init = describe(await archive.read(recording, file.name))
            if init is not None:
                found.append(_period_row(recording, period, init))
    if segments:
        log.info("segments_found", recording=recording, count=len(segments))
    return Made(recording, None, found, segments)


def _order(name: str) -> int:
    parsed = parse_segment(name)
    return parsed.number if parsed else 0


async def _look_at(archive: Archive, recording: str, file: str, name: SegmentName) -> list[MadeSegment]:
    data = await archive.read(recording, file)
    looked = await asyncio.to_thread(scan, data)
    if looked.length < len(data) or looked.length == 0:
        await archive.cut(recording, file, looked.length)
    if looked.length == 0:
        return []
    made = MadeSegment(
        number=name.number,
        period=name.period,
        ticks=looked.ticks,
        duration=looked.duration,
        started_ms=looked.started_ms or 0,
        bytes=looked.length,
        discontinuity=False,  # seen from the times and periods around it
        independent=looked.independent,
    )
    return [made]


def _period_row(recording: str, period: int, init: Described) -> PeriodRow:
    return PeriodRow(recording, period, init.codecs, init.width, init.height, int(init.has_audio))


def first_shown(segments: Sequence[SegmentRow], blurred: Sequence[Stretch]) -> tuple[SegmentRow, bool] | None:
    """The segment for a recording's poster: the first that begins with a keyframe while nothing was blurred;
    where there is none the first of all, and that it is to be blurred."""
    keyed = [segment for segment in segments if segment.independent]
    for segment in keyed:
        if not overlap(blurred, segment.media_ms, segment.media_ms + 1):
            return segment, False
    return (keyed[0], True) if keyed else None


async def draw_poster(archive: Archive, segment: SegmentRow, *, blurred: bool = False) -> bytes | None:
    """A recording's poster; None if its picture can't be had."""
    try:
        init = await archive.read(segment.recording_id, init_name(segment.period))
        name = segment_name(segment.period, segment.number)
        data = await archive.read(segment.recording_id, name, 0, segment.bytes)
    except (ArchiveError, FileNotFoundError):
        return None
    return await asyncio.to_thread(make_poster, init, data, blurred=blurred)
