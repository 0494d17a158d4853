"""Fragmented MP4 (ISO 14496-12, CMAF): the init section and the fragments of one video and one audio track.

Written here and not by FFmpeg's muxer because that one decides by itself where a fragment ends, gives it out
when the next one has begun, and holds one track back for the other; a part has to leave when its last picture
is complete.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from media.hls.h264 import VideoConfig

VIDEO_TRACK, AUDIO_TRACK = 1, 2
VIDEO_RATE, AUDIO_RATE = 90_000, 48_000
AAC_SAMPLES = 1024

_MATRIX = struct.pack("!9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_LANGUAGE = 0x55C4  # "und"
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000  # depends on nothing / on others, and is no sync sample
_AAC_LC_48K_STEREO = b"\x11\x90"  # AudioSpecificConfig (ISO 14496-3, 1.6.2.1)


class Sample(NamedTuple):
    """A picture or a frame of sound. ``time`` (decoding), ``duration`` and ``shift`` in the track's ticks.

    ``shift`` is presentation minus decoding time; it is other than zero only with B pictures.
    """

    data: bytes
    time: int
    duration: int
    sync: bool = True
    shift: int = 0


def init_section(video: VideoConfig, *, audio: bool) -> bytes:
    """ftyp and moov. The audio track, if any, is AAC-LC, stereo, 48 kHz."""
    tracks = [_video_track(video)]
    extends = [_extends(VIDEO_TRACK)]
    if audio:
        tracks.append(_audio_track())
        extends.append(_extends(AUDIO_TRACK))
    header = struct.pack("!IIIIIHH8x", 0, 0, 1000, 0, 0x10000, 0x100, 0) + _MATRIX + bytes(24) + b"\0\0\0\x03"
    moov = _box(b"moov", _full(b"mvhd", header), *tracks, _box(b"mvex", *extends))
    return _box(b"ftyp", b"iso6\0\0\0\0iso6cmfcmp41") + moov


def fragment(number: int, start: int, video: Sequence[Sample], audio: Sequence[Sample]) -> bytes:
    """moof and mdat with the samples of each track; a track without samples is left out.

    Without any samples it is a picture track's fragment at ``start`` (in the track's ticks) that has no run
    (ISO 14496-12, 8.8.6): players need something to say where they are.
    """
    if not video and not audio:
        return _box(b"moof", _number(number), _box(b"traf", *_traf_head(VIDEO_TRACK, start))) + _box(b"mdat")
    runs = [(track, samples) for track, samples in ((VIDEO_TRACK, video), (AUDIO_TRACK, audio)) if samples]
    size = len(_moof(number, runs, [0] * len(runs)))
    offsets, at = [], size + 8
    for _, samples in runs:
        offsets.append(at)
        at += sum(len(sample.data) for sample in samples)
    media = [sample.data for _, samples in runs for sample in samples]
    return _moof(number, runs, offsets) + _box(b"mdat", *media)


def _moof(number: int, runs: Sequence[tuple[int, Sequence[Sample]]], offsets: Sequence[int]) -> bytes:
    tracks = [_traf(track, samples, offset) for (track, samples), offset in zip(runs, offsets, strict=True)]
    return _box(b"moof", _number(number), *tracks)


def _number(number: int) -> bytes:
    return _full(b"mfhd", struct.pack("!I", number))


def _traf(track: int, samples: Sequence[Sample], offset: int) -> bytes:
    """Offsets count from the moof (default-base-is-moof); durations, sizes, flags and shifts are given."""
    entries = b"".join(
        struct.pack("!IIIi", s.duration, len(s.data), _SYNC if s.sync else _NOT_SYNC, s.shift)
        for s in samples
    )
    run = _full(b"trun", struct.pack("!Ii", len(samples), offset), entries, version=1, flags=0x000F01)
    return _box(b"traf", *_traf_head(track, samples[0].time), run)


def _traf_head(track: int, time: int) -> tuple[bytes, bytes]:
    head = _full(b"tfhd", struct.pack("!I", track), flags=0x020000)
    return head, _full(b"tfdt", struct.pack("!Q", time), version=1)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("!I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack("!I", version << 24 | flags), *parts)


def _extends(track: int) -> bytes:
    return _full(b"trex", struct.pack("!5I", track, 1, 0, 0, 0))


def _video_track(config: VideoConfig) -> bytes:
    width, height = config.size
    entry = struct.pack("!6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 0x18, -1)
    media_header = _full(b"vmhd", bytes(8), flags=1)
    description = _box(b"avc1", entry, _box(b"avcC", decoder_config(config)))
    return _track(VIDEO_TRACK, VIDEO_RATE, b"vide", (width, height), media_header, description)


def _audio_track() -> bytes:
    entry = struct.pack("!6xH8xHHIHH", 1, 2, 16, 0, AUDIO_RATE, 0)
    description = _box(b"mp4a", entry, _full(b"esds", _elementary_stream()))
    return _track(AUDIO_TRACK, AUDIO_RATE, b"soun", (0, 0), _full(b"smhd", bytes(4)), description)


def _track(
    track: int, rate: int, handler: bytes, size: tuple[int, int], media_header: bytes, description: bytes
) -> bytes:
    volume = 0x100 if handler == b"soun" else 0
    shown = struct.pack("!II", size[0] << 16, size[1] << 16)
    head = struct.pack("!IIIII8xHHHH", 0, 0, track, 0, 0, 0, 0, volume, 0) + _MATRIX + shown
    tables = (
        _full(b"stsd", struct.pack("!I", 1), description),
        _full(b"stts", bytes(4)),
        _full(b"stsc", bytes(4)),
        _full(b"stsz", bytes(8)),
        _full(b"stco", bytes(4)),
    )
    reference = _full(b"dref", struct.pack("!I", 1), _full(b"url ", flags=1))
    information = _box(b"minf", media_header, _box(b"dinf", reference), _box(b"stbl", *tables))
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack("!IIIIHH", 0, 0, rate, 0, _LANGUAGE, 0)),
        _full(b"hdlr", struct.pack("!I4s12x", 0, handler), b"Danmart\0"),
        information,
    )
    return _box(b"trak", _full(b"tkhd", head, flags=7), media)


def decoder_config(config: VideoConfig) -> bytes:
    """AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3.1.2) with lengths of four bytes."""
    record = b"\x01" + config.sps[0][1:4] + b"\xff" + bytes([0xE0 | len(config.sps)])
    record += b"".join(struct.pack("!H", len(unit)) + unit for unit in config.sps)
    record += bytes([len(config.pps)])
    record += b"".join(struct.pack("!H", len(unit)) + unit for unit in config.pps)
    if config.sps[0][1] in (100, 110, 122, 144):
        record += b"\xfd\xf8\xf8\x00"  # 4:2:0, 8 bits, no SPS extensions
    return record


def _elementary_stream() -> bytes:
    """ES_Descriptor (ISO 14496-1, 7.2.6.5) around the AudioSpecificConfig."""
    specific = b"\x05" + bytes([len(_AAC_LC_48K_STEREO)]) + _AAC_LC_48K_STEREO
    config = struct.pack("!BB3xII", 0x40, 0x15, 0, 0) + specific
    decoder = b"\x04" + bytes([len(config)]) + config
    stream = struct.pack("!HB", AUDIO_TRACK, 0) + decoder + b"\x06\x01\x02"
    return b"\x03" + bytes([len(stream)]) + stream
