"""A recording's playlists (RFC 8216): EVENT while it grows, VOD when it is complete. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from media.recording.names import init_name, segment_name

_VERSION = 7  # fragmented MP4 with EXT-X-MAP (section 7)
INDEX_NAME, MEDIA_NAME = "index.m3u8", "media.m3u8"


@dataclass(frozen=True, slots=True)
class PlayedPeriod:
    codecs: str
    width: int
    height: int
    has_audio: bool


@dataclass(frozen=True, slots=True)
class PlayedSegment:
    """``started_ms``: the clock at its first picture; ``bytes``: so much of its file is served."""

    number: int
    period: int
    duration_ms: int
    started_ms: int
    bytes: int
    discontinuity: bool


@dataclass(frozen=True, slots=True)
class Played:
    """All that the playlists say. ``running``: more may follow. Segments in the order of playing."""

    running: bool
    segments: Sequence[PlayedSegment]
    periods: Mapping[int, PlayedPeriod]


def multivariant(played: Played) -> str:
    """The one variant there is. Sizes and codecs may change between periods: the largest one's are said."""
    rates = [segment.bytes * 8000 // max(1, segment.duration_ms) for segment in played.segments]
    length = sum(segment.duration_ms for segment in played.segments)
    average = sum(segment.bytes for segment in played.segments) * 8000 // max(1, length)
    attributes = [f"BANDWIDTH={max(rates, default=1) or 1}", f"AVERAGE-BANDWIDTH={average or 1}"]
    used = {segment.period for segment in played.segments}
    periods = [period for number, period in played.periods.items() if number in used]
    if periods:
        largest = max(periods, key=lambda period: (period.width * period.height, period.has_audio))
        attributes.append(f'CODECS="{largest.codecs}"')
        if largest.width:
            attributes.append(f"RESOLUTION={largest.width}x{largest.height}")
    return f"#EXTM3U\n#EXT-X-VERSION:{_VERSION}\n#EXT-X-STREAM-INF:{','.join(attributes)}\n{MEDIA_NAME}\n"


def media(played: Played) -> str:
    """The media playlist. Lengths are milliseconds that add up exactly: a segment's is where the next one
    begins less where it begins itself."""
    longest_ms = max((segment.duration_ms for segment in played.segments), default=1000)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(longest_ms / 1000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if played.running else 'VOD'}",
    ]
    period = None
    for index, segment in enumerate(played.segments):
        if index and (segment.discontinuity or segment.period != period):
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.period != period:
            lines.append(f'#EXT-X-MAP:URI="{init_name(segment.period)}"')
            period = segment.period
        moment = datetime.fromtimestamp(segment.started_ms / 1000, UTC)
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{moment.isoformat(timespec='milliseconds')[:-6]}Z",
            f"#EXTINF:{segment.duration_ms / 1000:.3f},",
            segment_name(segment.period, segment.number),
        ]
    if not played.running:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
