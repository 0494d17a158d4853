"""When frames that hit count as something to act on, and for how long. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from media.checks.findings import FINDINGS_MAX, OTHERS, Finding, findings

__all__ = ["FINDINGS_MAX", "OTHERS", "Finding", "Steadiness", "Turn", "Watch", "findings"]

Turn = Literal["begin", "end"]


@dataclass(frozen=True, slots=True)
class Steadiness:
    """``hits`` frames out of the last ``of`` make something to act on; ``calm`` clean ones in a row end it.
    What goes on and on is reported anew every ``again_s`` seconds."""

    hits: int = 2
    of: int = 3
    calm: int = 6
    again_s: float = 600.0


class Watch:
    """The frames of one stream as they were judged. ``on``: something is being acted on already."""

    def __init__(self, steadiness: Steadiness, *, on: bool = False) -> None:
        self._rule = steadiness
        self._last: deque[bool] = deque(maxlen=steadiness.of)
        self._shown: deque[int] = deque(maxlen=steadiness.of + 1)
        self._clean = 0
        self._since = float("-inf")
        self.on = on

    @property
    def uneasy(self) -> bool:
        """A hit among the last frames that has led to nothing yet: the next look shouldn't wait."""
        return not self.on and any(self._last)

    @property
    def since_ms(self) -> int:
        """Since when there may have been something to see: the look before the first of the hits that count,
        or that hit itself if nothing was looked at before. There must have been one."""
        before = len(self._shown) - len(self._last)
        first = next(n for n, hit in enumerate(self._last) if hit)
        return self._shown[max(0, before + first - 1)]

    def see(self, hit: bool, now: float, at_ms: int = 0) -> Turn | None:
        """Takes the next frame, shown at ``at_ms``; says what changes with it. ``now`` is in seconds, on any
        clock."""
        self._last.append(hit)
        self._shown.append(at_ms)
        self._clean = 0 if hit else self._clean + 1
        if self.on and self._clean >= self._rule.calm:
            self.on = False
            self._last.clear()
            # The last look stays: a hit that follows may have begun right after it.
            self._shown = deque([at_ms], maxlen=self._shown.maxlen)
            return "end"
        due = not self.on or now - self._since >= self._rule.again_s
        if hit and due and sum(self._last) >= self._rule.hits:
            self.on, self._since = True, now
            return "begin"
        return None

    def undo(self, turn: Turn) -> None:
        """What was to be done couldn't be: the next frame that speaks for it says so again."""
        self.on = turn == "end"
        self._since = float("-inf")
