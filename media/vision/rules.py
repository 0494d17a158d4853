"""When a picture counts as a hit, when hits count as something to act on, and how often to look. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

OTHERS = "*"
"""Among thresholds: every class that isn't named."""
FINDINGS_MAX = 10

Turn = Literal["begin", "end"]


class Finding(NamedTuple):
    """A class whose score (0 to 1) reached its threshold."""

    name: str
    score: float


def findings(scores: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[Finding, ...]:
    """The classes that hit, the surest first, at most ten. A class without a threshold never does, unless
    there is one for ``OTHERS``; what isn't a number hits as if it were 1."""
    hits = []
    for name, given in scores.items():
        score = given if given == given else 1.0  # NaN is no reason to let something through
        threshold = thresholds.get(name, thresholds.get(OTHERS))
        if threshold is not None and score >= threshold:
            hits.append(Finding(name, round(min(max(score, 0.0), 1.0), 3)))
    hits.sort(key=lambda one: (-one.score, one.name))
    return tuple(hits[:FINDINGS_MAX])


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


@dataclass(slots=True)
class Pace:
    """How much of a core may go into looking: after a look there is a pause, the longer the more it cost."""

    share: float
    not_before: float = 0.0

    def spent(self, began: float, cpu_s: float) -> None:
        """A look that began then cost so much: the next begins when that is no more than the share."""
        self.not_before = max(self.not_before, began + cpu_s / self.share)
