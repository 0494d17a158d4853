"""How far a clock is off, by reports that may be held up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.offset import ClockOffset

DELAYS = st.lists(st.floats(0, 900), min_size=1, max_size=25)


@given(st.floats(-30_000, 30_000), DELAYS)
def test_the_quickest_report_tells(apart_ms: float, delays_ms: list[float]) -> None:
    offset = ClockOffset()
    found = [offset.add(apart_ms + delay) for delay in delays_ms]
    assert found == sorted(found, reverse=True)
    assert found[-1] == offset.ms == min(apart_ms + delay for delay in delays_ms)


def test_a_clock_that_was_set_counts_from_then_on() -> None:
    offset = ClockOffset()
    assert offset.ms is None
    offset.add(5.0)
    assert offset.add(3_600_005.0) == 3_600_005.0


def test_old_reports_are_forgotten_as_clocks_drift() -> None:
    offset = ClockOffset()
    offset.add(1.0)
    for _ in range(30):
        offset.add(4.0)
    assert offset.ms == 4.0
