"""The queue as moderators read it: what waits, how long decisions take, and what surrounds an item."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from sqlalchemy import Connection, select

from moderation.review.rules import Item, percentile
from moderation.review.store import count_open, read_history, read_queue, read_waits
from rooms.heads import rooms_table
from rooms.log import Visibility, room_events

PAGE = 100
WAITS_OF_MS = 24 * 3_600_000
AROUND_BEFORE, AROUND_AFTER = 8, 4


def review_part(conn: Connection, room_id: str, actions: Collection[str], now_ms: int) -> dict[str, Any]:
    """What a moderator who enters is told of the queue: the first page, how many wait in all, and how long
    the last decisions of the day took, in ms, the newest first."""
    items = read_queue(conn, room_id, actions, limit=PAGE)
    waiting = len(items) if len(items) < PAGE else count_open(conn, room_id, actions)
    return {
        "items": [item.wire(now_ms) for item in items],
        "waiting": waiting,
        "waits_ms": read_waits(conn, room_id, since_ms=now_ms - WAITS_OF_MS),
    }


def read_times(conn: Connection, room_id: str, now_ms: int) -> dict[str, int | None]:
    """How long half of the last hundred decisions of the day took at most, and nine in ten of them."""
    waits = read_waits(conn, room_id, since_ms=now_ms - WAITS_OF_MS)
    return {"decided": len(waits), "p50_ms": percentile(waits, 0.5), "p90_ms": percentile(waits, 0.9)}


def read_whole(conn: Connection, item: Item, now_ms: int) -> dict[str, Any]:
    """An item with what surrounds it: the comments before and after it, and its writer's record here."""
    history = read_history(conn, item.room_id, item.user_id) if item.user_id else {}
    around = [orjson.Fragment(body) for body in _read_around(conn, item)] if item.offset else []
    return item.wire(now_ms) | {"around": around, "history": history}


def _read_around(conn: Connection, item: Item) -> list[bytes]:
    """Comments that everybody was shown, in order; without the one that the item is about."""
    table = room_events.c
    epoch = select(rooms_table.c.epoch).where(rooms_table.c.id == item.room_id).scalar_subquery()
    shown = (
        select(table.offset, table.body)
        .where(table.room_id == item.room_id, table.epoch == epoch)
        .where(table.kind == "comment", table.visibility == Visibility.ALL.value, table.id != item.about)
    )
    before = shown.where(table.offset <= item.offset, table.offset > item.offset - 200)
    after = shown.where(table.offset > item.offset, table.offset <= item.offset + 100)
    earlier = conn.execute(before.order_by(table.offset.desc()).limit(AROUND_BEFORE)).all()
    later = conn.execute(after.order_by(table.offset).limit(AROUND_AFTER)).all()
    return [row.body for row in (*reversed(earlier), *later)]


def told_of_appeal(item: Item) -> dict[str, Any]:
    """An appeal, as its writer sees it: not who has it, or had it."""
    facts = item.facts
    return {
        "id": item.id,
        "sanction": item.about,
        "state": item.state,
        "text": facts["text"],
        "at_ms": item.at_ms,
        "decision": item.decision or None,
        "reason": item.reason,
        "decided_at_ms": item.decided_at_ms,
    }
