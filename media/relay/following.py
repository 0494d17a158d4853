"""Can a viewer follow, and how often may it ask for what costs everybody: pure decisions, times passed in."""

from __future__ import annotations

from enum import Enum

# Three tenths lost, twice in a row: less is better than a picture that never gets whole. A fifth can be
# repaired, and looks like a quarter now and then, as a report counts some forty packets only.
_LOSS_TO_HOLD = 0.3
# A queue on the way that grows by this much beyond the shortest round trip is fuller than it will ever serve.
_RTT_TO_HOLD_MS = 1000.0
# What comes back from a hold and is in trouble again adds up to this in some fifteen seconds: sooner than the
# half minute for which a page must have played before it thinks a second attempt worth it.
_HOPELESS = 6.0
_RELIEF = 0.25

_FIRST_WAIT_MS, _LAST_WAIT_MS = 500.0, 4000.0
_FORGIVEN_AFTER_MS = 10_000.0


class Verdict(Enum):
    """What a report says about its viewer."""

    FOLLOWS = "follows"
    HOLD = "hold"  # send nothing until the next keyframe
    HOPELESS = "hopeless"  # it can't be helped here: less is to be had by HLS


class Following:
    """Judges the receiver reports of one viewer's picture, which come about once a second."""

    __slots__ = ("_bad", "_shortest_rtt_ms", "_trouble")

    def __init__(self) -> None:
        self._bad = 0
        self._trouble = 0.0
        self._shortest_rtt_ms: float | None = None

    def judge(self, loss: float, rtt_ms: float | None) -> Verdict:
        """``loss`` is 0..1 since the report before; ``rtt_ms`` as far as it is known."""
        if loss < _LOSS_TO_HOLD and not self._queues(rtt_ms):
            self._bad = 0
            self._trouble = max(0.0, self._trouble - _RELIEF)
            return Verdict.FOLLOWS
        self._bad += 1
        self._trouble += 1
        if self._trouble >= _HOPELESS:
            return Verdict.HOPELESS
        if self._bad < 2:
            return Verdict.FOLLOWS
        self._bad = 0
        return Verdict.HOLD

    def _queues(self, rtt_ms: float | None) -> bool:
        if rtt_ms is None:
            return False
        if self._shortest_rtt_ms is None or rtt_ms < self._shortest_rtt_ms:
            self._shortest_rtt_ms = rtt_ms
        return rtt_ms - self._shortest_rtt_ms > _RTT_TO_HOLD_MS


class KeyframeWish:
    """One viewer's wishes for keyframes, which the publisher makes for everybody: a viewer that keeps asking
    waits longer each time, up to four seconds, and is forgiven after ten without a wish. Monotonic ms."""

    __slots__ = ("_granted_ms", "_wait_ms", "_wished_ms")

    def __init__(self) -> None:
        self._granted_ms: float | None = None
        self._wait_ms = 0.0
        self._wished_ms: float | None = None

    def wish(self, now_ms: float) -> None:
        if self._wished_ms is None:
            self._wished_ms = now_ms

    def due(self, now_ms: float, keyframe_at_ms: float | None) -> bool:
        """True when the publisher is to be asked now; that counts as granted.

        ``keyframe_at_ms`` is when the last keyframe came: it answers every wish from before.
        """
        wished, granted = self._wished_ms, self._granted_ms
        if wished is None:
            return False
        if keyframe_at_ms is not None and keyframe_at_ms > wished:
            self._wished_ms = None
            return False
        if granted is not None and now_ms - granted < self._wait_ms:
            return False
        forgiven = granted is None or now_ms - granted > _FORGIVEN_AFTER_MS
        self._wait_ms = _FIRST_WAIT_MS if forgiven else min(_LAST_WAIT_MS, 2 * self._wait_ms)
        self._granted_ms, self._wished_ms = now_ms, None
        return True
