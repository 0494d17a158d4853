"""The queue's tables. Both are guarded by the room's head: whoever changes a row holds that lock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    func,
    or_,
    select,
)

from moderation.review.rules import Item
from rooms.rows import Kind, Rank
from rooms.schema import metadata

items_table = Table(
    "review_items",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("action", String(32), nullable=False),
    Column("about", String(36), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("user_name", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger),
    Column("offset", BigInteger, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("hidden", Integer, nullable=False),
    Column("claim_id", String(128), nullable=False),
    Column("claim_name", Text, nullable=False),
    Column("claim_until_ms", BigInteger, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_id", String(128), nullable=False),
    Column("by_name", Text, nullable=False),
    Column("decided_at_ms", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Index("ix_review_items_queue", "room_id", "state", "at_ms", "id"),
    Index("ix_review_items_user", "user_id", "kind", "state"),
    Index("ix_review_items_decided", "decided_at_ms"),
    Index("ix_review_items_state", "state", "at_ms"),
)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What one viewer reported. ``outcome`` is empty until it is decided: ``upheld`` or ``dismissed``."""

    event_id: str
    user_id: str
    room_id: str
    at_ms: int
    why: str
    weight: int
    outcome: str
    told: int


reports_table = Table(
    "review_reports",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("why", String(16), nullable=False),
    Column("weight", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("told", Integer, nullable=False),
    Index("ix_review_reports_user", "user_id", "at_ms"),
)

ITEMS: Kind[Item] = Kind(items_table, Item, Rank.GUARDED)
REPORTS: Kind[ReportRow] = Kind(reports_table, ReportRow, Rank.GUARDED)

_i, _r = items_table.c, reports_table.c
OPEN = "open"


def read_item(conn: Connection, item_id: str) -> Item | None:
    """An item as it is now. Whose it is, and of which room and kind, never changes: for that no lock is
    needed."""
    row = conn.execute(select(items_table).where(_i.id == item_id)).one_or_none()
    return Item(*row) if row else None


def read_queue(
    conn: Connection,
    room_id: str,
    actions: Collection[str],
    *,
    state: str = OPEN,
    kind: str | None = None,
    after: tuple[int, str] | None = None,
    limit: int = 100,
) -> list[Item]:
    """The room's items for who may do these actions: those that wait, the longest first; else the newest
    first. ``after`` is the time and the id of the last one of the page before."""
    query = select(items_table).where(_i.room_id == room_id, _i.state == state, _i.action.in_(actions))
    if kind is not None:
        query = query.where(_i.kind == kind)
    if state == OPEN:
        if after is not None:
            query = query.where(or_(_i.at_ms > after[0], (_i.at_ms == after[0]) & (_i.id > after[1])))
        query = query.order_by(_i.at_ms, _i.id)
    else:
        if after is not None:
            query = query.where(or_(_i.at_ms < after[0], (_i.at_ms == after[0]) & (_i.id < after[1])))
        query = query.order_by(_i.at_ms.desc(), _i.id.desc())
    return [Item(*row) for row in conn.execute(query.limit(limit))]


def read_claimed(conn: Connection, room_id: str, user_id: str) -> list[Item]:
    """The open items of the room that somebody has taken, whether or not the lease has run out."""
    query = select(items_table).where(_i.room_id == room_id, _i.state == OPEN, _i.claim_id == user_id)
    return [Item(*row) for row in conn.execute(query)]


def count_open(conn: Connection, room_id: str, actions: Collection[str]) -> int:
    """How many wait for who may do these actions."""
    query = select(func.count()).where(_i.room_id == room_id, _i.state == OPEN, _i.action.in_(actions))
    return conn.scalar(query) or 0


def count_held(conn: Connection, room_id: str, user_id: str | None = None) -> int:
    """How many comments wait in the room, or how many of one sender."""
    query = select(func.count()).where(_i.room_id == room_id, _i.state == OPEN, _i.kind == "held")
    if user_id is not None:
        query = query.where(_i.user_id == user_id)
    return conn.scalar(query) or 0


def read_waits(conn: Connection, room_id: str, *, since_ms: int, limit: int = 100) -> list[int]:
    """How long the latest decisions took in ms, the newest first. What expired isn't one."""
    query = (
        select(_i.decided_at_ms - _i.at_ms)
        .where(_i.room_id == room_id, _i.state == "decided", _i.at_ms > since_ms)
        .order_by(_i.at_ms.desc())
        .limit(limit)
    )
    return [max(0, waited) for waited in conn.scalars(query)]


def read_own(
    conn: Connection, room_id: str, user_ids: Sequence[str], *, since_ms: int
) -> dict[str, list[Item]]:
    """By user, the oldest first: the comments that wait in the room, and the appeals, of whichever room, that
    wait or were decided since."""
    here = (_i.room_id == room_id) & (_i.kind == "held") & (_i.state == OPEN)
    appeals = (_i.kind == "appeal") & ((_i.state == OPEN) | (_i.decided_at_ms > since_ms))
    query = select(items_table).where(_i.user_id.in_(user_ids), or_(here, appeals)).order_by(_i.at_ms, _i.id)
    own: dict[str, list[Item]] = {}
    for row in conn.execute(query):
        item = Item(*row)
        own.setdefault(item.user_id, []).append(item)
    return own


def read_appeals(conn: Connection, user_id: str, *, since_ms: int, limit: int = 20) -> list[Item]:
    """A user's appeals of all rooms: those that wait, and those decided since, the newest first."""
    query = select(items_table).where(_i.user_id == user_id, _i.kind == "appeal")
    query = query.where(or_(_i.state == OPEN, _i.decided_at_ms > since_ms))
    return [Item(*row) for row in conn.execute(query.order_by(_i.at_ms.desc()).limit(limit))]


def read_appealed(conn: Connection, user_ids: Collection[str]) -> list[str]:
    """The rooms in which these users' appeals wait."""
    query = select(_i.room_id).where(_i.user_id.in_(user_ids), _i.kind == "appeal", _i.state == OPEN)
    return list(conn.scalars(query.distinct()))


def read_reported(
    conn: Connection, room_id: str, user_id: str, first: int, to: int, limit: int
) -> list[Item]:
    """What is reported, and undecided, of somebody's comments between two offsets of the room's log, both
    included: the hidden ones first, whose words must not come back, then the newest."""
    query = (
        select(items_table)
        .where(_i.user_id == user_id, _i.kind == "report", _i.state.in_(("gathering", OPEN)))
        .where(_i.room_id == room_id, _i.offset >= first, _i.offset <= to)
    )
    return [
        Item(*row) for row in conn.execute(query.order_by(_i.hidden.desc(), _i.offset.desc()).limit(limit))
    ]


def read_record(conn: Connection, user_id: str) -> dict[str, int]:
    """How many of somebody's reports were upheld, and how many dismissed; on comments, not of rooms."""
    query = select(_r.outcome, func.count()).where(_r.user_id == user_id, _r.outcome != "")
    return {row[0]: row[1] for row in conn.execute(query.group_by(_r.outcome))}


def count_reports(conn: Connection, user_id: str, since_ms: int) -> int:
    query = select(func.count()).where(_r.user_id == user_id, _r.at_ms > since_ms)
    return conn.scalar(query) or 0


def read_untold(conn: Connection, event_id: str, limit: int) -> list[ReportRow]:
    """Reports of a comment that are decided, and whose writers don't know yet."""
    query = select(reports_table).where(_r.event_id == event_id, _r.outcome != "", _r.told == 0)
    return [ReportRow(*row) for row in conn.execute(query.order_by(_r.user_id).limit(limit))]


def read_history(conn: Connection, room_id: str, user_id: str) -> dict[str, int]:
    """What became of what somebody wrote in the room: how many were held and refused, released, expired, and
    how many reports of their comments were upheld or dismissed."""
    query = (
        select(_i.kind, _i.decision, func.count())
        .where(_i.user_id == user_id, _i.kind.in_(("held", "report")))
        .where(_i.state.in_(("decided", "expired")), _i.room_id == room_id)
        .group_by(_i.kind, _i.decision)
    )
    return {f"{kind}_{decision}": count for kind, decision, count in conn.execute(query)}


def prune_items(conn: Connection, before_ms: int, limit: int) -> int:
    """Forget what was decided before that, at most ``limit`` items and their reports; gives how many."""
    old = select(_i.id).where(_i.decided_at_ms < before_ms).order_by(_i.decided_at_ms).limit(limit)
    # Reports that never had weight enough are decided by nobody.
    idle = select(_i.id).where(_i.state == "gathering", _i.at_ms < before_ms).limit(limit)
    ids = [*conn.scalars(old), *conn.scalars(idle)]
    if ids:
        conn.execute(reports_table.delete().where(_r.event_id.in_(ids)))
        conn.execute(items_table.delete().where(_i.id.in_(ids)))
    return len(ids)
