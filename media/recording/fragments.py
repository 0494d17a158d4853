"""A segment's file taken apart (ISO 14496-12): which fragments are whole, and when and where they play. Pure.

Every segment begins with a ``prft`` box (8.16.5), which says what the clock was at its first picture: so a
file alone tells its place in time, whatever became of the database.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

VIDEO_TRACK = 1
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_PRFT = struct.Struct("!I4sIIQQ")
_IS_NOT_SYNC = 0x00010000


class Scan(NamedTuple):
    """What a file holds. ``length``: its whole fragments, in bytes; what follows was cut off. ``ticks``: the
    first one's decoding time, ``duration`` that of all (90 kHz). ``started_ms``: the clock at its first
    picture, None if it doesn't say. ``independent``: it begins with a keyframe."""

    length: int
    ticks: int
    duration: int
    started_ms: int | None
    independent: bool


class Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


def clock_box(started_ms: int, ticks: int) -> bytes:
    """The ``prft`` for a segment whose first picture, at ``ticks``, was taken at ``started_ms``."""
    seconds, ms = divmod(started_ms, 1000)
    ntp = (seconds + _NTP_EPOCH_S) << 32 | (ms << 32) // 1000
    return _PRFT.pack(_PRFT.size, b"prft", 1 << 24, VIDEO_TRACK, ntp, ticks)


def scan(data: bytes) -> Scan:
    """What of a segment's file can be played; a length of 0: nothing."""
    length = ticks = 0
    end_ticks: int | None = None
    started_ms: int | None = None
    independent = False
    pending: tuple[int, int, bool] | None = None
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"prft" and started_ms is None and length == 0:
            started_ms = _clock(data, box)
        elif box.kind == b"moof":
            pending = _moof(data, box)
        elif box.kind == b"mdat" and pending is not None:
            start, duration, sync = pending
            if end_ticks is None:
                ticks, independent = start, sync
            end_ticks, pending, length = start + duration, None, box.end
    return Scan(length, ticks, (end_ticks or ticks) - ticks, started_ms, independent)


class Described(NamedTuple):
    """What an init section of ours says. ``codecs`` as in RFC 6381."""

    codecs: str
    width: int
    height: int
    has_audio: bool


def describe(init: bytes) -> Described | None:
    """None if it is not an init section, or not a whole one."""
    if [box.kind for box in _boxes(init, 0, len(init))][-1:] != [b"moov"]:
        return None
    entry, config = init.find(b"avc1", init.find(b"stsd")), init.find(b"avcC")
    if entry < 0 or config < 0:
        return None
    width, height = struct.unpack_from("!HH", init, entry + 28)
    has_audio = b"mp4a" in init
    codecs = f"avc1.{init[config + 5 : config + 8].hex()}" + (",mp4a.40.2" if has_audio else "")
    return Described(codecs, width, height, has_audio)


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """The whole boxes; ends at the first that is cut off or makes no sense."""
    while at + 8 <= end:
        size, kind = struct.unpack_from("!I4s", data, at)
        if size < 8 or at + size > end:
            return
        yield Box(kind, at, at + 8, at + size)
        at += size


def _clock(data: bytes, box: Box) -> int | None:
    if box.end - box.start != _PRFT.size:
        return None
    ntp: int = _PRFT.unpack_from(data, box.start)[4]
    return ((ntp >> 32) - _NTP_EPOCH_S) * 1000 + round((ntp & 0xFFFFFFFF) * 1000 / 2**32)


def _moof(data: bytes, moof: Box) -> tuple[int, int, bool] | None:
    """Decoding time and duration of the picture's fragment, and whether it begins with a keyframe."""
    for traf in _boxes(data, moof.body, moof.end):
        if traf.kind != b"traf":
            continue
        inner = {box.kind: box for box in _boxes(data, traf.body, traf.end)}
        head, time = inner.get(b"tfhd"), inner.get(b"tfdt")
        if head is None or time is None or struct.unpack_from("!I", data, head.body + 4)[0] != VIDEO_TRACK:
            continue
        start = struct.unpack_from("!Q", data, time.body + 4)[0]
        run = inner.get(b"trun")
        duration, sync = _run(data, run) if run else (0, False)
        return start, duration, sync
    return None


def _run(data: bytes, run: Box) -> tuple[int, bool]:
    """Our own runs say for each sample: duration, size, flags, shift (``media.hls.boxes``)."""
    count = struct.unpack_from("!I", data, run.body + 4)[0]
    samples = list(
        struct.iter_unpack("!IIIi", data[run.body + 12 : min(run.end, run.body + 12 + 16 * count)])
    )
    return sum(sample[0] for sample in samples), bool(samples) and not samples[0][2] & _IS_NOT_SYNC
