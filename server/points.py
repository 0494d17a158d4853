"""The node's clock for watch time and points: it looks every few seconds, writes about once a minute, and
counts what the rooms' logs have got."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Histogram

from rooms.errors import Refused
from rooms.points.earning import Earnings
from rooms.points.minutes import Minute, Minutes
from rooms.points.reading import Behind, count_batch, read_batch, read_behind
from server.live.room import LiveRoom
from server.store.group import Work
from server.store.store import Store
from server.watching import LOOK_EVERY_MS, Watching

log = structlog.get_logger(__name__)

WRITE_EVERY_S = 60.0
READ_EVERY_S = 10.0
REST_S = 0.1
"""Between two transactions, so that the writer is everybody else's most of the time."""
ROOMS_AT_ONCE = 50
READ_BATCHES_MAX = 200
"""Batches counted at a stretch; then people who are here have their turn."""

Watched = Callable[[str, str, int, str], None]
"""Told of new watch time: the host's id, the user's, milliseconds, the user's name."""


class PointsKeeper:
    """One task: it looks, writes and reads, one transaction at a time. What was seen since the last write is
    lost with the node."""

    def __init__(
        self,
        store: Store,
        rooms: Callable[[], list[LiveRoom]],
        earnings: Earnings,
        clock_ms: Callable[[], int],
        registry: CollectorRegistry,
        *,
        watched: Watched = lambda host_id, user_id, ms, name: None,
        rest_s: float = REST_S,
    ) -> None:
        self._store = store
        self._earnings = earnings
        self._minutes = Minutes(earnings)
        self._clock_ms = clock_ms
        self._watched = watched
        self._rest_s = rest_s
        self._rooms = rooms
        self.watching = Watching(rooms, earnings.days)
        self._task: asyncio.Task[None] | None = None
        self._held = Histogram(
            "danmart_points_write_seconds",
            "Time from begin to commit of groups with watch time and points in them",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
            registry=registry,
        )

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="points")

    async def see(self) -> None:
        """Look once more, before everybody is sent away."""
        await self.watching.look(self._clock_ms())

    async def close(self) -> None:
        """Write what was seen, once; idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self.write(hurry=True)

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        write_at, read_at = now() + WRITE_EVERY_S, now() + READ_EVERY_S
        while True:
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
            try:
                await self.watching.look(self._clock_ms())
                if now() >= write_at:
                    write_at = now() + WRITE_EVERY_S
                    await self.write()
                if now() >= read_at:
                    read_at = now() + READ_EVERY_S
                    await self.read()
            except Refused:
                log.debug("points_wait_for_the_database")
            except Exception:
                log.exception("points_failed")

    async def write(self, *, hurry: bool = False) -> None:
        """Write what was seen since the last time, a portion at a time; looks go on meanwhile."""
        minutes, names = self.watching.take(self._clock_ms())
        hosts = {room.row.id: room.row.host_id for room in self._rooms()}
        looked_ms = self._clock_ms()
        for n, minute in enumerate(minutes):
            if n and not hurry:
                await asyncio.sleep(self._rest_s)
                if self._clock_ms() - looked_ms >= LOOK_EVERY_MS:
                    looked_ms = self._clock_ms()
                    await self.watching.look(looked_ms)
            await self._write(minute, hosts.get(minute.room_id), names)

    async def read(self) -> int:
        """Count what the logs have beyond their cursors; gives how many batches that were."""
        batches, after = 0, ""
        while behind := await self._store.read(lambda conn, a=after: read_behind(conn, ROOMS_AT_ONCE, a)):  # type: ignore[misc]
            for room in behind:
                batches += await self._read_room(room, READ_BATCHES_MAX - batches)
                if batches >= READ_BATCHES_MAX:
                    return batches
            after = behind[-1].room_id
        return batches

    async def _read_room(self, room: Behind, most: int) -> int:
        """Count what one room's logs have, ``most`` batches of it; gives how many those were."""
        for n in range(1, most + 1):
            batch = await self._store.read(lambda conn, r=room: read_batch(conn, r, self._earnings.days))  # type: ignore[misc]
            answer = await self._submit(
                "points.count", lambda tx, b=batch: count_batch(tx, b, self._earnings)
            )
            # Not written, or counted by another node: there is another reading soon.
            if answer is None or not answer["counted"] or batch.is_last:
                return n
            await asyncio.sleep(self._rest_s)
            room = replace(room, at=batch.to)
        return most

    async def _write(self, minute: Minute, host_id: str | None, names: dict[str, str]) -> None:
        answer = await self._submit("watched.add", lambda tx: self._minutes.write(tx, minute))
        if answer is None:
            self.watching.give_back(minute)
            return
        for user_id, ms in answer["watched"].items():
            self._watched(host_id or "", user_id, ms, names.get(user_id, ""))

    async def _submit(self, name: str, steps: Any) -> dict[str, Any] | None:
        """None: it wasn't written."""
        work = Work(name, steps, patient=True, held=self._held.observe)
        answer = await self._store.write(work)
        if not answer.ok:
            log.warning("points_not_written", what=name, code=answer.code)
            return None
        decoded: dict[str, Any] = orjson.loads(answer.body)
        return decoded
