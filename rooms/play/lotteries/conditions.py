"""What one must have done to enter: the conditions, and the facts that they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Column, Connection, MetaData, String, Table

from rooms.errors import Refused
from rooms.rows import Key, Kind, Need, Rank
from rooms.unit import Unit

CONDITIONS_MAX = 5


class Ask(NamedTuple):
    """What is to be known of users. ``kind``: ``comment`` (how many with the phrase ``ref``), ``follow`` (1
    or 0), ``watch`` (milliseconds), ``gift`` (coins, by gifts ``ref`` or any for ""), ``order`` (paid ones,
    of the product ``ref`` or any for ""), ``fan_level``. All in this room, or of its host; comments and gifts
    count from ``since_ms`` on, comments after ``after_offset`` of the log."""

    kind: str
    ref: str
    room_id: str
    host_id: str
    since_ms: int
    after_offset: int


class Facts(Protocol):
    """What the rest of the house knows of users."""

    def knows(self, ask: Ask) -> bool:
        """Whether that can be asked. A lottery that asks for anything else would never let anybody in."""
        ...

    def read(self, conn: Connection, ask: Ask, user_ids: Sequence[str]) -> Mapping[str, int]:
        """How much of it each of them has; who is left out has none. A few statements, however many they
        are. Called in the writer and in readers."""
        ...


def ask_of(condition: Mapping[str, Any], base: Ask) -> Ask:
    """What a condition asks; ``base`` has the lottery's room, host and beginning."""
    ref = condition.get("phrase") or condition.get("gift") or condition.get("product") or ""
    return base._replace(kind=condition["kind"], ref=ref)


def needed(condition: Mapping[str, Any]) -> int:
    """How much of it one must have."""
    if condition["kind"] == "watch":
        return int(condition["minutes"]) * 60_000
    return int(condition.get("coins") or 1)


def checked(conditions: Sequence[Mapping[str, Any]], amounts: Sequence[int]) -> list[dict[str, Any]]:
    """The conditions one by one, with ``done``, and how far somebody is with each."""
    return [
        {**condition, "done": amount >= needed(condition), "have": min(amount, needed(condition))}
        for condition, amount in zip(conditions, amounts, strict=True)
    ]


def weight_ask(weights: Mapping[str, Any], base: Ask) -> Ask:
    """What a weight goes by."""
    kind = {"gift_coins": "gift", "fan_level": "fan_level"}[weights["by"]]
    return base._replace(kind=kind, ref="")


def weight_of(weights: Mapping[str, Any], amount: int) -> int:
    """Whole chances: one, and one more for each ``per`` coins; or the fan level. At most ``max``."""
    chances = 1 + amount // int(weights["per"]) if weights["by"] == "gift_coins" else max(1, amount)
    return min(chances, int(weights["max"]))


@dataclass(frozen=True, slots=True)
class FactRow:
    """How much of something a user has."""

    ask: Ask
    user_id: str
    amount: int


# Never a table: it names the rows that the port is asked for, all of a group together.
_facts = Table(
    "facts",
    MetaData(),
    Column("ask", String, primary_key=True),
    Column("user_id", String, primary_key=True),
)


class FactRows:
    """The port as a kind of rows: a group's questions are put together, a few statements for each."""

    def __init__(self, facts: Facts) -> None:
        self._knows = facts.knows
        self._kind: Kind[FactRow] = Kind(
            _facts, FactRow, Rank.PLAY_ENTRIES, locked=False, source=_source(facts)
        )

    def refuse_unknown(self, asks: Iterable[Ask]) -> None:
        """Raises ``Refused("bad_request")`` for what nobody here could ever fulfil."""
        for ask in asks:
            if not self._knows(ask):
                raise Refused("bad_request", f"{ask.kind}: nobody here knows that of users.")

    def rows(self, asks: Sequence[Ask], user_id: str) -> Need:
        return self._kind.rows(*((ask, user_id) for ask in asks))

    def amounts(self, tx: Unit, asks: Sequence[Ask], user_id: str) -> list[int]:
        found = [tx.get(self._kind, ask, user_id) for ask in asks]
        return [fact.amount if fact else 0 for fact in found]


def _source(facts: Facts) -> Callable[[Connection, Sequence[Key]], list[FactRow]]:
    def read(conn: Connection, keys: Sequence[Key]) -> list[FactRow]:
        users: dict[Ask, list[str]] = {}
        for ask, user_id in keys:
            users.setdefault(ask, []).append(user_id)
        return [
            FactRow(ask, user_id, amount)
            for ask, ids in users.items()
            for user_id, amount in facts.read(conn, ask, ids).items()
        ]

    return read
