"""How often urgent events may do without the tick. Pure: time comes in as an argument."""

from __future__ import annotations

GAP_S = 0.25
"""Four urgent frames of a room in a second; what comes more often is carried by the tick, 50 ms later."""
COST_S = 10e-6
"""What writing a frame to one viewer takes of the loop, rounded up."""
SHARE = 0.25
"""Of the loop, for urgent frames of one room. The tick beside it takes at most half."""


def gap_s(viewers: int) -> float:
    """How long after an urgent frame the next one may not yet be written ahead of the tick."""
    return max(GAP_S, viewers * COST_S / SHARE)


def may_flush(last_s: float, now_s: float, viewers: int) -> bool:
    """Whether an urgent event is written at once, or waits for the tick like others.

    ``last_s`` is when that was last done in this room, for ``viewers`` connections.
    """
    return now_s - last_s >= gap_s(viewers)
