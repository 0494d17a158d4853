"""When to store a room's folded state: every few hundred events, so that joining stays cheap."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection

from rooms.heads import ROOMS
from rooms.history import read_now, save_checkpoint
from rooms.rows import Steps
from rooms.unit import News, Unit

EVERY = 300


class Checkpoints:
    """Counts events a room; says which rooms are due; saves."""

    def __init__(self, every: int = EVERY) -> None:
        self._every = every
        self._since: Counter[str] = Counter()

    def count(self, news: News) -> None:
        self._since.update(event.room_id for event in news.events)

    def due(self) -> list[str]:
        """Rooms with enough new events; their count starts afresh."""
        due = [room_id for room_id, count in self._since.items() if count >= self._every]
        for room_id in due:
            del self._since[room_id]
        return due

    def save(self, tx: Unit, room_id: str) -> Steps[Any]:
        """Fold within the transaction, under the room's lock: a deletion can't slip in between."""
        yield ROOMS.rows(room_id)
        tx.room(room_id)
        tx.at_flush(lambda conn: _save(conn, room_id))
        return {}


def _save(conn: Connection, room_id: str) -> None:
    now = read_now(conn, room_id)
    if now is not None:
        save_checkpoint(conn, room_id, now)
