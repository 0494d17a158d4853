"""Where the bytes of a movie's media data come from, in order."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

OWN = 0
"""The ``segment`` of bytes that are in no segment: ``Pieces.own`` holds them."""


class Piece(NamedTuple):
    """``length`` bytes of the segment of this number, from ``start`` on."""

    segment: int
    start: int
    length: int


class Pieces:
    """Stretches of segments, one after the other; neighbours are joined. ``own``: the bytes of ``OWN``."""

    def __init__(self) -> None:
        self.size = 0
        self.own = b""
        self._numbers = array("Q")
        self._starts = array("Q")
        self._ends = array("Q")  # in the media data

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, segment: int, start: int, length: int) -> int:
        """Its place in the media data. Numbers of segments are 1 or more."""
        place = self.size
        self.size += length
        if self._ends and self._numbers[-1] == segment and self._end_in_segment() == start:
            self._ends[-1] = self.size
        elif length:
            self._numbers.append(segment)
            self._starts.append(start)
            self._ends.append(self.size)
        return place

    def add_own(self, data: bytes) -> int:
        """The same for bytes that no segment has."""
        start, self.own = len(self.own), self.own + data
        return self.add(OWN, start, len(data))

    def between(self, start: int, stop: int) -> Iterator[Piece]:
        """What makes up the media data from ``start`` to before ``stop``."""
        index = bisect_right(self._ends, start)
        while index < len(self._ends) and start < stop:
            begins = self._ends[index - 1] if index else 0
            end = min(stop, self._ends[index])
            yield Piece(self._numbers[index], self._starts[index] + start - begins, end - start)
            start, index = end, index + 1

    def _end_in_segment(self) -> int:
        begins = self._ends[-2] if len(self._ends) > 1 else 0
        return self._starts[-1] + self._ends[-1] - begins
