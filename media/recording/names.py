"""What a recording's files are called. Names say what a file is, so that a crash leaves nothing unknown:

p1-init.mp4     the init section of period 1
p1-42.m4s       segment 42, to be played with it
poster.jpg
"""

from __future__ import annotations

import re
from typing import NamedTuple

POSTER = "poster.jpg"

_SEGMENT = re.compile(r"p(\d{1,9})-(\d{1,9})\.m4s")
_INIT = re.compile(r"p(\d{1,9})-init\.mp4")


class SegmentName(NamedTuple):
    period: int
    number: int


def init_name(period: int) -> str:
    return f"p{period}-init.mp4"


def segment_name(period: int, number: int) -> str:
    return f"p{period}-{number}.m4s"


def parse_segment(name: str) -> SegmentName | None:
    """None for what isn't a segment's name."""
    found = _SEGMENT.fullmatch(name)
    return SegmentName(int(found[1]), int(found[2])) if found else None


def parse_init(name: str) -> int | None:
    """The period of an init section's name; None for any other."""
    found = _INIT.fullmatch(name)
    return int(found[1]) if found else None
