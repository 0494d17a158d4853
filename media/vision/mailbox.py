"""Frames that wait to be looked at: of each stream the newest one, so that nothing ever queues up. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

Kind = Literal["part", "vp8", "image"]
STREAMS_MAX = 256
FRAME_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture as it came: a CMAF part with its ``init`` section, which begins with a keyframe; a keyframe
    of VP8; or a whole file. ``at_ms`` is the wall clock at which it was shown."""

    kind: Kind
    data: bytes
    init: bytes = b""
    at_ms: int = 0

    @property
    def size(self) -> int:
        return len(self.init) + len(self.data)


class Mailbox:
    """A place for each stream; who waits longest is looked at first, however often its frame is renewed."""

    def __init__(self, streams_max: int = STREAMS_MAX, frame_max_bytes: int = FRAME_MAX_BYTES) -> None:
        self._streams_max, self._frame_max = streams_max, frame_max_bytes
        self._frames: OrderedDict[str, Frame] = OrderedDict()

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, stream: str, frame: Frame) -> bool:
        """Whether nothing is left out by it: neither an older frame of the stream, nor this one because it is
        too large or too many streams wait."""
        if frame.size > self._frame_max:
            return False
        known = stream in self._frames
        if not known and len(self._frames) >= self._streams_max:
            return False
        self._frames[stream] = frame
        return not known

    def take(self) -> tuple[str, Frame] | None:
        """The frame of the stream that has waited longest."""
        return self._frames.popitem(last=False) if self._frames else None

    def drop(self, stream: str) -> None:
        self._frames.pop(stream, None)
