"""This node's leases on rooms that it publishes, and rooms whose node is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import structlog

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.lifecycle import Happening, Lifecycle
from rooms.origins import (
    LEASE_MS,
    ORIGINS,
    RENEW_EVERY_MS,
    OriginRow,
    is_elsewhere,
    is_mine,
    let_go,
    read_abandoned,
    read_origin,
    read_status,
    take,
)
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = RENEW_EVERY_MS / 1000
# A database that was away makes every lease look old: owners get this many looks to renew theirs.
SEEN_BEFORE_ACTING = 2


class Origins:
    """Tells of rooms' pictures under their leases, and keeps the leases up.

    ``lost(room)`` is called for a room that another node publishes now. With ``alone`` (SQLite), there is no
    other node: every lease of the past is over.
    """

    def __init__(
        self,
        store: Store,
        lifecycle: Lifecycle,
        node: str,
        *,
        alone: bool,
        clock_ms: Callable[[], int],
        lost: Callable[[str], None] = lambda room: None,
    ) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._node = node
        self._alone = alone
        self._clock_ms = clock_ms
        self._fences: dict[str, int] = {}
        self._suspects: dict[tuple[str, int], int] = {}
        self._task: asyncio.Task[None] | None = None
        self.lost = lost

    async def start(self) -> None:
        """Rooms that a node of the past left live wait for their publisher as after any interruption."""
        if self._alone:
            for room, fence in (await self._store.read(lambda conn: read_abandoned(conn, 2**60))).items():
                await self._interrupt(room, fence)
        self._task = asyncio.create_task(self._run(), name="origins")

    async def close(self) -> None:
        """Let go of what this node holds, so that another may go on at once. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if self._fences and not self._alone:
            await self._store.write(Work("origins.release", self._release))

    async def refuse_elsewhere(self, room: str) -> None:
        """Raises ``Refused("publisher_busy")`` while another node publishes the room."""
        if self._alone:
            return
        row, status = await self._store.read(lambda conn: (read_origin(conn, room), read_status(conn, room)))
        if status == "live" and is_elsewhere(row, self._node, self._clock_ms()):
            raise Refused("publisher_busy", retry_after_ms=LEASE_MS)

    async def tell(self, room: str, happening: Happening, reason: str | None) -> None:
        """What happened to the picture here. Dropped if the room is another node's by now."""
        answer = await self._store.write(
            Work("room.picture", lambda tx: self._picture(tx, room, happening, reason))
        )
        if answer.code == "publisher_busy":
            if happening == "publishing":
                self._forget(room)
        elif not answer.ok:
            log.error("room_status_not_written", room=room, happening=happening, code=answer.code)

    def _picture(self, tx: Unit, room: str, happening: Happening, reason: str | None) -> Steps[Any]:
        yield ORIGINS.rows(room)
        yield ROOMS.rows(room)
        row, status = tx.get(ORIGINS, room), tx.room(room).status
        if happening == "publishing":
            # An interrupted room may be taken up wherever its publisher comes back.
            if status == "live" and is_elsewhere(row, self._node, tx.now_ms):
                raise Refused("publisher_busy")
            self._fences[room] = take(tx, room, self._node)
        elif row is None or not is_mine(row, self._node, self._fences.get(room, 0)):
            raise Refused("publisher_busy")
        elif happening != "lost":
            self._fences.pop(room, None)
            let_go(tx, row)
        return (yield from self._lifecycle.picture(tx, room, happening, reason))

    def _forget(self, room: str) -> None:
        self._fences.pop(room, None)
        log.warning("room_is_published_elsewhere", room=room)
        self.lost(room)

    # keeping up

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if self._fences:
                    await self._renew()
                if not self._alone:
                    await self._look_for_abandoned()
            except Refused:
                self._suspects.clear()  # the database is away: that says nothing about other nodes
            except Exception:
                log.exception("origins_failed")

    async def _renew(self) -> None:
        gone: list[str] = []
        answer = await self._store.write(Work("origins.renew", lambda tx: self._prolong(tx, gone)))
        if not answer.ok:
            raise Refused("temporarily_unavailable")
        for room in gone:
            row = await self._store.read(lambda conn, r=room: read_origin(conn, r))  # type: ignore[misc]
            if is_elsewhere(row, self._node, self._clock_ms()):
                self._forget(room)
            else:  # somebody thought that this node was gone
                await self.tell(room, "publishing", None)

    def _prolong(self, tx: Unit, gone: list[str]) -> Steps[Any]:
        held = dict(self._fences)
        yield ORIGINS.rows(*held)
        gone.clear()
        for room, fence in held.items():
            row = tx.get(ORIGINS, room)
            if row is not None and is_mine(row, self._node, fence):
                tx.put(ORIGINS, OriginRow(room, self._node, fence, tx.now_ms + LEASE_MS))
            else:
                gone.append(room)
        return {}

    def _release(self, tx: Unit) -> Steps[Any]:
        held, self._fences = self._fences, {}
        yield ORIGINS.rows(*held)
        for room, fence in held.items():
            row = tx.get(ORIGINS, room)
            if row is not None and is_mine(row, self._node, fence):
                tx.put(ORIGINS, OriginRow(room, self._node, fence, 0))
        return {}

    async def _look_for_abandoned(self) -> None:
        abandoned = await self._store.read(lambda conn: read_abandoned(conn, self._clock_ms()))
        seen = {(room, fence): self._suspects.get((room, fence), 0) + 1 for room, fence in abandoned.items()}
        self._suspects = seen
        for (room, fence), times in seen.items():
            if times >= SEEN_BEFORE_ACTING:
                await self._interrupt(room, fence)

    async def _interrupt(self, room: str, fence: int) -> None:
        await self._store.write(Work("room.picture", lambda tx: self._abandon(tx, room, fence)))

    def _abandon(self, tx: Unit, room: str, fence: int) -> Steps[Any]:
        yield ORIGINS.rows(room)
        row = tx.get(ORIGINS, room)
        yield ROOMS.rows(room)
        expired = row is None or self._alone or row.expires_at_ms <= tx.now_ms
        if not expired or (row.fence if row else 0) != fence:
            return {}
        if row is not None:
            let_go(tx, row)
        return (yield from self._lifecycle.picture(tx, room, "lost", "restart"))
