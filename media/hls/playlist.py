"""Playlists as text (RFC 8216bis, 4), and what a blocking reload asks for (6.2.5.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from media.hls.boxes import VIDEO_RATE
from media.hls.config import HlsConfig
from media.hls.window import Segment, Window

_VERSION = 9  # the lowest with EXT-X-SKIP (section 8)
_DIGITS = 12  # a sequence number with more is nonsense


class Reload(NamedTuple):
    """The delivery directives of a request: wait for this segment or part, leave out old segments."""

    number: int | None = None
    part: int | None = None
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """What the multivariant playlist says; bandwidths in bits a second, the frame rate 0 while unknown."""

    codecs: str
    width: int
    height: int
    bandwidth: int
    average: int
    frame_rate: float


def parse_reload(query: Mapping[str, str]) -> Reload:
    """The directives in a query. Raises ``ValueError`` where they make no sense."""
    number, part = _whole(query, "_HLS_msn"), _whole(query, "_HLS_part")
    if part is not None and number is None:
        raise ValueError("_HLS_part needs _HLS_msn beside it")
    skip = query.get("_HLS_skip")
    if skip not in (None, "YES", "v2"):
        raise ValueError("_HLS_skip is YES or v2")
    return Reload(number, part, skip is not None)


def check_reload(reload: Reload, window: Window, config: HlsConfig) -> None:
    """Raises ``ValueError`` for what lies too far ahead: it is not of this stream (6.2.5.2)."""
    if reload.number is None or window.ended:
        return
    number, part = window.next_part
    last = number if part else number - 1
    if reload.number > last + 2:
        raise ValueError("_HLS_msn is too far ahead of the playlist")
    ahead = math.ceil(3000 / config.part_target_ms) if config.part_target_ms < 1000 else 3
    if reload.part is not None and reload.number == number and reload.part > part + ahead:
        raise ValueError("_HLS_part is too far ahead of the playlist")


def satisfied(reload: Reload, window: Window) -> bool:
    """Whether the playlist as it is answers the request; if not, the request waits."""
    if window.ended or (not window.segments and reload.number is None):
        return window.ended or bool(window.segments)
    return reload.number is None or window.has(reload.number, reload.part)


def multivariant(variants: Sequence[tuple[str, Variant]]) -> str:
    """The playlist of all variants, by the names of theirs: picture and sound in the same parts."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}"]
    for uri, variant in variants:
        lines += [_stream_inf(variant), uri]
    return "\n".join(lines) + "\n"


def _stream_inf(variant: Variant) -> str:
    attributes = [
        f"BANDWIDTH={variant.bandwidth}",
        f"AVERAGE-BANDWIDTH={variant.average}",
        f'CODECS="{variant.codecs}"',
    ]
    if variant.width:
        attributes.append(f"RESOLUTION={variant.width}x{variant.height}")
    if variant.frame_rate:
        attributes.append(f"FRAME-RATE={variant.frame_rate:.3f}")
    return f"#EXT-X-STREAM-INF:{','.join(attributes)}"


def media(
    window: Window, config: HlsConfig, *, skip: bool = False, reports: Sequence[tuple[str, Window]] = ()
) -> str:
    """The media playlist; with ``skip`` a delta update, if there is anything to leave out.

    ``reports``: the other renditions, by their playlists' names.
    """
    lines = _head(window, config)
    recent = _recent(window, config)
    older = len(window.segments) - len(recent)
    init = None
    if skip and older:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={older}")
        init = window.segments[older - 1].init
    else:
        for segment in islice(window.segments, older):
            lines += _segment(segment, new_init=segment.init != init, with_parts=False)
            init = segment.init
    for segment, with_parts in recent:
        lines += _segment(segment, new_init=segment.init != init, with_parts=with_parts)
        init = segment.init
    if window.ended:
        lines.append("#EXT-X-ENDLIST")
    else:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{window.hint}"')
        for uri, other in reports:
            if (newest := other.newest) is not None:
                number, part = newest
                lines.append(f'#EXT-X-RENDITION-REPORT:URI="{uri}",LAST-MSN={number},LAST-PART={part}')
    return "\n".join(lines) + "\n"


def _head(window: Window, config: HlsConfig) -> list[str]:
    first = window.segments[0].number if window.segments else window.next_part[0]
    control = (
        f"CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={config.part_hold_back_ms / 1000:.3f},"
        f"CAN-SKIP-UNTIL={config.skip_until_s:.1f}"
    )
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{config.target_duration_s}",
        f"#EXT-X-SERVER-CONTROL:{control}",
        f"#EXT-X-PART-INF:PART-TARGET={config.part_target_ms / 1000:.3f}",
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuities_gone}",
    ]


def _segment(segment: Segment, *, new_init: bool, with_parts: bool) -> list[str]:
    lines = []
    if segment.discontinuity:
        lines.append("#EXT-X-DISCONTINUITY")
    if new_init:
        lines.append(f'#EXT-X-MAP:URI="{segment.init}"')
    if with_parts or segment.data is None:
        return [*lines, *_lines(segment, with_parts=True)]
    if segment.lines is None:  # what is complete stays as it is, and a long window has thousands
        segment.lines = "\n".join(_lines(segment, with_parts=False))
    return [*lines, segment.lines]


def _lines(segment: Segment, *, with_parts: bool) -> list[str]:
    lines = []
    moment = datetime.fromtimestamp(segment.started_ms / 1000, UTC)
    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{moment.isoformat(timespec='milliseconds')[:-6]}Z")
    if with_parts:
        for part in segment.parts:
            independent = ",INDEPENDENT=YES" if part.independent else ""
            missing = ",GAP=YES" if part.gap else ""
            lines.append(
                f'#EXT-X-PART:DURATION={_seconds(part.duration)},URI="{part.name}"{independent}{missing}'
            )
    if segment.data is not None and segment.gap:
        lines.append("#EXT-X-GAP")
    if segment.data is not None:
        lines += [f"#EXTINF:{_seconds(segment.duration)},", segment.name]
    return lines


def _recent(window: Window, config: HlsConfig) -> list[tuple[Segment, bool]]:
    """The segments that no delta update leaves out, each with whether its parts are shown (6.2.2).

    Counted from the end of the playlist, so that it takes no longer for a long window.
    """
    found: list[tuple[Segment, bool]] = []
    left = 0
    for segment in reversed(window.segments):
        if segment.data is not None and left > config.skip_until_s * VIDEO_RATE:
            break
        found.append((segment, left <= 3 * config.target_duration_s * VIDEO_RATE))
        left += segment.duration
    return found[::-1]


def _seconds(ticks: int) -> str:
    return f"{ticks / VIDEO_RATE:.5f}"


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ValueError(f"{name} is a decimal number")
    return int(text)
