"""How long a picture takes from its publisher to the node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.latency import Uplink

NOW = 1_760_000_000_000.0
RATE = 90


def _watch(
    skew_ms: float, way_ms: float, encoding_ms: float, jitter: list[float], first: int = 5_000
) -> Uplink:
    """A publisher whose clock is ``skew_ms`` behind ours; reports and pictures, a report a second."""
    uplink = Uplink()
    for second, late in enumerate(jitter):
        captured = NOW + second * 1000
        timestamp = first + second * 1000 * RATE & 0xFFFFFFFF
        uplink.report(captured - skew_ms, timestamp, captured + way_ms + late, 2 * way_ms)
        for frame in range(25):
            at = captured + frame * 40
            uplink.frame(timestamp + frame * 40 * RATE & 0xFFFFFFFF, at + encoding_ms + way_ms)
    return uplink


def test_nothing_is_known_before_a_report() -> None:
    uplink = Uplink()
    uplink.frame(1, NOW)
    assert uplink.second() is None
    assert uplink.skew_ms is None


@given(st.floats(-86_400_000, 86_400_000), st.floats(0, 200), st.floats(0, 100), st.integers(0, 0xFFFFFFFF))
def test_a_clock_that_is_off_changes_nothing(skew: float, way: float, encoding: float, first: int) -> None:
    uplink = _watch(skew, way, encoding, [0.0, 0.0, 0.0], first)
    assert uplink.skew_ms == pytest.approx(skew, abs=0.1)
    assert uplink.second() == pytest.approx(way + encoding, abs=0.1)


def test_reports_that_were_held_up_are_outweighed_by_a_quick_one() -> None:
    uplink = _watch(7_000, 20, 15, [80.0, 0.0, 45.0, 120.0])
    assert uplink.skew_ms == pytest.approx(7_000, abs=0.1)
    assert uplink.second() == pytest.approx(35, abs=0.1)


def test_each_second_speaks_for_itself() -> None:
    uplink = _watch(0, 20, 15, [0.0])
    assert uplink.second() is not None
    assert uplink.second() is None
    assert uplink.delay_ms is None


def test_a_clock_that_is_set_meanwhile_is_believed_anew() -> None:
    uplink = _watch(0, 20, 15, [0.0])
    uplink.second()
    uplink.report(NOW + 3_600_000, 900_000, NOW + 5_020, 40)
    assert uplink.skew_ms == pytest.approx(-3_595_000, abs=0.1)
    uplink.frame(900_000, NOW + 5_035)
    assert uplink.second() == pytest.approx(35, abs=0.1)
