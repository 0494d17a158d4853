"""The reading budget: bounded, fair, and out of the way while there is room."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.budget import Budget, BudgetRules, fair_share, full, spend

RULES = BudgetRules(per_s=20, burst=20)
START_MS = 1_800_000_000_000

steps = st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abcdefgh")), max_size=300)


@given(steps)
def test_never_more_than_the_rate_and_the_burst_in_any_span(walk: list[tuple[int, str]]) -> None:
    budget, now_ms = full(RULES, START_MS), START_MS
    shown_at: list[int] = []
    for wait_ms, sender in walk:
        now_ms += wait_ms
        budget, shown = spend(budget, RULES, sender, now_ms)
        if shown:
            shown_at.append(now_ms)
    for first in range(len(shown_at)):
        for last in range(first, len(shown_at)):
            span_ms = shown_at[last] - shown_at[first]
            assert last - first + 1 <= RULES.burst + span_ms * RULES.per_s / 1000 + 1e-9


@given(steps)
def test_the_state_stays_small(walk: list[tuple[int, str]]) -> None:
    budget, now_ms = full(RULES, START_MS), START_MS
    for wait_ms, sender in walk:
        now_ms += wait_ms
        budget, _ = spend(budget, RULES, sender, now_ms)
        assert 0 <= budget.tokens <= RULES.burst * 1000
        assert sum(budget.shown.values()) <= RULES.per_s * 5 + RULES.burst


def test_a_quiet_room_shows_everything() -> None:
    budget, now_ms = full(RULES, START_MS), START_MS
    for n in range(500):
        now_ms += 100
        budget, shown = spend(budget, RULES, f"user-{n % 3}", now_ms)
        assert shown


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(0, 4999))
def test_floods_do_not_push_out_who_speaks_now_and_then(flooders: int, phase_ms: int) -> None:
    budget, now_ms = full(RULES, START_MS), START_MS + phase_ms
    quiet_shown = quiet_said = 0
    for tick in range(1500):
        now_ms += 10
        for _ in range(3):
            budget, _ = spend(budget, RULES, f"flood-{tick % flooders}", now_ms)
        if tick % 150 == 75:
            quiet_said += 1
            budget, shown = spend(budget, RULES, f"quiet-{tick % 4}", now_ms)
            quiet_shown += shown
    assert quiet_shown == quiet_said


def test_under_pressure_shares_are_alike() -> None:
    budget, now_ms = full(RULES, START_MS), START_MS
    shown: dict[str, int] = {}
    for tick in range(20_000):
        now_ms += 1 if tick % 2 else 0
        # The first sends ten times as often as each of the others.
        sender = "loud" if tick % 2 else f"user-{tick // 2 % 5}"
        budget, ok = spend(budget, RULES, sender, now_ms)
        shown[sender] = shown.get(sender, 0) + ok
    others = [count for sender, count in shown.items() if sender != "loud"]
    assert shown["loud"] <= 2 * max(others)


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    budget = Budget(0, START_MS)
    budget, shown = spend(budget, RULES, "a", START_MS - 60_000)
    assert not shown
    assert budget.at_ms == START_MS


def test_the_share_shrinks_with_the_crowd_but_everybody_has_one() -> None:
    assert fair_share(RULES, 0) == 100
    assert fair_share(RULES, 9) == 10
    assert fair_share(RULES, 5000) == 1
