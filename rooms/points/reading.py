"""Reading the rooms' logs for what earns points: comments, gifts, orders; and what takes them back.

A comment costs nothing more for being counted: it is in the log, and this is a reader of logs with a cursor.
An offset is given under the room's lock and committed with the room's head, so that a reader that goes up to
a committed head skips nothing. What was read is counted in the transaction that moves the cursor on from
where the reading began: of two nodes that have read the same, the second finds it done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, and_, or_, select

from rooms.days import Days
from rooms.heads import rooms_table
from rooms.log import Visibility, room_events, staff_events
from rooms.points.earning import Earnings
from rooms.points.rules import BACK
from rooms.points.store import CURSORS, CursorRow, cursors_table
from rooms.rows import Steps
from rooms.unit import Unit

ENTRIES_AT_ONCE = 2_000
_OF_ANOTHER = {
    "comment.deleted": BACK + "comment",
    "comment.restored": "comment",
    "gift.refunded": BACK + "gift",
}
"""Entries about one that came before: it counts no longer, or again."""
_PURGED = "comment.purged"
_WITH_DATA = ("gift", _PURGED, *_OF_ANOTHER)
USERS_AT_ONCE = 60
"""So many people's rows are written in one transaction."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A room whose logs go further than they are counted. ``at`` is None if nothing of it ever was."""

    room_id: str
    host_id: str
    epoch: str
    head: int
    staff_head: int
    at: CursorRow | None

    @property
    def offset(self) -> int:
        return self.at.offset if self.at and self.at.epoch == self.epoch else 0

    @property
    def staff_seq(self) -> int:
        return self.at.staff_seq if self.at else 0


def read_behind(conn: Connection, limit: int = 50, after: str = "") -> list[Behind]:
    """Rooms with something to be counted, by id."""
    rooms, cursors = rooms_table.c, cursors_table.c
    query = (
        select(rooms.id, rooms.host_id, rooms.epoch, rooms.head, rooms.staff_head, *cursors_table.columns)
        .outerjoin(cursors_table, cursors.room_id == rooms.id)
        .where(
            rooms.id > after,
            or_(
                cursors.room_id.is_(None),
                cursors.epoch != rooms.epoch,
                cursors.offset < rooms.head,
                cursors.staff_seq < rooms.staff_head,
            ),
        )
        .order_by(rooms.id)
        .limit(limit)
    )
    found = []
    for room_id, host_id, epoch, head, staff_head, *at in conn.execute(query):
        cursor = CursorRow(*at) if at[0] is not None else None
        found.append(Behind(room_id, host_id, epoch, head, staff_head, cursor))
    return found


@dataclass(slots=True)
class Batch:
    """What some entries of a room's logs come to, and where the cursor goes with it."""

    behind: Behind
    to: CursorRow
    doings: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    @property
    def is_last(self) -> bool:
        """Whether that was all there was."""
        return self.to.offset >= self.behind.head and self.to.staff_seq >= self.behind.staff_head

    def take(self, day: int, user_id: str | None, task: str, amount: int) -> bool:
        """Count something, unless there are too many people in it already. A host earns nothing at home."""
        if user_id is None or user_id == self.behind.host_id or amount <= 0:
            return True
        if user_id not in self.users and len(self.users) >= USERS_AT_ONCE:
            return False
        self.users.add(user_id)
        mine = self.doings.setdefault((day, user_id), {})
        mine[task] = mine.get(task, 0) + amount
        return True


def read_batch(conn: Connection, behind: Behind, days: Days) -> Batch:
    """The next entries of a room's logs, as far as they fit into one transaction. A few statements."""
    batch = Batch(behind, CursorRow(behind.room_id, behind.epoch, behind.offset, behind.staff_seq))
    offset = _read_room(conn, batch, days)
    seq = behind.staff_seq if offset < behind.head else _read_staff(conn, batch, days)
    batch.to = CursorRow(behind.room_id, behind.epoch, offset, seq)
    return batch


