"""Likes are counted, not kept: summed in the node's memory, shown as a signal, written now and then."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit


class LikeCounter:
    """A node's likes since the last write, capped for each viewer and second.

    A crash loses at most the likes of the last few seconds; that is decided so.
    """

    def __init__(self, per_second: int = 20) -> None:
        self._per_second = per_second
        self._second: dict[str, tuple[int, int]] = {}
        self._unwritten: dict[str, int] = defaultdict(int)

    def like(self, room_id: str, viewer: str, count: int, now_ms: int) -> int:
        """Count likes of a viewer; gives how many of them counted."""
        second = now_ms // 1000
        if len(self._second) > 10_000:
            self._second = {v: s for v, s in self._second.items() if s[0] == second}
        at, used = self._second.get(viewer, (second, 0))
        if at != second:
            used = 0
        counted = max(0, min(count, self._per_second - used))
        self._second[viewer] = (second, used + counted)
        if counted:
            self._unwritten[room_id] += counted
        return counted

    def unwritten(self, room_id: str) -> int:
        return self._unwritten.get(room_id, 0)

    def take(self) -> dict[str, int]:
        """What is to be written, by room; the count starts afresh."""
        taken, self._unwritten = dict(self._unwritten), defaultdict(int)
        return taken

    def give_back(self, counts: dict[str, int]) -> None:
        """A write failed: count them again next time."""
        for room_id, count in counts.items():
            self._unwritten[room_id] += count


def write_likes(tx: Unit, counts: dict[str, int]) -> Steps[Any]:
    """Add to the rooms' totals. Not safe to do twice: only for a write whose outcome is known."""
    yield ROOMS.rows(*counts)
    for room_id, count in counts.items():
        room = tx.get(ROOMS, room_id)
        if room is not None:
            tx.put(ROOMS, replace(room, likes=room.likes + count))
    return {}
