"""The sample tables of one track (ISO 14496-12, 8.6 and 8.7), filled sample by sample. A million samples are
a few megabytes: sizes and places are kept as plain numbers, times as runs of equal ones."""

from __future__ import annotations

import struct
import sys
from array import array

from media.movie.box import box, full_box

_NOT_SYNC = 0x00010000
_FOUR_GIB = 1 << 32


class Samples:
    """``start`` is the first one's decoding time, ``end`` where the last one ends, in the track's ticks."""

    def __init__(self) -> None:
        self.start = 0
        self.count = 0
        self.first_shift = 0
        self.lowest_shift = 0
        self.descriptions: list[bytes] = []
        self._last = self._last_duration = 0
        self._sizes = array("I")
        self._durations = array("I")  # pairs: count, ticks
        self._shifts: list[list[int]] = []  # pairs: count, ticks
        self._sync = array("I")
        self._places = array("Q")
        self._chunks: list[
            list[int]
        ] = []  # first chunk, samples in each, description: each run of equal ones

    @property
    def end(self) -> int:
        return self._last + self._last_duration if self.count else 0

    def describe(self, description: bytes) -> int:
        """The number, from 1, of a sample description."""
        if description not in self.descriptions:
            self.descriptions.append(description)
        return self.descriptions.index(description) + 1

    def chunk(self, place: int, count: int, description: int) -> None:
        """``count`` samples lie at ``place``, counted from where the media data begin."""
        self._places.append(place)
        if not self._chunks or self._chunks[-1][1:] != [count, description]:
            self._chunks.append([len(self._places), count, description])

    def add(self, time: int, duration: int, size: int, flags: int, shift: int) -> None:
        """The next sample; each lasts until the one after it begins, whatever was said of its duration."""
        if self.count == 0:
            self.start, self.first_shift, self.lowest_shift = time, shift, shift
        else:
            time = max(time, self._last + 1)
            self._lasts(time - self._last)
        self.count += 1
        self._last, self._last_duration = time, duration
        self._sizes.append(size)
        if not flags & _NOT_SYNC:
            self._sync.append(self.count)
        self.lowest_shift = min(self.lowest_shift, shift)
        if self._shifts and self._shifts[-1][1] == shift:
            self._shifts[-1][0] += 1
        else:
            self._shifts.append([1, shift])

    def _lasts(self, ticks: int) -> None:
        if self._durations and self._durations[-1] == ticks:
            self._durations[-2] += 1
        else:
            self._durations.extend((1, ticks))

    def table(self, base: int) -> bytes:
        """The box ``stbl``, the media data beginning at ``base`` of the file."""
        durations = self._durations[:]
        self._lasts(max(1, self._last_duration))
        times = _pairs(b"stts", self._durations)
        self._durations = durations
        parts = [full_box(b"stsd", struct.pack("!I", len(self.descriptions)), *self.descriptions), times]
        if len(self._sync) < self.count:
            parts.append(full_box(b"stss", struct.pack("!I", len(self._sync)), _big(self._sync)))
        if self.lowest_shift or any(shift for _, shift in self._shifts):
            above = array(
                "I", [n for count, shift in self._shifts for n in (count, shift - self.lowest_shift)]
            )
            parts.append(_pairs(b"ctts", above))
        chunks = b"".join(struct.pack("!3I", *run) for run in self._chunks)
        parts.append(full_box(b"stsc", struct.pack("!I", len(self._chunks)), chunks))
        parts.append(full_box(b"stsz", struct.pack("!II", 0, self.count), _big(self._sizes)))
        parts.append(self._offsets(base))
        return box(b"stbl", *parts)

    def _offsets(self, base: int) -> bytes:
        count = struct.pack("!I", len(self._places))
        if base + (self._places[-1] if self._places else 0) < _FOUR_GIB:
            return full_box(b"stco", count, _big(array("I", (base + place for place in self._places))))
        return full_box(b"co64", count, _big(array("Q", (base + place for place in self._places))))


def _pairs(kind: bytes, numbers: array[int]) -> bytes:
    return full_box(kind, struct.pack("!I", len(numbers) // 2), _big(numbers))


def _big(numbers: array[int]) -> bytes:
    """The numbers in the order of bytes that files have."""
    if sys.byteorder == "little":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
