from hypothesis import given
from hypothesis import strategies as st

from server.live.tempo import LONG_S, SHARE, SHARE_MAX, TICK_S, gather_s, tick_s

seconds = st.floats(0, 5)


def test_a_room_that_is_written_in_no_time_has_twenty_frames_a_second() -> None:
    assert tick_s(0) == tick_s(0.009) == TICK_S == 0.05


def test_writing_gets_a_fifth_of_the_loop_until_viewers_would_wait_too_long() -> None:
    assert tick_s(0.014) == 0.014 / SHARE
    assert tick_s(0.08) == LONG_S
    assert tick_s(0.2) == 0.2 / SHARE_MAX


@given(seconds, seconds)
def test_the_tick_never_gets_shorter_by_more_writing_and_never_leaves_less_than_half(
    a: float, b: float
) -> None:
    assert tick_s(min(a, b)) <= tick_s(max(a, b))
    assert tick_s(a) >= 2 * a
    assert gather_s(tick_s(a)) > tick_s(a)
