"""A playlist's parts and segments, and which of them are still there (RFC 8216bis, 6.2.2)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from media.hls.boxes import VIDEO_RATE

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Part:
    """``duration`` in 90 kHz ticks. ``data`` is moof and mdat; a ``gap`` has none."""

    name: str
    duration: int
    independent: bool
    data: bytes | memoryview
    gap: bool = False


@dataclass(slots=True)
class Segment:
    """``number`` is its media sequence number; ``data`` is there when it is complete.

    ``lines`` is for whoever writes playlists: they don't change once it is.
    """

    number: int
    name: str
    init: str
    discontinuity: bool
    started_ms: int
    parts: list[Part] = field(default_factory=list)
    data: bytes | None = None
    lines: str | None = None

    @property
    def gap(self) -> bool:
        """Whether something is missing in it (4.4.4.7)."""
        return any(part.gap for part in self.parts)

    @property
    def duration(self) -> int:
        """In 90 kHz ticks."""
        return sum(part.duration for part in self.parts)

    @property
    def size(self) -> int:
        return len(self.data) if self.data is not None else sum(len(part.data) for part in self.parts)


class Window:
    """One stream's sliding window. Names begin with ``stream``, unique to it, so that they are immutable.

    ``version`` grows with every change that a playlist shows. A window that begins with another number than
    0 goes on with a stream that began elsewhere: its first segment is a discontinuity, and its discontinuity
    sequence begins with the same number, which is above any that the stream can have come to.
    """

    def __init__(self, stream: str, length_s: int, most_bytes: int, first_number: int = 0) -> None:
        self.stream = stream
        self.segments: deque[Segment] = deque()
        self.discontinuities_gone = first_number
        self.ended = False
        self.version = 0
        self.bytes = 0
        self._length, self._most_bytes = length_s * VIDEO_RATE, most_bytes
        self._next_number = first_number
        self._goes_on = first_number > 0
        self._inits: dict[str, bytes] = {}
        self._init = ""
        self._discontinuity = False
        self._parts: dict[str, Part] = {}
        self._whole: dict[str, Segment] = {}
        self._ticks = 0

    def begin_period(self, init: bytes) -> None:
        """What follows belongs to another init section."""
        self.end_segment()
        self._discontinuity = bool(self.segments) or self._goes_on
        self._init = f"{self.stream}-init{self._next_number}.mp4"
        self._inits[self._init] = init

    def add(
        self,
        data: bytes,
        duration: int,
        *,
        independent: bool,
        first: bool,
        started_ms: int,
        gap: bool = False,
    ) -> Part:
        """Appends a part, to a new segment if it is the ``first`` of one; drops what leaves the window."""
        if first or not self.segments or self.segments[-1].data is not None:
            self.end_segment()
            self._open_segment(started_ms)
        segment = self.segments[-1]
        name = self._part_name(segment.number, len(segment.parts))
        part = Part(name, duration, independent, data, gap)
        segment.parts.append(part)
        if not gap:
            self._parts[part.name] = part
        self.bytes += len(data)
        self._ticks += duration
        self._trim()
        self.version += 1
        return part

    def end_segment(self) -> None:
        """Completes the newest segment, if one is open."""
        if not self.segments or self.segments[-1].data is not None:
            return
        segment = self.segments[-1]
        segment.data = b"".join(part.data for part in segment.parts)
        whole, at = memoryview(segment.data), 0
        for i, part in enumerate(segment.parts):  # the bytes are kept once: parts look into their segment
            segment.parts[i] = replace(part, data=whole[at : at + len(part.data)])
            if not part.gap:
                self._parts[part.name] = segment.parts[i]
            at += len(part.data)
        self._whole[segment.name] = segment
        self.version += 1

    def end(self) -> None:
        """Nothing follows any more."""
        self.end_segment()
        self.ended = True
        self.version += 1

    @property
    def is_presentable(self) -> bool:
        """False while a stream that goes on here has no whole segment yet. A player that has been playing
        takes a playlist without one for a fault."""
        return not self._goes_on or self.ended or any(one.data is not None for one in self.segments)

    @property
    def next_part(self) -> tuple[int, int]:
        """Media sequence number and index of the part that comes next, if its segment goes on."""
        if self.segments and self.segments[-1].data is None:
            return self.segments[-1].number, len(self.segments[-1].parts)
        return self._next_number, 0

    @property
    def newest(self) -> tuple[int, int] | None:
        """Media sequence number and index of the newest part, None before the first (4.4.5.4)."""
        segment = self.segments[-1] if self.segments else None
        return None if segment is None else (segment.number, len(segment.parts) - 1)

    @property
    def hint(self) -> str:
        """The name of the part that comes next."""
        return self._part_name(*self.next_part)

    def has(self, number: int, part: int | None) -> bool:
        """Whether the playlist holds that segment in whole, or that part of it.

        An index after the last part of a complete segment means the next segment's first one (6.2.5.2).
        """
        if part is None:
            return (number + 1, 0) <= self.next_part
        first = self.segments[0].number if self.segments else self._next_number
        if first <= number < self.next_part[0] and part >= len(self.segments[number - first].parts):
            number, part = number + 1, 0
        return (number, part) < self.next_part

    def find(self, name: str) -> bytes | memoryview | None:
        """The bytes of an init section, segment or part that is (still) there."""
        if name in self._parts:
            return self._parts[name].data
        if name in self._inits:
            return self._inits[name]
        return self._whole[name].data if name in self._whole else None

    def _open_segment(self, started_ms: int) -> None:
        number = self._next_number
        name = f"{self.stream}-{number}.m4s"
        self.segments.append(Segment(number, name, self._init, self._discontinuity, started_ms))
        self._discontinuity = False
        self._next_number += 1

    def _part_name(self, number: int, index: int) -> str:
        return f"{self.stream}-{number}.{index}.m4s"

    def _trim(self) -> None:
        """Lets go of the oldest segments, but never of the last three: a player needs them to start."""
        while len(self.segments) > _FEWEST and (self._ticks > self._length or self.bytes > self._most_bytes):
            gone = self.segments.popleft()
            self._ticks -= gone.duration
            self._whole.pop(gone.name, None)
            self.bytes -= gone.size
            self.discontinuities_gone += gone.discontinuity
            for part in gone.parts:
                self._parts.pop(part.name, None)
            if self.segments[0].init != gone.init and gone.init != self._init:  # nobody comes back to one
                del self._inits[gone.init]
