"""Listening to just the rooms that matter to somebody at the moment."""

from __future__ import annotations

from collections.abc import Iterable

from server.bus.port import Bus, RoomListener


class Ears:
    """Joins rooms and leaves them, so that ``on_news`` hears of those that were asked for last, also when
    several ask at once. Cancelled in between, the next call makes it right."""

    def __init__(self, bus: Bus, on_news: RoomListener) -> None:
        self._bus = bus
        self._on_news = on_news
        self._wanted: set[str] = set()
        self._joined: set[str] = set()

    async def listen(self, rooms: Iterable[str]) -> None:
        """Hear of these rooms from now on, and of no others."""
        self._wanted = set(rooms)
        for room in self._wanted - self._joined:
            if room in self._wanted and room not in self._joined:
                self._joined.add(room)
                await self._bus.join_room(room, self._on_news)
        for room in self._joined - self._wanted:
            if room in self._joined and room not in self._wanted:
                self._joined.discard(room)
                await self._bus.leave_room(room, self._on_news)
