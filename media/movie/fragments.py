"""Reading the init sections and fragments that ``media.hls.boxes`` writes. Pure: bytes in, numbers out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from media.hls.boxes import AUDIO_RATE, AUDIO_TRACK, VIDEO_RATE, VIDEO_TRACK
from media.movie.box import Box, find, walk

_RATES = {VIDEO_TRACK: VIDEO_RATE, AUDIO_TRACK: AUDIO_RATE}
_AVC1_HEAD = 78  # ISO 14496-12, 12.1.3: what comes before the boxes in a visual sample entry


class Init(NamedTuple):
    """What an init section says: the sample descriptions (``audio`` None without sound), the picture's size
    in pixels, and its parameter sets as they would stand in a sample, each after its length."""

    video: bytes
    audio: bytes | None
    width: int
    height: int
    parameters: bytes


class Run(NamedTuple):
    """A track's samples that follow each other in the data. ``time``: decoding, of the first, in the track's
    ticks; ``at``: where its bytes begin; ``entries``: duration, size, flags, shift of each."""

    track: int
    time: int
    at: int
    entries: list[tuple[int, int, int, int]]


def read_init(data: bytes) -> Init:
    """Raises ``ValueError`` for what our packager doesn't write."""
    moov = find(data, b"moov")
    descriptions: dict[int, bytes] = {}
    for trak in walk(data, moov.start, moov.end):
        if trak.kind == b"trak":
            track, entry = _track(data, trak)
            descriptions[track] = entry
    if VIDEO_TRACK not in descriptions:
        raise ValueError("there is no track of pictures")
    video = descriptions[VIDEO_TRACK]
    width, height = struct.unpack_from("!HH", video, 8 + 24)
    return Init(video, descriptions.get(AUDIO_TRACK), width, height, _parameters(video))


def _track(data: bytes, trak: Box) -> tuple[int, bytes]:
    head = find(data, b"tkhd", trak.start, trak.end)
    track: int = struct.unpack_from("!I", data, head.start + 12)[0]
    media = find(data, b"mdia/mdhd", trak.start, trak.end)
    rate = struct.unpack_from("!I", data, media.start + 12)[0]
    if _RATES.get(track) != rate:
        raise ValueError(f"track {track} has {rate} ticks a second")
    described = find(data, b"mdia/minf/stbl/stsd", trak.start, trak.end)
    return track, data[described.start + 8 : described.end]


def _parameters(video: bytes) -> bytes:
    """Of an AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3.1.2) with lengths of four bytes."""
    config = find(video, b"avcC", 8 + _AVC1_HEAD)
    at, sets = config.start + 5, b""
    for mask in (0x1F, 0xFF):
        count = video[at] & mask
        at += 1
        for _ in range(count):
            size = struct.unpack_from("!H", video, at)[0]
            sets += struct.pack("!I", size) + video[at + 2 : at + 2 + size]
            at += 2 + size
    return sets


def read_runs(data: bytes) -> Iterator[Run]:
    """The runs of each fragment in order; a fragment without samples has none. Raises ``ValueError``."""
    for moof in walk(data):
        if moof.kind != b"moof":
            continue
        for traf in walk(data, moof.start, moof.end):
            if traf.kind == b"traf" and (run := _run(data, moof, traf)) is not None:
                yield run


def _run(data: bytes, moof: Box, traf: Box) -> Run | None:
    track, time, run = 0, 0, None
    for part in walk(data, traf.start, traf.end):
        if part.kind == b"tfhd":
            flags, track = struct.unpack_from("!II", data, part.start)
            if flags != 0x020000:
                raise ValueError("a fragment whose places don't count from its beginning")
        elif part.kind == b"tfdt":
            time = struct.unpack_from("!Q", data, part.start + 4)[0]
        elif part.kind == b"trun":
            head, count, offset = struct.unpack_from("!IIi", data, part.start)
            if head != 0x01000F01 or part.end - part.start != 12 + 16 * count:
                raise ValueError("a run that doesn't say all of its samples")
            entries = list(struct.iter_unpack("!IIIi", data[part.start + 12 : part.end]))
            run = Run(track, time, moof.at + offset, entries)
            run = run._replace(track=track, time=time)
    if run is None or not run.entries:
        return None
    if run.at < 0 or run.at + sum(entry[1] for entry in run.entries) > len(data):
        raise ValueError("a run's samples are cut off")
    return run
