"""Traces in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    String,
    Table,
    func,
    select,
    text,
    tuple_,
    union_all,
)

from moderation.evasion.traces import KEPT_MS, SHARED_BY, Likeness, Mark, Trace
from rooms.heads import users_table
from rooms.schema import metadata

MARKS_MAX = 50
"""The latest traces of a person."""
PEOPLE_MAX = 500
"""Of those who came from one range: more, and the range is too wide to be banned with care anyway."""

traces_table = Table(
    "traces",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("digest", String(20), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("first_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Index("ix_traces_user", "user_id"),
    Index("ix_traces_seen", "seen_ms"),
)


_KEY = tuple_(traces_table.c.kind, traces_table.c.digest)


@dataclass(frozen=True, slots=True)
class Left:
    """A trace that somebody has left."""

    mark: Mark
    user_id: str
    at_ms: int


_UPSERT = text(
    "INSERT INTO traces (kind, digest, user_id, first_ms, seen_ms) "
    "VALUES (:kind, :digest, :user_id, :at_ms, :at_ms) "
    "ON CONFLICT (kind, digest, user_id) DO UPDATE SET seen_ms = excluded.seen_ms"
)


def write_traces(conn: Connection, left: Iterable[Left]) -> None:
    """Note traces, the same one once. When it was left first stays."""
    rows = {(one.mark.kind.value, one.mark.digest, one.user_id): one.at_ms for one in left}
    if rows:  # in one order everywhere: two nodes that write the same ones wait for each other, never both
        values = [
            {"kind": kind, "digest": digest, "user_id": user_id, "at_ms": at_ms}
            for (kind, digest, user_id), at_ms in sorted(rows.items())
        ]
        conn.execute(_UPSERT, values)


def read_alike(conn: Connection, user_ids: Collection[str]) -> dict[str, list[Likeness]]:
    """For each of these users those who left the same device or address, where few enough did to tell. Of
    each it is the latest ``MARKS_MAX``: who calls their device something new each time, for days, must not
    have those who are looked at beside them missed."""
    columns = traces_table.c
    place = func.row_number().over(partition_by=columns.user_id, order_by=columns.seen_ms.desc())
    latest = (
        select(columns.user_id, columns.kind, columns.digest, place.label("place"))
        .where(columns.user_id.in_(user_ids), columns.kind != Trace.NETWORK.value)
        .subquery()
    )
    query = select(latest.c.user_id, latest.c.kind, latest.c.digest)
    own = conn.execute(query.where(latest.c.place <= MARKS_MAX)).all()
    shared = count_sharing(conn, {(kind, digest) for _, kind, digest in own})
    telling = [key for key, count in shared.items() if 1 < count <= SHARED_BY]
    others: dict[tuple[str, str], list[str]] = {}
    if telling:
        who = select(columns.kind, columns.digest, columns.user_id)
        for kind, digest, user_id in conn.execute(who.where(_KEY.in_(telling))):
            others.setdefault((kind, digest), []).append(user_id)
    found: dict[str, list[Likeness]] = {}
    for user_id, kind, digest in own:
        found.setdefault(user_id, []).extend(
            Likeness(other, Trace(kind), shared[kind, digest])
            for other in others.get((kind, digest), ())
            if other != user_id
        )
    return found


def count_sharing(conn: Connection, marks: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """By how many people each of these traces was left."""
    if not marks:
        return {}
    columns = traces_table.c
    query = (
        select(columns.kind, columns.digest, func.count())
        .where(_KEY.in_(list(marks)))
        .group_by(columns.kind, columns.digest)
    )
    return {(kind, digest): count for kind, digest, count in conn.execute(query)}


def read_marks(conn: Connection, user_id: str) -> list[tuple[Mark, int]]:
    """A user's traces with when they were last seen, the latest first."""
    query = select(traces_table).where(traces_table.c.user_id == user_id)
    rows = conn.execute(query.order_by(traces_table.c.seen_ms.desc()).limit(MARKS_MAX))
    return [(Mark(Trace(row.kind), row.digest), row.seen_ms) for row in rows]


def read_known_since(conn: Connection, user_ids: Sequence[str]) -> dict[str, int]:
    """Since when each of these users is known here: since they first signed in, or left the first trace that
    is kept, whichever was earlier. Who isn't known at all is left out."""
    traces, users = traces_table.c, users_table.c
    signed_in = select(users.id.label("user_id"), users.since_ms.label("at_ms")).where(
        users.id.in_(user_ids), users.since_ms > 0
    )
    seen = select(traces.user_id, traces.first_ms.label("at_ms")).where(traces.user_id.in_(user_ids))
    either = union_all(signed_in, seen).subquery()
    query = select(either.c.user_id, func.min(either.c.at_ms).label("since_ms")).group_by(either.c.user_id)
    return {row.user_id: row.since_ms for row in conn.execute(query)}


def forget_old(conn: Connection, now_ms: int, limit: int) -> int:
    """Forget up to so many traces that are too old; gives how many those were."""
    columns = traces_table.c
    old = conn.execute(
        select(columns.kind, columns.digest, columns.user_id)
        .where(columns.seen_ms < now_ms - KEPT_MS)
        .order_by(columns.seen_ms)
        .limit(limit)
    ).all()
    if old:
        keys = tuple_(columns.kind, columns.digest, columns.user_id)
        conn.execute(traces_table.delete().where(keys.in_([tuple(row) for row in old])))
    return len(old)


def read_who_left(conn: Connection, mark: Mark, since_ms: int) -> dict[str, int]:
    """Who has left a trace since a time (at most ``PEOPLE_MAX``), with since when each of them is known."""
    columns = traces_table.c
    query = select(columns.user_id).where(
        columns.kind == mark.kind.value, columns.digest == mark.digest, columns.seen_ms >= since_ms
    )
    people = list(conn.scalars(query.order_by(columns.seen_ms.desc()).limit(PEOPLE_MAX)))
    return read_known_since(conn, people) if people else {}
