"""Fans: what a viewer has come to with a host by giving, watching and saying; shown as a badge ``fan:7``.

What was given is written with each gift, exactly. Minutes and comments are counted in the node's memory and
written now and then, as likes are: comments must not wait for a row that all of somebody's rooms share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isqrt
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Index, Integer, String, Table, Text
from sqlalchemy import select as sql_select

from rooms.rows import Kind, Need, Rank, Steps
from rooms.schema import metadata
from rooms.unit import Unit

LEVEL_MAX = 50
DAY_MS = 86_400_000
MINUTE_MS = 60_000
KNOWN_MS = 60_000
"""How long a level that was read is shown without another look: what was given on another node, where nobody
tells this one, is seen so much later at most."""
KNOWN_MAX = 100_000
COUNTED_MAX = 100_000
"""Fans whose doings a node keeps in memory between two writes; what more of them do doesn't count."""


@dataclass(frozen=True, slots=True)
class FanRules:
    """Points for what a fan does; minutes and comments count up to so many a day (UTC)."""

    per_coin: int = 1
    per_minute: int = 1
    per_comment: int = 2
    minutes_a_day: int = 120
    comments_a_day: int = 10


@dataclass(frozen=True, slots=True)
class FanRow:
    """``coins`` is all that was ever given (and not given back), first reached at ``reached_ms``; ``said``
    and ``watched_ms`` are what counted, of which ``…_today`` on the ``day``, counted from 1970."""

    host_id: str
    user_id: str
    name: str
    coins: int
    reached_ms: int
    said: int
    watched_ms: int
    day: int
    said_today: int
    watched_today_ms: int


