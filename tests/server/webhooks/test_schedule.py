"""When deliveries are tried again, and what is thought of an endpoint in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.webhooks.schedule import (
    FAILURES_BEFORE_PAUSE,
    GIVE_UP_MS,
    PAUSE_MAX_MS,
    PAUSE_MIN_MS,
    RETRIES_MS,
    Health,
    retry_in_ms,
)


def test_the_schedule_is_the_specifications() -> None:
    hours = 3_600_000
    assert RETRIES_MS[:3] == (5_000, 300_000, 1_800_000)
    assert [ms / hours for ms in RETRIES_MS[3:]] == [2, 5, 10, 14, 20, 24]
    assert retry_in_ms(len(RETRIES_MS) + 1, 0) is None


@given(st.integers(1, len(RETRIES_MS)), st.floats(0, 1, exclude_max=True))
def test_chance_makes_it_later_by_a_fifth_at_most(attempts: int, chance: float) -> None:
    wait_ms = retry_in_ms(attempts, chance)
    assert wait_ms is not None
    assert RETRIES_MS[attempts - 1] <= wait_ms <= RETRIES_MS[attempts - 1] * 1.2 + 1


def _missed(times: int, now_ms: int = 1000) -> Health:
    health = Health()
    for _ in range(times):
        health = health.missed(now_ms, 0)
    return health


def test_an_endpoint_that_is_absent_gets_one_attempt_a_pause() -> None:
    few, many = _missed(FAILURES_BEFORE_PAUSE - 1), _missed(FAILURES_BEFORE_PAUSE)
    assert few.may_send(1000, 7)
    assert not many.may_send(1000, 0)
    assert many.may_send(1000 + PAUSE_MIN_MS, 0)
    assert not many.may_send(1000 + PAUSE_MIN_MS, 1)
    assert _missed(100).paused_until_ms == 1000 + PAUSE_MAX_MS
    assert many.taken(5000).may_send(5000, 7)
    assert many.refused(5000).may_send(5000, 7)


def test_a_receiver_may_ask_for_more_time_within_reason() -> None:
    absent = _missed(FAILURES_BEFORE_PAUSE)
    assert absent.missed(1000, 0, 60_000).paused_until_ms == 61_000
    assert absent.missed(1000, 0, 10**9).paused_until_ms == 1000 + PAUSE_MAX_MS


def test_it_is_hopeless_after_five_days_in_which_nothing_was_taken() -> None:
    health = Health().refused(1000).missed(2000, 0).refused(GIVE_UP_MS)
    assert not health.is_hopeless(GIVE_UP_MS)
    assert health.is_hopeless(GIVE_UP_MS + 1000)
    assert not health.taken(GIVE_UP_MS).is_hopeless(GIVE_UP_MS * 3)
