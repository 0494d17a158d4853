"""Times by sender reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clients.probe.whep import SenderClock

UNIX_MS = 1_700_000_000_000
NTP = int((UNIX_MS / 1000 + 2_208_988_800) * (1 << 32))


def test_before_a_report_nothing_is_known() -> None:
    assert SenderClock(90_000).wall_ms(5) is None


@given(st.integers(0, 0xFFFFFFFF), st.integers(-900_000, 900_000))
def test_rtp_time_becomes_wall_time_over_wraps(timestamp: int, ticks: int) -> None:
    clock = SenderClock(90_000)
    clock.report(NTP, timestamp)
    found = clock.wall_ms(timestamp + ticks & 0xFFFFFFFF)
    assert found is not None
    assert abs(found - (UNIX_MS + ticks / 90)) < 0.01