fans_table = Table(
    "fans",
    metadata,
    Column("host_id", String(128), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("reached_ms", BigInteger, nullable=False),
    Column("said", Integer, nullable=False),
    Column("watched_ms", BigInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Column("said_today", Integer, nullable=False),
    Column("watched_today_ms", BigInteger, nullable=False),
    Index("ix_fans_top", "host_id", "coins"),
    CheckConstraint("coins >= 0", name="not_negative"),
)

FANS: Kind[FanRow] = Kind(fans_table, FanRow, Rank.PEOPLE)
# For who only shows the badge: a comment doesn't wait for a gift.
LEVELS: Kind[FanRow] = Kind(fans_table, FanRow, Rank.GUARDED, locked=False)


def points_of(fan: FanRow, rules: FanRules) -> int:
    minutes = fan.watched_ms // MINUTE_MS
    return fan.coins * rules.per_coin + minutes * rules.per_minute + fan.said * rules.per_comment


def level_of(points: int) -> int:
    """0 to ``LEVEL_MAX``; each level takes more than the last: level *n* begins at 10 *n*² points."""
    return min(LEVEL_MAX, isqrt(max(0, points) // 10))


def points_for(level: int) -> int:
    """Where a level begins."""
    return 10 * level * level


@dataclass(slots=True)
class Doings:
    """What a fan has done since the last write."""

    name: str = ""
    said: int = 0
    watched_ms: int = 0


def counted(fan: FanRow, doings: Doings, rules: FanRules, now_ms: int) -> FanRow:
    """The fan with what counts of the doings, today."""
    day = now_ms // DAY_MS
    said_today, watched_today = (fan.said_today, fan.watched_today_ms) if fan.day == day else (0, 0)
    said = max(0, min(doings.said, rules.comments_a_day - said_today))
    watched = max(0, min(doings.watched_ms, rules.minutes_a_day * MINUTE_MS - watched_today))
    return replace(
        fan,
        name=doings.name or fan.name,
        said=fan.said + said,
        watched_ms=fan.watched_ms + watched,
        day=day,
        said_today=said_today + said,
        watched_today_ms=watched_today + watched,
    )


def new_fan(host_id: str, user_id: str, name: str) -> FanRow:
    return FanRow(host_id, user_id, name, 0, 0, 0, 0, 0, 0, 0)


Counts = dict[tuple[str, str], Doings]


class Known(NamedTuple):
    """A fan's level, and when it was read or written here."""

    level: int
    at_ms: int


@dataclass(slots=True)
class Fans:
    """The levels of fans, and a node's count of what they do. Called on the writer's thread; ``watched``,
    ``take`` and ``give_back`` from the loop too, which the interpreter's own lock makes safe: a count that
    falls between two writes is in the next one, or lost with the node.

    Levels stay in memory for a while, so that a comment mostly asks no database for a badge."""

    rules: FanRules = field(default_factory=FanRules)
    _counts: Counts = field(default_factory=dict)
    _known: dict[tuple[str, str], Known] = field(default_factory=dict)

    def rows(self, tx: Unit, host_id: str, user_id: str) -> Need:
        """For a handler that shows the badge only; after ``ROOMS``. No row, if the level is known."""
        if self._level(host_id, user_id, tx.now_ms) is not None:
            return LEVELS.rows()
        return LEVELS.rows((host_id, user_id))

    def badges(self, tx: Unit, host_id: str, user_id: str) -> list[str]:
        """The badge of a fan, if there is a level to show. ``rows`` must have been asked for, or the fan."""
        level = self.level(tx, host_id, user_id)
        return [f"fan:{level}"] if level else []

    def level(self, tx: Unit, host_id: str, user_id: str) -> int:
        """Somebody's level, as for the badge."""
        if tx.asked(FANS, host_id, user_id):
            return self.heard(tx, host_id, user_id)
        return self._level(host_id, user_id, tx.now_ms) or 0

    def heard(self, tx: Unit, host_id: str, user_id: str) -> int:
        """Remember the level as it is in this unit, unless that isn't committed. The fan must have been
        asked for."""
        key, fan = (host_id, user_id), tx.get(FANS, host_id, user_id)
        level = level_of(points_of(fan, self.rules)) if fan else 0
        self._known.pop(key, None)
        self._known[key] = Known(level, tx.now_ms)
        tx.at_rollback(lambda: self._forget(key))
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return level

    def said(self, tx: Unit, host_id: str, user_id: str, name: str) -> None:
        """Count a comment, unless its group isn't committed."""
        if host_id == user_id or (doings := self._doings(host_id, user_id)) is None:
            return
        doings.said, doings.name = doings.said + 1, name
        tx.at_rollback(lambda: self._unsay(doings))

    def watched(self, host_id: str, user_id: str, ms: int, name: str = "") -> None:
        """Count time that somebody was in a room of the host's while it was live."""
        if host_id == user_id or (doings := self._doings(host_id, user_id)) is None:
            return
        doings.watched_ms, doings.name = doings.watched_ms + ms, name or doings.name

    def take(self) -> Counts:
        """What is to be written; the count starts afresh."""
        taken, self._counts = self._counts, {}
        return taken

    def give_back(self, counts: Counts) -> None:
        """A write failed: count it again next time."""
        for (host_id, user_id), done in counts.items():
            if (doings := self._doings(host_id, user_id)) is not None:
                doings.said += done.said
                doings.watched_ms += done.watched_ms
                doings.name = doings.name or done.name

    def add_up(self, tx: Unit, counts: Mapping[tuple[str, str], Doings]) -> Steps[Any]:
        """Write counts. Not safe to do twice: only for a write whose outcome is known."""
        yield FANS.rows(*counts)
        for key, doings in counts.items():
            fan = tx.get(FANS, *key) or new_fan(*key, doings.name)
            tx.put(FANS, counted(fan, doings, self.rules, tx.now_ms))
            self.heard(tx, *key)
        return {}

    def wire(self, fan: FanRow | None) -> dict[str, int]:
        """How far somebody has come: level, points, and where the next level begins."""
        points = points_of(fan, self.rules) if fan else 0
        level = level_of(points)
        return {"level": level, "points": points, "next": points_for(min(LEVEL_MAX, level + 1))}

    def _level(self, host_id: str, user_id: str, now_ms: int) -> int | None:
        """None: unknown, or not heard of for too long. A clock that was set back makes no level last."""
        known = self._known.get((host_id, user_id))
        return known.level if known and 0 <= now_ms - known.at_ms < KNOWN_MS else None

    def _forget(self, key: tuple[str, str]) -> None:
        self._known.pop(key, None)

    def _doings(self, host_id: str, user_id: str) -> Doings | None:
        doings = self._counts.get((host_id, user_id))
        if doings is None and len(self._counts) < COUNTED_MAX:
            doings = self._counts[host_id, user_id] = Doings()
        return doings

    def _unsay(self, doings: Doings) -> None:
        doings.said -= 1


def read_fan(conn: Connection, host_id: str, user_id: str) -> FanRow | None:
    query = sql_select(fans_table).where(fans_table.c.host_id == host_id, fans_table.c.user_id == user_id)
    row = conn.execute(query).first()
    return FanRow(*row) if row else None
