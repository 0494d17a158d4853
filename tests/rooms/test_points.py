"""What earns points and how many: by whole steps, up to the bounds of each task and of the day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.days import DAY_MS, Days
from rooms.points.rules import (
    DayRow,
    PointRules,
    Task,
    badges_of,
    count,
    level_of,
    progress,
    standing,
)

RULES = PointRules({"comment": Task(2, per=3, times=4), "watch": Task(5, per=100, times=10)}, a_day=20)
FRESH = DayRow(1, "lin", {}, {}, 0)


def test_whole_steps_earn() -> None:
    day, earnings = count(RULES, FRESH, {"comment": 2})
    assert (day.done, earnings) == ({"comment": 2}, [])
    day, earnings = count(RULES, day, {"comment": 5})
    assert [(e.task, e.reached, e.points) for e in earnings] == [("comment", 7, 4)]
    assert earnings[0].ref(1, "lin") == "comment:1:7:lin"


def test_no_task_earns_beyond_its_bound_and_all_not_beyond_the_days() -> None:
    day, _ = count(RULES, FRESH, {"comment": 1000})
    assert (next(progress(RULES, day))["task"], list(progress(RULES, day))[1]["done"], day.total) == (
        "watch",
        12,
        8,
    )
    assert day.done["comment"] == 1000, "one that is deleted may leave as many as earn"
    day, earnings = count(RULES, day, {"watch": 500, "comment": 3})
    assert [e.points for e in earnings] == [12]
    assert day.total == RULES.a_day
    day, earnings = count(RULES, day, {"watch": 500})
    assert earnings == []
    assert day.done["watch"] == 1000, "it is shown as done, all the same"


def test_what_no_rule_asks_for_counts_for_nothing() -> None:
    assert count(RULES, FRESH, {"gift": 5, "comment": 0, "watch": -7}) == (FRESH, [])


def test_what_is_taken_back_costs_what_it_earned() -> None:
    day, _ = count(RULES, FRESH, {"comment": 14})
    day, earnings = count(RULES, day, {"-comment": 2}, have=8)
    assert earnings == [], "there are twelve yet, which is all that earns"
    day, earnings = count(RULES, day, {"-comment": 1}, have=8)
    assert [(e.task, e.reached, e.points) for e in earnings] == [("comment", 3, -2)]
    assert (day.total, day.earned) == (6, {"comment": 6})
    day, earnings = count(RULES, day, {"-comment": 11}, have=1)
    assert [e.points for e in earnings] == [-1], "what is spent isn't owed"
    day, earnings = count(RULES, day, {"comment": 6}, have=0)
    assert earnings == [], "nor is it earned again"
    day, earnings = count(RULES, day, {"comment": 3})
    assert [e.points for e in earnings] == [1]
    assert day.total == 6


changes = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["comment", "-comment", "watch", "-watch"]), st.integers(0, 30)),
        st.integers(0, 9),
    ),
    max_size=12,
)


@given(changes)
def test_taking_back_keeps_every_bound(parts: list[tuple[dict[str, int], int]]) -> None:
    day, refs, balance = FRESH, set[tuple[bool, str]](), 0
    for part, spent in parts:
        balance -= min(spent, balance)
        day, earnings = count(RULES, day, part, have=balance)
        for earning in earnings:
            name = (earning.points > 0, earning.ref(1, "lin"))
            assert name not in refs
            refs.add(name)
            balance += earning.points
        assert balance >= 0
        assert 0 <= day.total == sum(day.earned.values()) <= RULES.a_day
        assert all(0 <= points <= RULES.tasks[task].most for task, points in day.earned.items())


amounts = st.lists(
    st.dictionaries(st.sampled_from(["comment", "watch", "gift"]), st.integers(0, 400)), max_size=12
)


@given(amounts)
def test_it_never_matters_how_it_came_in(parts: list[dict[str, int]]) -> None:
    """In many pieces or in one, a task counts the same; refs are never given twice."""
    day, refs, points = FRESH, [], 0
    whole: dict[str, int] = {}
    for part in parts:
        day, earnings = count(RULES, day, part)
        refs += [e.ref(1, "lin") for e in earnings]
        points += sum(e.points for e in earnings)
        for task, amount in part.items():
            whole[task] = whole.get(task, 0) + amount
    at_once, _ = count(RULES, FRESH, whole)
    assert (dict(day.done) or None) == (dict(at_once.done) or None)
    assert len(refs) == len(set(refs))
    assert day.total == points == sum(day.earned.values()) <= RULES.a_day
    assert day.total == at_once.total


def test_levels_begin_where_they_say() -> None:
    levels = (20, 100)
    assert [level_of(levels, n) for n in (0, 19, 20, 99, 100, 10**9)] == [0, 0, 1, 1, 2, 2]
    assert standing(levels, 20) == {"level": 1, "earned": 20, "next": 100}
    assert standing(levels, 500)["next"] is None
    assert badges_of(levels, 19) == []
    assert badges_of(levels, 100) == ["level:2"]


def test_tasks_are_shown_in_their_order_with_what_is_done() -> None:
    day, _ = count(RULES, FRESH, {"comment": 3})
    shown = list(progress(RULES, day))
    assert [t["task"] for t in shown] == ["watch", "comment"]
    assert shown[1] == {"task": "comment", "points": 2, "per": 3, "times": 4, "done": 3, "earned": 2}


def test_days_begin_at_the_zones_midnight() -> None:
    days = Days("Asia/Shanghai")
    midnight = round(datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    assert days.of(midnight) == days.of(midnight - 1) + 1
    assert days.ends_ms(days.of(midnight - 1)) == midnight
    assert Days().of(5 * DAY_MS) == 5
    assert Days().ends_ms(4) == 5 * DAY_MS
    # The day that is an hour short ends when the next one begins, too.
    spring = Days("Europe/Berlin")
    day = spring.of(round(datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000))
    assert spring.of(spring.ends_ms(day)) == day + 1
    assert spring.of(spring.ends_ms(day) - 1) == day
    with pytest.raises(KeyError):
        Days("Tea/Pot")
