"""What a room's moderation comes to in numbers: a fold of its trail, of which it takes what stays when the
people are erased. Pure, but for the one query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, func, select

from moderation.audit.days import DAY_MS, Sort, Summary, is_counted
from moderation.audit.tables import chain_table
from moderation.audit.trail import BY_SYSTEM

DAYS_MAX = 90
_JUDGED = {"held", "filter", "picture", "sound"}
"""The kinds of decisions that are on what the filter or a check of streams did by themselves."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """So many entries of a day that look the same. ``day`` counts days since 1970, where the host is."""

    day: int
    action: str
    facts: Mapping[str, Any]
    count: int


@dataclass(slots=True)
class _Decided:
    """Decisions of one sort, for or against."""

    yes: int = 0
    no: int = 0
    waits: Counter[int] = field(default_factory=Counter)

    def take(self, facts: Mapping[str, Any], count: int, *, yes: bool) -> None:
        if yes:
            self.yes += count
        else:
            self.no += count
        waited = facts.get("waited_ms")
        if isinstance(waited, int):
            self.waits[waited] += count

    def wire(self, yes: str, no: str) -> dict[str, Any]:
        return {yes: self.yes, no: self.no, "response": response(self.waits)}


class Numbers:
    """The fold: ``take`` any deeds in any order, then ``wire``. What is added up over days already is taken
    by its two halves instead: ``take_sort`` and ``take_day``."""

    def __init__(self) -> None:
        self._actions: dict[str, Counter[str]] = {}
        self._codes: dict[str, Counter[str]] = {}
        self._days: dict[int, Counter[str]] = {}
        self._held, self._reports, self._appeals = _Decided(), _Decided(), _Decided()
        self._judged = _Decided()

    def take(self, deeds: Deeds) -> None:
        self.take_day(deeds.day, deeds.action, deeds.count)
        self.take_sort(deeds.action, deeds.facts, deeds.count)

    def take_day(self, day: int, action: str, count: int) -> None:
        self._days.setdefault(day, Counter())[action.partition(".")[0]] += count

    def take_sort(self, action: str, facts: Mapping[str, Any], count: int) -> None:
        by = facts.get("by", "")
        self._actions.setdefault(action, Counter())[by if isinstance(by, str) else ""] += count
        sort, _, what = action.partition(".")
        if sort == "filter":
            for code in facts.get("codes", ()):
                self._codes.setdefault(code, Counter())[what] += count
        self._decide(facts, count, sort, what)

    def _decide(self, facts: Mapping[str, Any], count: int, sort: str, what: str) -> None:
        kind = facts.get("kind", "held" if sort == "review" else "")
        if sort == "review" and what in ("release", "refuse"):
            if kind == "held":
                self._held.take(facts, count, yes=what == "release")
            if kind in _JUDGED:
                self._judged.take(facts, count, yes=what == "release")
        elif sort == "report" and what in ("upheld", "dismissed"):
            self._reports.take(facts, count, yes=what == "upheld")
        elif sort == "appeal" and what in ("granted", "refused"):
            self._appeals.take(facts, count, yes=what == "granted")
            if kind in _JUDGED:
                self._judged.take(facts, count, yes=what == "granted")

    def wire(self) -> dict[str, Any]:
        """The shape of ``GET …/transparency``, but for the time."""
        total = sum(n for counts in self._actions.values() for n in counts.values())
        automatic = sum(counts[BY_SYSTEM] for counts in self._actions.values())
        return {
            "total": total,
            "automatic": automatic,
            "actions": [
                {
                    "action": action,
                    "count": sum(counts.values()),
                    "automatic": counts[BY_SYSTEM],
                    "by": {by or "unknown": n for by, n in sorted(counts.items())},
                }
                for action, counts in sorted(self._actions.items())
            ],
            "filter_codes": {code: dict(sorted(n.items())) for code, n in sorted(self._codes.items())},
            "held": self._held.wire("released", "refused"),
            "reports": self._reports.wire("upheld", "dismissed"),
            "appeals": self._appeals.wire("granted", "refused"),
            "false_positives": share(self._judged.yes, self._judged.yes + self._judged.no),
        }

    def days(self, first: int, last: int) -> list[dict[str, Any]]:
        """Each day from the first to the last, those without anything too."""
        return [{"day": day_name(day), **_of_day(self._days.get(day))} for day in range(first, last + 1)]


def _of_day(counts: Counter[str] | None) -> dict[str, int]:
    """Those of a day: what the filter did, what people and checks did, and what was decided on."""
    counts = counts or Counter()
    decided = counts["review"] + counts["report"] + counts["appeal"]
    acted = counts["moderate"] + counts["shield"] + counts["picture"] + counts["sound"]
    return {"filter": counts["filter"], "acted": acted, "decided": decided}


def share(part: int, whole: int) -> dict[str, Any]:
    """``share`` is null where there is nothing to have a share of."""
    return {"count": part, "of": whole, "share": round(part / whole, 4) if whole else None}


def response(waits: Mapping[int, int]) -> dict[str, Any]:
    """The median and the 90th percentile (nearest rank) of how long was waited, in milliseconds; null where
    nobody did."""
    count = sum(waits.values())
    return {"count": count, "p50_ms": percentile(waits, 0.5), "p90_ms": percentile(waits, 0.9)}


def percentile(counts: Mapping[int, int], fraction: float) -> int | None:
    """The least value that at least this fraction of all don't exceed."""
    rank = math.ceil(sum(counts.values()) * fraction)
    seen = 0
    for value, count in sorted(counts.items()):
        seen += count
        if seen >= rank:
            return value
    return None


