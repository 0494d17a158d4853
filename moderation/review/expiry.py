"""Timers of items that nobody decided in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moderation.review.rules import Item, expired, expires_at_ms
from moderation.review.showing import show
from moderation.review.store import ITEMS, read_item
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.rows import Steps
from rooms.unit import Unit


def run_out(tx: Unit, timer: TimerRow, over: Callable[[Unit, Item], None]) -> Steps[Any]:
    """Settle the timer's item if its time is over; ``over`` tells who waits for it, and notes it. Whoever
    looks at the item meanwhile is let finish: the timer comes again. Nothing is done for one that has been
    decided, nor twice."""
    yield TIMERS.rows(timer.id)
    found = read_item(tx.conn, timer.ref)
    yield USERS.rows(found.user_id if found else "")
    yield ROOMS.rows(timer.room_id)
    yield ITEMS.rows(timer.ref)
    if tx.get(TIMERS, timer.id) is None:
        return {}
    tx.drop(TIMERS, timer.id)
    item = tx.get(ITEMS, timer.ref)
    if item is None or item.state != "open" or tx.get(ROOMS, timer.room_id) is None:
        return {}
    gone = expired(item, tx.now_ms)
    if gone is item:
        tx.wake(timer.kind, item.id, item.room_id, expires_at_ms(item, tx.now_ms) or tx.now_ms)
        return {}
    tx.put(ITEMS, gone)
    over(tx, gone)
    show(tx, gone)
    return {}
