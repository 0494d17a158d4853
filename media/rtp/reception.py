"""What a receiver reports about a source: loss, jitter, highest number (RFC 3550, 6.4.1, A.3, A.8)."""

from __future__ import annotations

from media.rtp.rtcp import ReportBlock


class Reception:
    """Counts one source. Sequence numbers are unwrapped, arrival is in monotonic milliseconds."""

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self.octets = 0
        self._clock_rate = clock_rate
        self._base: int | None = None
        self._highest = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._timestamp: int | None = None
        self._expected_before = 0
        self._received_before = 0
        self._report: tuple[int, float] | None = None

    def add(self, sequence: int, timestamp: int, size: int, now_ms: float) -> None:
        self.received += 1
        self.octets += size
        if self._base is None:
            self._base = self._highest = sequence
        self._highest = max(self._highest, sequence)
        if timestamp == self._timestamp:
            return
        transit = now_ms * self._clock_rate / 1000 - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < self._clock_rate * 10:  # a wrap of the timestamp is not jitter
                self._jitter += (change - self._jitter) / 16
        self._transit, self._timestamp = transit, timestamp

    def sender_report(self, ntp: int, now_ms: float) -> None:
        """A sender report with this 64-bit NTP time has come: the next report refers to it."""
        self._report = ((ntp >> 16) & 0xFFFFFFFF, now_ms)

    @property
    def expected(self) -> int:
        return self._highest - self._base + 1 if self._base is not None else 0

    def take_loss(self) -> float:
        """The share of packets lost since the last call, 0..1."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        return min(1.0, lost / expected) if expected > 0 and lost > 0 else 0.0

    def report(self, loss: float, now_ms: float) -> ReportBlock:
        """The report block to send, with ``loss`` from ``take_loss``."""
        last_sr, delay = 0, 0
        if self._report is not None:
            last_sr = self._report[0]
            delay = round((now_ms - self._report[1]) * 65.536) & 0xFFFFFFFF
        lost = max(-0x800000, min(self.expected - self.received, 0x7FFFFF))
        fraction = min(255, int(loss * 256))
        jitter = int(self._jitter) & 0xFFFFFFFF
        return ReportBlock(self.ssrc, fraction, lost, self._highest & 0xFFFFFFFF, jitter, last_sr, delay)