def day_name(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()


def tally(deeds: Iterable[Deeds], *, now_ms: int, days: int, offset_min: int) -> dict[str, Any]:
    """What is told of the last ``days`` days, today among them, where clocks are ``offset_min`` minutes
    ahead of UTC."""
    numbers = Numbers()
    for each in deeds:
        numbers.take(each)
    first, last = span(now_ms, days=days, offset_min=offset_min)
    from_ms = first * DAY_MS - offset_min * 60_000
    return {"from_ms": from_ms, "to_ms": now_ms, **numbers.wire(), "days": numbers.days(first, last)}


def tally_days(summaries: Iterable[Summary], first: int, last: int) -> dict[str, Any]:
    """What is told of all rooms together, from one day (UTC) to another, both included."""
    numbers, sums = Numbers(), Counter[Sort]()
    for summary in summaries:
        for action, facts, count in summary.sorts:
            sums[action, facts] += count
            numbers.take_day(summary.day, action, count)
    _take_sums(numbers, sums)
    return {**numbers.wire(), "days": numbers.days(first, last)}


def tally_sorts(sums: Mapping[Sort, int]) -> dict[str, Any]:
    """The same without the days, of what is added up already."""
    numbers = Numbers()
    _take_sums(numbers, sums)
    return numbers.wire()


def _take_sums(numbers: Numbers, sums: Mapping[Sort, int]) -> None:
    for (action, facts), count in sums.items():
        numbers.take_sort(action, orjson.loads(facts), count)


def span(now_ms: int, *, days: int, offset_min: int) -> tuple[int, int]:
    """The first day and today."""
    today = (now_ms + offset_min * 60_000) // DAY_MS
    return today - days + 1, today


def read_deeds(conn: Connection, trail: str, *, now_ms: int, days: int, offset_min: int) -> Iterator[Deeds]:
    """A trail's deeds of these days. Reads, by an index, what was written then and nothing else."""
    chain, ahead_ms = chain_table.c, offset_min * 60_000
    first, last = span(now_ms, days=days, offset_min=offset_min)
    day = ((chain.at_ms + ahead_ms) // DAY_MS).label("day")
    query = (
        select(day, chain.action, chain.facts, func.count())
        .where(
            chain.trail == trail,
            chain.at_ms >= first * DAY_MS - ahead_ms,
            chain.at_ms < (last + 1) * DAY_MS - ahead_ms,
            is_counted(),
        )
        .group_by(day, chain.action, chain.facts)
    )
    for row in conn.execute(query):
        yield Deeds(int(row[0]), row[1], orjson.loads(row[2]), row[3])
