"""How long a picture takes from its publisher to the node, whatever the publisher's clock says. Pure.

A sender report (RFC 3550, 6.4.1) says which RTP time it was when the publisher's clock said what. That clock
may be off by hours, so it is only used for differences: a report is sent at once, so it has been on its way
for about half a round trip when it arrives, and the quickest of the last ones tells how far the clocks are
apart. What remains unknown is by how much the two directions of the path differ: at worst half a round trip.
"""

from __future__ import annotations

from collections import deque

from media.offset import ClockOffset
from media.rtp.sequence import distance32

_FRAMES_KEPT = 120
_LONGEST_MS = 60_000.0  # more is no delay


class Uplink:
    """One publisher's video. Times are Unix milliseconds of this node unless they say otherwise."""

    def __init__(self, clock_rate: int = 90_000) -> None:
        self._rate = clock_rate
        self._apart = ClockOffset()
        self._report: tuple[float, int] | None = None
        self._delays: deque[float] = deque(maxlen=_FRAMES_KEPT)
        self.delay_ms: float | None = None

    @property
    def skew_ms(self) -> float | None:
        """What to add to the publisher's clock to get ours; ``None`` before its first report."""
        return self._apart.ms

    def report(self, ntp_ms: float, timestamp: int, now_ms: float, rtt_ms: float | None) -> None:
        """A sender report has come: ``ntp_ms`` is the publisher's clock at its RTP ``timestamp``."""
        self._apart.add(now_ms - ntp_ms - (rtt_ms or 0.0) / 2)
        self._report = (ntp_ms, timestamp)

    def frame(self, timestamp: int, now_ms: float) -> None:
        """The last packet of a picture has come."""
        skew = self.skew_ms
        if self._report is None or skew is None:
            return
        ntp_ms, at = self._report
        captured_ms = ntp_ms + distance32(timestamp, at) * 1000 / self._rate + skew
        if abs(now_ms - captured_ms) <= _LONGEST_MS:
            self._delays.append(now_ms - captured_ms)

    def second(self) -> float | None:
        """To be called once a second: the median over the pictures since the last time, never negative."""
        if self._delays:
            self.delay_ms = max(0.0, sorted(self._delays)[len(self._delays) // 2])
        else:
            self.delay_ms = None
        self._delays.clear()
        return self.delay_ms
