"""The unit of work: what a group of commands locked, read and changed, written set-based at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Table

from rooms import bulk
from rooms.errors import Refused
from rooms.heads import ROOMS, USERS, RoomRow, TimerRow, UserRow, timers_table
from rooms.log import (
    LogEvent,
    PrivateEvent,
    StaffEvent,
    Visibility,
    encode_event,
    room_events,
    staff_events,
    user_events,
)
from rooms.rows import Key, Kind, R, RowCache, column_values, names_of, new_id
from rooms.shop.shelf import Left, share_stock

Data = dict[str, Any] | orjson.Fragment
"""What an event has to say; encoded already where several events say the same."""


@dataclass(slots=True)
class News:
    """What a committed group has for those who are connected."""

    events: list[LogEvent]
    private: list[PrivateEvent]
    staff: list[StaffEvent]
    stock: dict[str, dict[str, int]]
    coupons: dict[str, dict[str, int]] = field(default_factory=dict)
    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    """What the next signals say of plays, by room and play: how many entered, opened, voted."""


class Unit:
    """One transaction's rows and events. Not thread-safe; lives for one group."""

    def __init__(
        self,
        conn: Connection,
        now_ms: int,
        *,
        media_ms: Callable[[str], int | None] = lambda room_id: None,
    ) -> None:
        self.conn = conn
        self.now_ms = now_ms
        self.changes = 0
        self.news = News([], [], [], {})
        self._media_ms = media_ms
        self._caches: dict[Table, RowCache[Any]] = {}
        self._rows: dict[Table, list[Any]] = {}
        # Rooms' heads as they have become: in a row of their own each event would make the row anew.
        self._heads: dict[str, int] = {}
        self._staff_heads: dict[str, int] = {}
        self._left: dict[str, Left] = {}
        self._inserts: dict[Table, list[dict[str, Any]]] = {}
        self._last: list[Callable[[Connection], None]] = []
        self._ends: dict[Callable[[Connection, list[Any]], None], list[Any]] = {}
        self._undo: list[Callable[[], None]] = []

    # rows

    def load(self, kind: Kind[Any], keys: Iterable[Key]) -> None:
        """Read rows (and lock them, unless their room's head guards them). For the group runner."""
        self._cache(kind).load(self.conn, kind, keys)

    def get(self, kind: Kind[R], *key: Any) -> R | None:
        """The row as it is now in this unit, or None. It must have been asked for by a ``yield``."""
        try:
            return self._caches[kind.table].now[key]
        except KeyError:
            raise LookupError(f"{kind.table.name} {key} was not asked for") from None

    def asked(self, kind: Kind[Any], *key: Any) -> bool:
        """Whether this unit has asked for the row, or written it."""
        return key in self._cache(kind).now

    def fresh(self, kind: Kind[R]) -> list[R]:
        """The rows that this unit adds."""
        cache = self._cache(kind)
        return [row for key, row in cache.now.items() if row is not None and cache.read.get(key) is None]

    def gone(self, kind: Kind[R]) -> list[R]:
        """The rows, as they were read, that this unit takes away."""
        cache = self._cache(kind)
        return [row for key, row in cache.read.items() if row is not None and cache.now.get(key, row) is None]

    def put(self, kind: Kind[R], row: R) -> R:
        """Insert the row or replace the one with its key."""
        cache = self._cache(kind)
        key = cache.key_of(row)
        cache.read.setdefault(key, None)
        cache.now[key] = row
        self.changes += 1
        return row

    def drop(self, kind: Kind[Any], *key: Any) -> None:
        self._cache(kind).now[key] = None
        self.changes += 1

    def take_in(self, kind: Kind[R], rows: Iterable[R]) -> list[R]:
        """Rows found by a query while holding the lock that guards them: gives them as they are now in this
        unit, together with all of the kind that it has added. Those that it has dropped are left out."""
        cache = self._cache(kind)
        for row in rows:
            key = cache.key_of(row)
            if cache.read.setdefault(key, row) is row:
                cache.now.setdefault(key, row)
        return [row for row in cache.now.values() if row is not None]

    def insert(self, table: Table, values: dict[str, Any]) -> None:
        """Append to a table that nobody in this unit reads back."""
        self._inserts.setdefault(table, []).append(values)
        self.changes += 1

    def add(self, table: Table, row: Any) -> None:
        """The same for a dataclass whose fields are the table's columns."""
        self._rows.setdefault(table, []).append(row)
        self.changes += 1

    def at_flush(self, statement: Callable[[Connection], None]) -> None:
        """Run a set-based statement when everything else has been written."""
        self._last.append(statement)
        self.changes += 1

    def at_end(self, write: Callable[[Connection, list[Any]], None], item: Any) -> None:
        """Have ``write`` called once, with the items of the whole unit in their order, when all else has been
        written: what it locks comes last in the order of locks. What runs at the flush may add items too."""
        self._ends.setdefault(write, []).append(item)
        self.changes += 1

    def at_rollback(self, undo: Callable[[], None]) -> None:
        """For what a handler keeps in memory: take it back if the group isn't committed."""
        self._undo.append(undo)

    def room(self, room_id: str) -> RoomRow:
        """The locked room; raises ``Refused("room_not_found")``."""
        room = self.get(ROOMS, room_id)
        if room is None:
            raise Refused("room_not_found")
        return room

    def head(self, room_id: str) -> int:
        """The offset of the room's last entry, those of this unit included. The room must be locked."""
        return self._heads.get(room_id, self.room(room_id).head)

    # events

    def append(
        self,
        room_id: str,
        kind: str,
        data: dict[str, Any],
        *,
        user: dict[str, Any] | None = None,
        visibility: Visibility = Visibility.ALL,
        reply_to: str | None = None,
        event_id: str | None = None,
    ) -> LogEvent:
        """Give the room's log its next entry. The room must be locked.

        ``reply_to`` is the comment whose words ``data`` quotes, so that they can be found when it is deleted.
        ``event_id`` is a ``new_id`` that something else of this unit is called by, too.
        """
        room = self.room(room_id)
        event_id, offset = event_id or new_id(), self._heads.get(room_id, room.head) + 1
        body = encode_event(
            event_id=event_id,
            offset=offset,
            kind=kind,
            at_ms=self.now_ms,
            user=user,
            data=data,
            media_ms=self._media_ms(room_id),
        )
        user_id = user["id"] if user else None
        event = LogEvent(
            room_id,
            room.epoch,
            offset,
            event_id,
            kind,
            self.now_ms,
            user_id,
            visibility.value,
            body,
            reply_to,
        )
        self._heads[room_id] = offset
        self.add(room_events, event)
        self.news.events.append(event)
        return event

    def tell(self, user_id: str, kind: str, data: Data, *, room_id: str | None = None) -> None:
        """A private event for one user. ``USERS.rows(user_id)`` must have been asked for."""
        user = self.get(USERS, user_id) or UserRow(user_id, "", 0, 0, self.now_ms, self.now_ms)
        user = replace(user, seq=user.seq + 1)
        wire: dict[str, Any] = {"seq": user.seq, "kind": kind, "at_ms": self.now_ms}
        if room_id is not None:
            wire["room"] = room_id
        wire["data"] = data
        event = PrivateEvent(user_id, user.seq, self.now_ms, room_id, kind, orjson.dumps(wire))
        self.put(USERS, user)
        self.add(user_events, event)
        self.news.private.append(event)

    def brief(self, room_id: str, kind: str, data: Data, *, action: str = "see_staff") -> None:
        """A staff event, for those in the room who may ``action``. The room must be locked."""
        seq = self._staff_heads.get(room_id, self.room(room_id).staff_head) + 1
        wire = {"room": room_id, "seq": seq, "kind": kind, "at_ms": self.now_ms, "data": data}
        event = StaffEvent(room_id, seq, self.now_ms, kind, action, orjson.dumps(wire))
        self._staff_heads[room_id] = seq
        self.add(staff_events, event)
        self.news.staff.append(event)

    def stock_left(self, sku: str, left: int, *, in_room: Mapping[str, int] | None = None) -> None:
        """Let the next signals of all rooms that show the SKU say how much is left: ``in_room`` in those
        rooms, ``left`` in the others."""
        self._left[sku] = Left(left, in_room or {})
        self.changes += 1

    def coupons_left(self, room_id: str, coupon_id: str, left: int) -> None:
        """Let the next signals of the room say how many of a coupon can still be claimed."""
        self.news.coupons.setdefault(room_id, {})[coupon_id] = left

    def count(self, room_id: str, play_id: str, **counts: int) -> None:
        """Let the room's next signal say these numbers of a play, as they are now."""
        self.news.counts.setdefault(room_id, {}).setdefault(play_id, {}).update(counts)
        self.changes += 1

    def wake(self, kind: str, ref: str, room_id: str, due_at_ms: int) -> None:
        """Have the handler of timers of this kind called at (or soon after) a time."""
        self.add(timers_table, TimerRow(new_id(), kind, ref, room_id, due_at_ms))

    # writing

    def flush(self) -> None:
        """Write everything, a statement a table and sort of change."""
        self._put_heads()
        for cache in sorted(self._caches.values(), key=lambda c: c.kind.rank):
            cache.flush(self.conn)
        for table, rows in self._rows.items():
            bulk.insert(self.conn, table, names_of(table), list(map(column_values(table), rows)))
        for table, values in self._inserts.items():
            self.conn.execute(table.insert(), values)
        for statement in self._last:
            statement(self.conn)
        if self._left:
            self.news.stock = share_stock(self.conn, self._left)
        for write, items in self._ends.items():
            write(self.conn, items)

    def _put_heads(self) -> None:
        for room_id in self._heads.keys() | self._staff_heads.keys():
            room = self.room(room_id)
            head = self._heads.get(room_id, room.head)
            self.put(
                ROOMS, replace(room, head=head, staff_head=self._staff_heads.get(room_id, room.staff_head))
            )

    def rolled_back(self) -> None:
        """The transaction failed: undo what was done in memory. The group may be carried out again."""
        while self._undo:
            self._undo.pop()()

    def _cache(self, kind: Kind[R]) -> RowCache[R]:
        cache = self._caches.get(kind.table)
        if cache is None:
            cache = self._caches[kind.table] = RowCache(kind)
        return cache
