"""CMAF segments into a progressive MP4 (ISO 14496-12): ftyp, moov, then the samples' bytes as they are.

Two passes: the first reads the fragments' heads and makes ``moov``, the second copies. So nothing is held but
the tables, any part of the file can be made by itself (HTTP ranges), and a download begins with its ``moov``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from media.hls.boxes import AAC_SAMPLES, AUDIO_RATE, AUDIO_TRACK, VIDEO_RATE, VIDEO_TRACK
from media.movie.box import MATRIX, box, full_box
from media.movie.fragments import Init, Run, read_init, read_runs
from media.movie.pieces import Pieces
from media.movie.tables import Samples

_LANGUAGE = 0x55C4  # "und"
_NOT_SYNC = 0x00010000
_SYNC_FLAGS = 0x02000000
_FOUR_GIB = 1 << 32
# A frame of AAC-LC, stereo, in which nothing is heard: two channels without spectral data.
_SILENCE = bytes((0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80))


@dataclass(frozen=True, slots=True)
class Movie:
    """``head`` is the file up to its media data, which are ``pieces``. ``start``: where it begins in the
    recording, ``duration``: how long it is, both in 90 kHz ticks."""

    head: bytes
    pieces: Pieces
    start: int
    duration: int
    width: int
    height: int
    has_audio: bool

    @property
    def size(self) -> int:
        return len(self.head) + self.pieces.size


class MovieBuilder:
    """Takes a recording's segments in order: ``period`` where an init section begins to hold, then
    ``segment`` for each. ``begin``, ``end`` and ``floor``: 90 kHz ticks of the recording. It begins with the
    last keyframe at or before ``begin`` (or the first there is), of those from ``floor`` on, and ends before
    the first picture from ``end`` on.

    Where the parameters of the picture change the samples get a description of their own, and the keyframe
    carries its parameter sets too, for players that read only the first description.
    """

    def __init__(self, begin: int = 0, end: int | None = None, floor: int = 0) -> None:
        self._begin, self._end, self._floor = begin, end, floor
        self._init: Init | None = None
        self._base = 0
        self._start_anew()

    def _start_anew(self) -> None:
        self._video, self._audio, self._pieces = Samples(), Samples(), Pieces()
        self._size = (0, 0)
        self._described = 0

    def period(self, init: bytes, base: int) -> None:
        """What follows has this init section. ``base`` ticks are added to its times to get the recording's.

        Raises ``ValueError`` for what our packager doesn't write.
        """
        self._init, self._base = read_init(init), base

    def segment(self, number: int, data: bytes) -> None:
        """The next segment, or part of one; ``number`` is what its pieces are called by, 1 or more.

        Raises ``ValueError`` for what our packager doesn't write, and before any ``period``.
        """
        for run in read_runs(data):
            if run.track == VIDEO_TRACK:
                self._pictures(number, run)
            elif run.track == AUDIO_TRACK:
                self._sound(number, run)

    def _pictures(self, number: int, run: Run) -> None:
        time, at, pending = run.time + self._base, run.at, 0
        chunk_at = at
        for duration, size, flags, shift in run.entries:
            keyframe = not flags & _NOT_SYNC and time >= self._floor
            if keyframe and time <= self._begin:
                self._start_anew()
                chunk_at, pending = at, 0
            wanted = (self._end is None or time < self._end) and (keyframe or self._video.count > 0)
            if wanted and keyframe and self._describes_anew():
                self._chunk(number, chunk_at, at, pending)
                self._first_of_description(number, at, time, duration, size, flags, shift)
                chunk_at, pending = at + size, 0
            elif wanted:
                self._video.add(time, duration, size, flags, shift)
                pending += 1
            else:
                self._chunk(number, chunk_at, at, pending)
                chunk_at, pending = at + size, 0
            time += duration
            at += size
        self._chunk(number, chunk_at, at, pending)

    def _chunk(self, number: int, start: int, end: int, count: int) -> None:
        if count:
            place = self._pieces.add(number, start, end - start)
            self._video.chunk(place, count, self._described)

    def _describes_anew(self) -> bool:
        """Whether the samples from here on need another description than those before."""
        before, self._described = self._described, self._video.describe(self._known.video)
        return before != self._described

    @property
    def _known(self) -> Init:
        if self._init is None:
            raise ValueError("samples before any init section")
        return self._init

    def _first_of_description(
        self, number: int, at: int, time: int, duration: int, size: int, flags: int, shift: int
    ) -> None:
        init = self._known
        self._size = (max(self._size[0], init.width), max(self._size[1], init.height))
        sets = init.parameters if self._video.count else b""
        place = self._pieces.add_own(sets)
        self._pieces.add(number, at, size)
        self._video.add(time, duration, len(sets) + size, flags, shift)
        self._video.chunk(place, 1, self._described)

    def _sound(self, number: int, run: Run) -> None:
        if self._video.count == 0 or self._known.audio is None:
            return
        base = self._base * AUDIO_RATE // VIDEO_RATE
        begin = -(-self._shown_first * AUDIO_RATE // VIDEO_RATE)
        end = None if self._end is None else self._end * AUDIO_RATE // VIDEO_RATE
        time, at = run.time + base, run.at
        first, count, chunk_at = True, 0, at
        for duration, size, flags, _ in run.entries:
            if time >= begin and (end is None or time < end):
                if self._audio.count == 0:
                    self._sound_begins(time, begin)
                if first:
                    chunk_at, first = at, False
                self._audio.add(time, duration, size, flags, 0)
                count += 1
            time += duration
            at += size
            if end is not None and time >= end:
                break
        if count:
            place = self._pieces.add(number, chunk_at, at - chunk_at)
            self._audio.chunk(place, count, self._audio.describe(self._known.audio))

    def _sound_begins(self, time: int, begin: int) -> None:
        """A sound that sets in later than the picture is led in by silence: so no track needs two edits."""
        gap = time - begin
        if gap > 0:
            lead = max(gap, AAC_SAMPLES)
            place = self._pieces.add_own(_SILENCE)
            self._audio.add(time - lead, lead, len(_SILENCE), _SYNC_FLAGS, 0)
            self._audio.chunk(place, 1, self._audio.describe(self._known.audio or b""))

    @property
    def _shown_first(self) -> int:
        """When the first picture is shown: where the movie's clock begins."""
        return self._video.start + self._video.first_shift

    def finish(self) -> Movie:
        """Raises ``ValueError`` if there was no keyframe in the range."""
        if self._video.count == 0:
            raise ValueError("there is no picture in this range")
        large = self._pieces.size + 16 >= _FOUR_GIB
        length = len(self._moov(0)) + len(_FTYP) + (16 if large else 8)
        head = _FTYP + self._moov(length)
        if large or len(head) + 8 != length:  # offsets of eight bytes: the tables have grown by using them
            length = len(head) + (16 if large else 8)
            head = _FTYP + self._moov(length)
        size = self._pieces.size
        head += (
            struct.pack("!I4sQ", 1, b"mdat", 16 + size) if large else struct.pack("!I4s", 8 + size, b"mdat")
        )
        duration = self._video.end - self._video.start
        has_audio = self._audio.count > 0
        return Movie(head, self._pieces, self._shown_first, duration, *self._size, has_audio)

    def _moov(self, base: int) -> bytes:
        length = self._video.end - self._video.start
        skip = self._video.first_shift - self._video.lowest_shift
        tracks = [_track(self._video, VIDEO_TRACK, VIDEO_RATE, skip, length, base, self._size)]
        if self._audio.count:
            begin = -(-self._shown_first * AUDIO_RATE // VIDEO_RATE)
            skip = max(0, begin - self._audio.start)
            heard = min((self._audio.end - self._audio.start - skip) * VIDEO_RATE // AUDIO_RATE, length)
            tracks.append(_track(self._audio, AUDIO_TRACK, AUDIO_RATE, skip, heard, base, None))
        version, time = _time(length)
        rest = struct.pack("!IH10x", 0x10000, 0x100) + MATRIX + bytes(24) + struct.pack("!I", 3)
        times = bytes(16 if version else 8) + struct.pack("!I", VIDEO_RATE) + time
        return box(b"moov", full_box(b"mvhd", times, rest, version=version), *tracks)


_FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")


def _time(ticks: int) -> tuple[int, bytes]:
    """A duration, and the version of the box that it makes necessary."""
    return (0, struct.pack("!I", ticks)) if ticks < _FOUR_GIB else (1, struct.pack("!Q", ticks))


def _track(
    samples: Samples, track: int, rate: int, skip: int, length: int, base: int, size: tuple[int, int] | None
) -> bytes:
    """``skip``: the track's ticks at its beginning that are not shown; ``length``: of the movie's clock."""
    version, shown = _time(length)
    is_video = size is not None
    width, height = size or (0, 0)
    head = bytes(16 if version else 8) + struct.pack("!I4x", track) + shown
    head += struct.pack("!8xHHH2x", 0, 0, 0 if is_video else 0x100) + MATRIX
    head += struct.pack("!II", width << 16, height << 16)
    edit_version = 1 if version or skip >= 1 << 31 else 0
    edit = struct.pack("!Qq" if edit_version else "!Ii", length, skip) + struct.pack("!HH", 1, 0)
    edits = box(b"edts", full_box(b"elst", struct.pack("!I", 1), edit, version=edit_version))
    media_version, media_time = _time(samples.end - samples.start)
    media_head = bytes(16 if media_version else 8) + struct.pack("!I", rate) + media_time
    media_head += struct.pack("!HH", _LANGUAGE, 0)
    kind = full_box(b"vmhd", bytes(8), flags=1) if is_video else full_box(b"smhd", bytes(4))
    name = b"vide" if is_video else b"soun"
    reference = full_box(b"dref", struct.pack("!I", 1), full_box(b"url ", flags=1))
    information = box(b"minf", kind, box(b"dinf", reference), samples.table(base))
    media = box(
        b"mdia",
        full_box(b"mdhd", media_head, version=media_version),
        full_box(b"hdlr", struct.pack("!I4s12x", 0, name), b"Danmart\0"),
        information,
    )
    return box(b"trak", full_box(b"tkhd", head, version=version, flags=3), edits, media)
