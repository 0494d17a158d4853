"""What a node asks of a stream's origin: keyframes and packets again, for all its viewers together. Pure."""

from __future__ import annotations

from media.cascade import wire
from media.ports import MediaKind
from media.rtp.pacing import KeyframePacer

# Who misses one packet is rarely alone: it is asked for once in this time, for everybody.
ASK_AGAIN_MS = 250.0
TELL_EVERY_MS = 1000.0
_REMEMBERED = 1024


class Asking:
    """Gathers what is to be asked; ``take`` gives it as messages. Times are monotonic milliseconds.

    A keyframe is asked for twice a second at most (the origin asks its publisher once a second for all). What
    doesn't fit into the memory of missing packets is not asked for: a keyframe heals it.
    """

    def __init__(self) -> None:
        self._keyframes = KeyframePacer(500)
        self._missing: dict[tuple[MediaKind, int], float] = {}
        self._new: dict[MediaKind, list[int]] = {"video": [], "audio": []}
        self._told_ms: float | None = None

    def want_keyframe(self) -> None:
        self._keyframes.want()

    def keyframe_came(self) -> None:
        self._keyframes.satisfied()

    def missed(self, kind: MediaKind, number: int, now_ms: float) -> bool:
        """A viewer misses the origin's packet ``number``; true if it is worth asking for."""
        asked_ms = self._missing.get((kind, number))
        if asked_ms is not None and now_ms - asked_ms < ASK_AGAIN_MS:
            return False
        new = self._new[kind]
        if number < 0 or len(new) >= wire.MAX_MISSING:
            return False
        self._missing.pop((kind, number), None)  # so that the order stays that of asking
        while len(self._missing) >= _REMEMBERED:
            del self._missing[next(iter(self._missing))]
        self._missing[kind, number] = now_ms
        new.append(number)
        return True

    def take(self, now_ms: float, unix_ms: float, viewers: int) -> list[bytes]:
        """What is to be said now; once a second also how many watch, and what time it is there."""
        messages = []
        if self._keyframes.due(now_ms):
            messages.append(wire.keyframe())
        for kind, numbers in self._new.items():
            if numbers:
                messages.append(wire.missing(kind, numbers))
                self._new[kind] = []
        if self._told_ms is None or now_ms - self._told_ms >= TELL_EVERY_MS:
            self._told_ms = now_ms
            messages += (wire.viewers(viewers), wire.ask_time(unix_ms))
        return messages

    @property
    def is_open(self) -> bool:
        """Whether something waits that isn't due yet."""
        return self._keyframes.wanted
