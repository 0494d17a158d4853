"""Pacing, with time handed in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooms.comments import slow_mode_wait_ms
from rooms.pace import Pacer


@given(
    st.integers(1, 6),
    st.integers(1, 5000),
    st.lists(st.tuples(st.integers(0, 3000), st.booleans())).map(list),
)
def test_no_window_ever_holds_more_than_allowed(
    count: int, window_ms: int, steps: list[tuple[int, bool]]
) -> None:
    pacer, now_ms, taken = Pacer(count, window_ms), 0, list[int]()
    for step_ms, patient in steps:
        now_ms += step_ms
        wait_ms = pacer.wait_ms("lin", now_ms)
        if wait_ms and patient:
            assert pacer.wait_ms("lin", now_ms + wait_ms - 1) > 0  # exact: not a moment too long
            now_ms += wait_ms
            wait_ms = pacer.wait_ms("lin", now_ms)
            assert wait_ms == 0
        if not wait_ms:
            pacer.take("lin", now_ms)
            taken.append(now_ms)
    assert all(later - earlier >= window_ms for earlier, later in zip(taken, taken[count:], strict=False))


def test_what_is_given_back_was_not_taken() -> None:
    pacer = Pacer(2, 1000)
    pacer.take("lin", 0)
    pacer.take("lin", 10)
    pacer.give_back("lin", 10)
    assert pacer.wait_ms("lin", 20) == 0
    pacer.take("lin", 20)
    assert pacer.wait_ms("lin", 30) == 970
    pacer.give_back("lin", 999)
    pacer.give_back("nobody", 0)
    assert pacer.wait_ms("lin", 30) == 970


def test_memory_is_bounded() -> None:
    pacer = Pacer(1, 1000, keys_max=3)
    for n in range(10):
        pacer.take(f"u{n}", 0)
    assert len(pacer._taken) == 3
    assert pacer.wait_ms("u9", 0) == 1000
    assert pacer.wait_ms("u0", 0) == 0


@given(st.integers(0, 3600), st.none() | st.integers(0, 10**13), st.integers(0, 10**13))
def test_slow_mode_never_makes_anybody_wait_longer_than_it_is(
    slow_mode_s: int, last_ms: int | None, now_ms: int
) -> None:
    wait_ms = slow_mode_wait_ms(slow_mode_s, last_ms, now_ms)
    assert 0 <= wait_ms <= slow_mode_s * 1000
    if last_ms is None or now_ms - last_ms >= slow_mode_s * 1000:
        assert wait_ms == 0
    elif now_ms >= last_ms:
        assert wait_ms == slow_mode_s * 1000 - (now_ms - last_ms)
