"""What earns points, and what they come to. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

TASKS = ("visit", "watch", "comment", "like", "share", "purchase", "gift")
"""What counts: days on which somebody came, milliseconds watched, comments, likes, days on which somebody
shared, orders paid, coins given."""

LEVELS = (20, 100, 300, 700, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000)

Amounts = Mapping[str, int]
"""How much somebody did, by task."""

Doings = Mapping[tuple[int, str], Amounts]
"""What people did, by day and user."""


@dataclass(frozen=True, slots=True)
class Task:
    """``points`` for every ``per`` of it, at most ``times`` a day."""

    points: int
    per: int = 1
    times: int = 1

    @property
    def most(self) -> int:
        """What counts at most in a day."""
        return self.per * self.times


@dataclass(frozen=True, slots=True)
class PointRules:
    """``tasks`` by name; those left out earn nothing. ``a_day`` bounds what all tasks earn together in a day.
    ``levels`` are the points, ever earned, that levels 1, 2, 3, … begin at."""

    tasks: Mapping[str, Task] = field(
        default_factory=lambda: MappingProxyType(
            {
                "visit": Task(5),
                "watch": Task(2, per=300_000, times=12),
                "comment": Task(1, per=1, times=10),
                "like": Task(1, per=20, times=5),
                "share": Task(5),
                "purchase": Task(20, per=1, times=3),
                "gift": Task(1, per=10, times=50),
            }
        )
    )
    a_day: int = 200
    levels: tuple[int, ...] = LEVELS


@dataclass(frozen=True, slots=True)
class DayRow:
    """A user's day: how much of each task counted (``done``), what it earned (``earned``), and the sum of
    the latter."""

    day: int
    user_id: str
    done: Amounts
    earned: Amounts
    total: int


class Earning(NamedTuple):
    """Points for a task, when ``reached`` of it was done that day."""

    task: str
    reached: int
    points: int

    def ref(self, day: int, user_id: str) -> str:
        """Names this very step: a count is reached once a day."""
        return f"{self.task}:{day}:{self.reached}:{user_id}"


def count(rules: PointRules, row: DayRow, amounts: Amounts) -> tuple[DayRow, list[Earning]]:
    """The day with what was done besides, and what that earned: whole steps only, up to the bounds of each
    task and of the day."""
    done, earned, total = dict(row.done), dict(row.earned), row.total
    earnings = []
    for name, amount in amounts.items():
        task = rules.tasks.get(name)
        before = done.get(name, 0)
        after = before if task is None else max(before, min(before + max(0, amount), task.most))
        if task is None or after == before:
            continue
        done[name] = after
        points = min((after // task.per - before // task.per) * task.points, rules.a_day - total)
        if points > 0:
            earnings.append(Earning(name, after, points))
            earned[name] = earned.get(name, 0) + points
            total += points
    if done == row.done:
        return row, []
    return DayRow(row.day, row.user_id, done, earned, total), earnings


def level_of(levels: tuple[int, ...], earned: int) -> int:
    """0, until the first level is reached."""
    return bisect_right(levels, earned)


def standing(levels: tuple[int, ...], earned: int) -> dict[str, Any]:
    """How far somebody has come; ``next`` is where the next level begins (None: there is none)."""
    level = level_of(levels, earned)
    return {"level": level, "earned": earned, "next": levels[level] if level < len(levels) else None}


def badges_of(levels: tuple[int, ...], earned: int) -> list[str]:
    """What stands beside somebody's name: ``level:3``."""
    level = level_of(levels, earned)
    return [f"level:{level}"] if level else []


def progress(rules: PointRules, row: DayRow | None) -> Iterator[dict[str, Any]]:
    """The day's tasks as they are shown, in their usual order."""
    for name in TASKS:
        if (task := rules.tasks.get(name)) is None:
            continue
        yield {
            "task": name,
            "points": task.points,
            "per": task.per,
            "times": task.times,
            "done": row.done.get(name, 0) if row else 0,
            "earned": row.earned.get(name, 0) if row else 0,
        }
