"""How often what is urgent may go ahead of the tick."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from server.live.urgency import GAP_S, SHARE, may_flush


def test_the_first_goes_at_once() -> None:
    assert may_flush(-math.inf, 0.0, 10_000)


@given(
    gaps=st.lists(st.floats(0, 1), max_size=200),
    viewers=st.integers(0, 100_000),
)
def test_so_many_a_second_and_a_share_of_the_loop(gaps: list[float], viewers: int) -> None:
    last_s, now_s, flushes = -math.inf, 0.0, 0
    for gap in gaps:
        now_s += gap
        if may_flush(last_s, now_s, viewers):
            last_s, flushes = now_s, flushes + 1
    assert flushes <= 1 + now_s / GAP_S
    # At ten microseconds a viewer, as measured.
    assert (flushes - 1) * viewers * 10e-6 <= now_s * SHARE + 1e-6
