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

REVOCABLE = ("comment", "purchase", "gift")
"""What can be deleted or refunded later. All of it is counted, also beyond what earns: a comment less may
leave as many as before that do."""
BACK = "-"
"""Before a task's name: how much of it was taken back."""

LEVELS = (20, 100, 300, 700, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000)

Amounts = Mapping[str, int]
"""How much somebody did, by task; and how much of it was taken back (``-comment``)."""

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
    """Points for a task, when ``reached`` of it was done that day; or, below zero, points that are taken
    back, when so much of it was."""

    task: str
    reached: int
    points: int

    def ref(self, day: int, user_id: str) -> str:
        """Names this very step: a count is reached once a day, as both only grow."""
        return f"{self.task}:{day}:{self.reached}:{user_id}"


def count(rules: PointRules, row: DayRow, amounts: Amounts, *, have: int = 0) -> tuple[DayRow, list[Earning]]:
    """The day with what was done besides, or taken back, and what that earned: whole steps only, up to the
    bounds of each task and of the day.

    What is taken back costs the points that are too many then, but never more than ``have``, what somebody
    has left: spent points aren't owed. Nor are they earned a second time, by doing the same again that day.
    """
    done, earned, total = dict(row.done), dict(row.earned), row.total
    earnings = []
    for name in dict.fromkeys(each.removeprefix(BACK) for each in amounts):
        if (task := rules.tasks.get(name)) is None:
            continue
        more, less = max(0, amounts.get(name, 0)), max(0, amounts.get(BACK + name, 0))
        gross, back = done.get(name, 0) + more, done.get(BACK + name, 0) + less
        if name not in REVOCABLE:
            gross = max(done.get(name, 0), min(gross, task.most))
        grown = gross > done.get(name, 0)
        if grown:
            done[name] = gross
        if less:
            done[BACK + name] = back
        owed = _worth(task, gross - back) - earned.get(name, 0)
        points = min(owed, rules.a_day - total) if owed > 0 and grown else 0
        if owed < 0 and less:
            points, have = -min(-owed, have), have - min(-owed, have)
        if points:
            earnings.append(Earning(name, gross if points > 0 else back, points))
            earned[name] = earned.get(name, 0) + points
            total += points
    if done == row.done:
        return row, []
    return DayRow(row.day, row.user_id, done, earned, total), earnings


def _worth(task: Task, done: int) -> int:
    """What so much of a task earns in a day."""
    return min(max(0, done), task.most) // task.per * task.points


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
            "done": _shown(task, row.done, name) if row else 0,
            "earned": row.earned.get(name, 0) if row else 0,
        }


def _shown(task: Task, done: Amounts, name: str) -> int:
    return min(max(0, done.get(name, 0) - done.get(BACK + name, 0)), task.most)
