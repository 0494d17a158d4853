"""Hints for a room's staff: somebody may be a person who is banned here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, select

from moderation.evasion.traces import Likeness, hint
from rooms.heads import ROOMS, USERS
from rooms.rows import Kind, Rank, Steps
from rooms.schema import metadata
from rooms.unit import Unit


@dataclass(frozen=True, slots=True)
class HintRow:
    """In a room, somebody has been where somebody was who is banned there. ``shared`` people left that."""

    room_id: str
    user_id: str
    like_id: str
    like_name: str
    kind: str
    shared: int
    at_ms: int

    def wire(self) -> dict[str, Any]:
        like = {"id": self.like_id, "name": self.like_name}
        return {"like": like, "by": self.kind, "shared": self.shared, "at_ms": self.at_ms}


hints_table = Table(
    "evasion_hints",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("like_id", String(128), primary_key=True),
    Column("like_name", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("shared", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)


HINTS: Kind[HintRow] = Kind(hints_table, HintRow, Rank.GUARDED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Somebody in a room, and whom of those banned there the traces speak of."""

    room_id: str
    user_id: str
    sign: Likeness


def suspects(
    present: Collection[tuple[str, str]],
    alike: Mapping[str, Sequence[Likeness]],
    banned: Collection[tuple[str, str]],
    everywhere: str,
) -> list[Suspect]:
    """Who of those ``present`` (room, user) looks like somebody ``banned`` (room or ``everywhere``, user).

    One hint for each, the strongest. Pure.
    """
    found = []
    for room_id, user_id in present:
        others = [
            one
            for one in alike.get(user_id, ())
            if (room_id, one.user_id) in banned or (everywhere, one.user_id) in banned
        ]
        if (sign := hint(others)) is not None:
            found.append(Suspect(room_id, user_id, sign))
    return found


def look_alikes(
    room_id: str,
    user_id: str,
    alike: Sequence[Likeness],
    banned: Collection[tuple[str, str]],
    everywhere: str,
) -> list[Suspect]:
    """Who looks like somebody who was just banned in a room, and isn't banned there too. Pure."""
    others = {one.user_id for one in alike}
    free = [
        other for other in sorted(others) if not {(room_id, other), (everywhere, other)}.intersection(banned)
    ]
    signs = ((other, hint([one for one in alike if one.user_id == other])) for other in free)
    return [
        Suspect(room_id, other, Likeness(user_id, sign.kind, sign.shared)) for other, sign in signs if sign
    ]


class Hints:
    """Gives hints, each once for a room and a pair of people."""

    def give(self, tx: Unit, found: Sequence[Suspect]) -> Steps[Any]:
        """Rooms that are gone are left out."""
        people = {one.user_id for one in found} | {one.sign.user_id for one in found}
        yield USERS.rows(*people)
        yield ROOMS.rows(*{one.room_id for one in found})
        yield HINTS.rows(*[(one.room_id, one.user_id, one.sign.user_id) for one in found])
        for one in found:
            key = (one.room_id, one.user_id, one.sign.user_id)
            if tx.get(ROOMS, one.room_id) is None or tx.get(HINTS, *key) is not None:
                continue
            like, user = tx.get(USERS, one.sign.user_id), tx.get(USERS, one.user_id)
            row = HintRow(*key, like.name if like else "", one.sign.kind.value, one.sign.shared, tx.now_ms)
            tx.put(HINTS, row)
            who = {"id": one.user_id, "name": user.name if user else ""}
            tx.brief(one.room_id, "evasion_hint", {"user": who, **row.wire()})
        return {}


def read_hints(conn: Connection, room_id: str, user_ids: Collection[str]) -> dict[str, list[HintRow]]:
    """What hints there are in a room, by user, the newest first."""
    query = (
        select(hints_table)
        .where(hints_table.c.room_id == room_id, hints_table.c.user_id.in_(user_ids))
        .order_by(hints_table.c.at_ms.desc())
    )
    found: dict[str, list[HintRow]] = {}
    for record in conn.execute(query):
        hint = HintRow(*record)
        found.setdefault(hint.user_id, []).append(hint)
    return found
