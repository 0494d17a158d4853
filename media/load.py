"""How much of the event loop's time is taken, and how far behind it is: can a node take more viewers?"""

from __future__ import annotations

_WINDOW_S = 2.0
# One long call says little, and a mean over this many beats (half a second of them) says enough.
_SMOOTHING = 0.1


class LoopLoad:
    """Fed by a beat that the loop makes every so often. All times in seconds, of clocks that never go back.

    ``busy`` is the share (0..1) of processor time that the loop's thread took over the last two seconds;
    ``lag_s`` the running mean of how late beats came.
    """

    def __init__(self) -> None:
        self.busy = 0.0
        self.lag_s = 0.0
        self._due: float | None = None
        self._mark: tuple[float, float] | None = None

    def beat(self, now: float, cpu: float, *, next_in_s: float) -> None:
        """The loop got round to this; ``cpu`` is the processor time of its thread so far."""
        if self._due is not None:
            self.lag_s += _SMOOTHING * (max(0.0, now - self._due) - self.lag_s)
        self._due = now + next_in_s
        if self._mark is None:
            self._mark = (now, cpu)
        elif now - self._mark[0] >= _WINDOW_S:
            self.busy = min(1.0, (cpu - self._mark[1]) / (now - self._mark[0]))
            self._mark = (now, cpu)

    def rest(self) -> None:
        """There will be no beats for a while: nothing is known any more."""
        self.busy = self.lag_s = 0.0
        self._due = self._mark = None
