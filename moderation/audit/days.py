"""What was moderated each day (UTC) in all rooms, worked out once when the day is over.

Trails only grow, so what they say of a day that is over stays as it is: the rows here could be dropped and
made anew at any time. They spare whoever asks about months to go through all entries of all rooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    delete,
    func,
    or_,
    select,
    text,
)

from moderation.audit.chain import canonical
from moderation.audit.tables import TRAIL_CHARS, chain_table
from rooms import bulk
from rooms.rows import names_of
from rooms.schema import metadata

DAY_MS = 86_400_000
COUNTED = ("filter.", "moderate.", "review.", "report.", "appeal.", "shield.", "picture.", "sound.")
"""What is moderation, by how actions begin."""
SETTINGS = ("filter.rules", "filter.list.put", "filter.list.delete")
"""What only says how it is to be done."""
EVERYWHERE = "*"
"""In the place of a trail: all of them together. No trail is called so."""

days_table = Table(
    "audit_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("trail", String(TRAIL_CHARS), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

Sort = tuple[str, str]
"""An action, and of its facts what the numbers are made of, as JSON."""


@dataclass(slots=True)
class Sums:
    """How often each sort of thing was done: of a trail, or of all."""

    counts: Counter[Sort] = field(default_factory=Counter)

    def listed(self) -> list[tuple[str, str, int]]:
        return [(*sort, count) for sort, count in sorted(self.counts.items())]


@dataclass(frozen=True, slots=True)
class Summary:
    """A day as it is asked for: all sorts of all trails together with their counts, and how much each trail
    has."""

    day: int
    sorts: Sequence[tuple[str, str, int]]
    totals: Mapping[str, int]


@dataclass(slots=True)
class Day:
    """A day: all trails together, and each by itself."""

    day: int
    all: Sums = field(default_factory=Sums)
    trails: dict[str, Sums] = field(default_factory=dict)

    def take(self, trail: str, action: str, facts: str, count: int) -> None:
        sort = action, told_apart(facts)
        self.all.counts[sort] += count
        self.trails.setdefault(trail, Sums()).counts[sort] += count

    def summary(self) -> Summary:
        totals = {trail: sums.counts.total() for trail, sums in self.trails.items()}
        return Summary(self.day, self.all.listed(), totals)


def told_apart(facts: str) -> str:
    """Of an entry's facts what numbers are made of; waits to two digits, so that there are few of them."""
    try:
        said = orjson.loads(facts)
    except ValueError:
        said = None
    if not isinstance(said, dict):  # the entry is altered, which isn't for here to say
        return "{}"
    kept: dict[str, Any] = {name: said[name] for name in ("by", "kind", "codes") if name in said}
    if type(waited := said.get("waited_ms")) is int and waited >= 0:
        kept["waited_ms"] = two_digits(waited)
    return canonical(kept)


def two_digits(value: int) -> int:
    """Rounded to its first two decimal digits. ``value`` is at least 0."""
    scale = int("1" + "0" * (len(str(value)) - 2))
    return (value + scale // 2) // scale * scale


def is_counted() -> ColumnElement[bool]:
    """Of ``audit_chain``: what is moderation."""
    action = chain_table.c.action
    return or_(*(action.startswith(prefix) for prefix in COUNTED)) & action.not_in(SETTINGS)


# Working a day out


def sum_up(conn: Connection, day: int) -> Day:
    """From the trails, by the index of their times."""
    chain, summed = chain_table.c, Day(day)
    query = (
        select(chain.trail, chain.action, chain.facts, func.count())
        .where(chain.at_ms >= day * DAY_MS, chain.at_ms < (day + 1) * DAY_MS, is_counted())
        .group_by(chain.trail, chain.action, chain.facts)
    )
    for row in conn.execute(query):
        summed.take(*row)
    return summed


# Two nodes may work out the same day: what the second has to say is the same.
_CLAIM = text("INSERT INTO audit_days (day, trail, body) VALUES (:day, :trail, :body) ON CONFLICT DO NOTHING")


def keep(conn: Connection, summed: Day) -> None:
    """Keep a day that is over, unless it is kept already."""
    summary = summed.summary()
    together = orjson.dumps({"sorts": summary.sorts, "totals": summary.totals})
    if conn.execute(_CLAIM, {"day": summed.day, "trail": EVERYWHERE, "body": together}).rowcount == 1:
        rows = [(summed.day, trail, orjson.dumps(sums.listed())) for trail, sums in summed.trails.items()]
        bulk.insert(conn, days_table, names_of(days_table), rows)


def next_day(conn: Connection, oldest: int) -> int | None:
    """The first day that isn't kept, from ``oldest`` on; None: nothing was ever noted."""
    last = conn.scalar(select(func.max(days_table.c.day)))
    if last is not None:
        return max(oldest, int(last) + 1)
    first = conn.scalar(select(func.min(chain_table.c.at_ms)))
    return None if first is None else max(oldest, int(first) // DAY_MS)


def forget(conn: Connection, before: int) -> None:
    """Forget the oldest day that is kept, if it is before then."""
    day = conn.scalar(select(func.min(days_table.c.day)))
    if day is not None and day < before:
        conn.execute(delete(days_table).where(days_table.c.day == day))


# Reading


def read_summaries(conn: Connection, first: int, last: int) -> list[Summary]:
    """The days that are kept, from the first to the last."""
    c = days_table.c
    query = select(c.day, c.body).where(c.day.between(first, last), c.trail == EVERYWHERE)
    return [Summary(row.day, **orjson.loads(row.body)) for row in conn.execute(query)]


def read_sorts(
    conn: Connection, trails: Iterable[str], first: int, last: int
) -> Iterator[tuple[str, list[tuple[str, str, int]]]]:
    """What of these trails is kept of these days, a day at a time."""
    c = days_table.c
    query = select(c.trail, c.body).where(c.day.between(first, last), c.trail.in_(list(trails)))
    for row in conn.execute(query):
        yield row.trail, orjson.loads(row.body)
