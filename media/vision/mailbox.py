"""Frames that wait to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from media.checks.mailbox import SIZE_MAX

Kind = Literal["part", "vp8", "image"]
FRAME_MAX_BYTES = SIZE_MAX


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