def _read_room(conn: Connection, batch: Batch, days: Days) -> int:
    """Up to which offset it is in the batch."""
    events, behind = room_events.c, batch.behind
    limit = min(behind.head, behind.offset + ENTRIES_AT_ONCE)
    here = and_(
        events.room_id == behind.room_id,
        events.epoch == behind.epoch,
        events.offset > behind.offset,
        events.offset <= limit,
    )
    # The comments' words aren't needed, and are most of what there is to read. Those that are deleted are
    # counted like all, and taken back with their deletion, and given again when they are restored: whichever
    # comes first, it comes to the same.
    found = conn.execute(
        select(events.offset, events.kind, events.user_id, events.at_ms)
        .where(here, events.kind.in_(("comment", *_WITH_DATA)))
        .order_by(events.offset)
    ).all()
    said = select(events.offset, events.body).where(here, events.kind.in_(_WITH_DATA))
    data = (
        {r.offset: _data(r.body) for r in conn.execute(said)} if len(found) > _count(found, "comment") else {}
    )
    others = _read_others(conn, [data[r.offset]["id"] for r in found if r.kind in _OF_ANOTHER])
    for event in found:
        if event.kind == _PURGED:
            if not _take_back(conn, batch, days, data[event.offset]):
                return int(event.offset) - 1
            continue
        at_ms, user_id, task, amount = event.at_ms, event.user_id, event.kind, 1
        if event.kind in _OF_ANOTHER:
            was = others.get(data[event.offset]["id"])
            at_ms, user_id = (was.at_ms, was.user_id) if was else (0, None)
            task = _OF_ANOTHER[event.kind]
        if event.kind.startswith("gift"):
            amount = int(data[event.offset].get("coins", 0))
        if not batch.take(days.of(at_ms), user_id, task, amount):
            return int(event.offset) - 1
    return limit


def _take_back(conn: Connection, batch: Batch, days: Days, purge: Mapping[str, Any]) -> bool:
    """Count back the comments that a purge took, but not those that had been deleted before it."""
    events, behind = room_events.c, batch.behind
    query = select(events.at_ms, events.visibility, events.body).where(
        events.room_id == behind.room_id,
        events.user_id == purge["user"],
        events.epoch == behind.epoch,
        events.offset >= purge["from"],
        events.offset <= purge["to"],
        events.kind == "comment",
    )
    said: dict[int, int] = {}
    for comment in conn.execute(query):
        deleted = comment.visibility == Visibility.DELETED.value
        if not deleted or _data(comment.body).get("purged") == purge["to"]:
            day = days.of(comment.at_ms)
            said[day] = said.get(day, 0) + 1
    return all(batch.take(day, purge["user"], BACK + "comment", n) for day, n in said.items())


def _read_others(conn: Connection, ids: Sequence[str]) -> dict[str, Any]:
    """Whose what was deleted, restored or refunded is, and when it came, by its id."""
    events = room_events.c
    query = select(events.id, events.user_id, events.at_ms).where(events.id.in_(ids))
    return {row.id: row for row in conn.execute(query)} if ids else {}


def _read_staff(conn: Connection, batch: Batch, days: Days) -> int:
    """The same of the staff's log, which has the orders."""
    events, behind = staff_events.c, batch.behind
    limit = min(behind.staff_head, behind.staff_seq + ENTRIES_AT_ONCE)
    query = (
        select(events.seq, events.at_ms, events.body)
        .where(
            events.room_id == behind.room_id,
            events.seq > behind.staff_seq,
            events.seq <= limit,
            events.kind == "order",
        )
        .order_by(events.seq)
    )
    for event in conn.execute(query):
        order = orjson.loads(event.body)["data"]["order"]
        task = {"paid": "purchase", "refunded": BACK + "purchase"}.get(order["status"])
        if task is None or order["total_minor"] == 0 or "coins" in order:
            continue
        day = days.of(order["paid_at_ms"] or event.at_ms)
        if not batch.take(day, order["buyer"]["id"], task, 1):
            return int(event.seq) - 1
    return limit


def _count(found: Sequence[Any], kind: str) -> int:
    return sum(event.kind == kind for event in found)


def _data(body: bytes) -> Mapping[str, Any]:
    data: Mapping[str, Any] = orjson.loads(body)["data"]
    return data


def count_batch(tx: Unit, batch: Batch, earnings: Earnings) -> Steps[Any]:
    """Count what was read and move the cursor on. Safe to do twice, and on several nodes at once."""
    room_id = batch.behind.room_id
    yield CURSORS.rows(room_id)
    if tx.get(CURSORS, room_id) != batch.behind.at:
        return {"counted": False}
    tx.put(CURSORS, batch.to)
    yield from earnings.load(batch.doings)
    points = yield from earnings.add(tx, batch.doings, room_id)
    return {"counted": True, "points": points}
