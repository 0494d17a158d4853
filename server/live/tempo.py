"""How often rooms get frames: the tick, stretched by how long writing takes. No I/O."""

from __future__ import annotations

TICK_S = 0.05
SHARE = 0.2
SHARE_MAX = 0.5
LONG_S = 0.25

GATHER_MORE_S = 0.01
"""By how much commits of what is shown are further apart than frames, so that each meets a ticker at rest."""


def tick_s(writing_s: float) -> float:
    """How long from the beginning of a frame to that of the next, when writing one takes ``writing_s``.

    Writing gets a fifth of the loop, and commands the rest. Rather than have viewers wait for more than a
    quarter of a second, it gets more, but never over half.
    """
    wished = max(TICK_S, writing_s / SHARE)
    return min(wished, max(LONG_S, writing_s / SHARE_MAX))


def gather_s(tick: float) -> float:
    """How long commands that are seen with the next frame wait for company before they are committed."""
    return tick + GATHER_MORE_S
