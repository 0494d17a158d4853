"""How the publishers at this node fare, told once a second to the studios, whichever node they are at."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from media.stream import PublisherStats
from server.bus.port import Bus
from server.live.rooms import LiveRooms

log = structlog.get_logger(__name__)

EVERY_S = 1.0


class Published(Protocol):
    """What is published here."""

    def all_stats(self) -> dict[str, PublisherStats]:
        """By stream, of each that has a publisher."""
        ...


def health_of(stream: str, stats: PublisherStats, hls_viewers: int) -> dict[str, Any]:
    """The message ``publisher`` of docs/protocol.md."""
    room, _, slot = stream.partition(":")
    where = {"room": room, "slot": slot} if slot else {"room": room}
    viewers = {"whep": stats.viewers, "hls": hls_viewers}
    return where | dataclasses.asdict(stats) | {"viewers": viewers}


class Vitals:
    """Tells until it is closed. What is told may be lost: the next second says it again."""

    def __init__(
        self, media: Published, hls_viewers: Callable[[str], int], live: LiveRooms, bus: Bus
    ) -> None:
        self._media, self._hls_viewers, self._live, self._bus = media, hls_viewers, live, bus
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="vitals")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                self.tell()
            except Exception:
                log.exception("vitals_failed")

    def tell(self) -> None:
        """Say it once."""
        for stream, stats in self._media.all_stats().items():
            health = health_of(stream, stats, self._hls_viewers(stream))
            self._live.tell_publishers(health)
            self._bus.share_publisher(health["room"], health)
