"""This node's leases on rooms that it publishes, and rooms whose node is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection

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
    may_take_over,
    read_abandoned,
    read_going_on,
    read_origin,
    read_status,
    take,
)
from rooms.rows import Steps
from rooms.unit import Unit
from server.bus.port import Bus, RoomNews
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = RENEW_EVERY_MS / 1000
# A database that was away makes every lease look old: owners get this many looks to renew theirs.
SEEN_BEFORE_ACTING = 2
NUMBER_EVERY_MS = 500


class Origins:
    """Tells of rooms' pictures under their leases, and keeps the leases up.

    ``lost(room)`` is called for a room whose picture here is over: another node publishes it now, or its host
    ended it elsewhere. Word of that comes by the bus; what the bus loses is noticed with the next renewal.
    With ``alone`` (SQLite), there is no other node: every lease of the past is over.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        lifecycle: Lifecycle,
        node: str,
        *,
        alone: bool,
        clock_ms: Callable[[], int],
        lost: Callable[[str], None] = lambda room: None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._lifecycle = lifecycle
        self._node = node
        self._alone = alone
        self._clock_ms = clock_ms
        self._fences: dict[str, int] = {}
        self._granted: dict[str, int] = {}
        self._joined: set[str] = set()
        self._nudged = asyncio.Event()
        self._suspects: dict[tuple[str, int], int] = {}
        self._since_ms: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.lost = lost
        self.moved: Callable[[str], None] = lambda room: None
        """Told just before ``lost`` of a room that another node publishes."""

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
        for room in self._joined:
            await self._bus.leave_room(room, self._on_news)
        self._joined.clear()
        if self._fences and not self._alone:
            await self._store.write(Work("origins.release", self._release))

    async def claim(self, room: str, principal: str, *, takeover: bool, is_host: bool) -> None:
        """Raises ``Refused("publisher_busy")`` while another node publishes the room, unless ``principal``
        may take its place and says so; the lease changes hands with the first packets that arrive here."""
        self._since_ms.pop(room, None)
        self._since_ms |= await self._store.read(lambda conn: read_going_on(conn, [room]))
        if self._alone:
            return
        self._granted.pop(room, None)
        row, status = await self._store.read(lambda conn: _lease_and_status(conn, room))
        if row is None or status != "live" or not is_elsewhere(row, self._node, self._clock_ms()):
            return
        if not (takeover and may_take_over(row, principal, is_host=is_host)):
            raise Refused("publisher_busy", retry_after_ms=LEASE_MS)
        self._granted[room] = row.fence

    def first_number(self, room: str) -> int:
        """The media sequence number with which the room's playlist begins at this node.

        A stream that goes on here (its node died, or it was taken over) has to go on counting, and nobody may
        be left who knows how far it had come. So the number is worked out of the time since it began: a
        segment has a second or more, and two numbers a second are above all that were given.
        """
        since_ms = self._since_ms.get(room, 0)
        return max(0, self._clock_ms() - since_ms) // NUMBER_EVERY_MS if since_ms else 0

    async def tell(self, room: str, happening: Happening, reason: str | None, principal: str = "") -> None:
        """What happened to ``principal``'s picture here. Dropped if the room isn't this node's any more."""
        if happening != "lost":
            self._since_ms.pop(room, None)  # its playlist has begun, or it is over
        answer = await self._store.write(
            Work("room.picture", lambda tx: self._picture(tx, room, happening, reason, principal))
        )
        if happening == "publishing":
            taken_over = self._granted.pop(room, None) is not None
            if answer.ok and taken_over:
                self._bus.call_origin(room)
        if answer.code == "publisher_busy":
            if happening == "publishing":
                self._forget(room, "published_elsewhere")
            elif happening != "lost":
                self._fences.pop(room, None)
        elif not answer.ok:
            log.error("room_status_not_written", room=room, happening=happening, code=answer.code)
        self._nudged.set()

    def _picture(
        self, tx: Unit, room: str, happening: Happening, reason: str | None, principal: str
    ) -> Steps[Any]:
        yield ORIGINS.rows(room)
        yield ROOMS.rows(room)
        row, status = tx.get(ORIGINS, room), tx.room(room).status
        if happening == "publishing":
            # An interrupted room may be taken up wherever its publisher comes back.
            elsewhere = row is not None and status == "live" and is_elsewhere(row, self._node, tx.now_ms)
            if row is not None and elsewhere and self._granted.get(room) != row.fence:
                raise Refused("publisher_busy")
            self._fences[room] = take(tx, room, self._node, principal)
        elif row is None or not is_mine(row, self._node, self._fences.get(room, 0)):
            raise Refused("publisher_busy")
        elif happening != "lost":
            self._fences.pop(room, None)
            let_go(tx, row)
        return (yield from self._lifecycle.picture(tx, room, happening, reason))

    def _forget(self, room: str, why: str) -> None:
        self._fences.pop(room, None)
        log.warning("room_lost", room=room, why=why)
        if why == "published_elsewhere":
            self.moved(room)
        self.lost(room)

    # keeping up

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = loop.time() + LOOK_EVERY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._nudged.wait()
            self._nudged.clear()
            due = loop.time() >= next_look
            if due:
                next_look = loop.time() + LOOK_EVERY_S
            try:
                await self._listen()
                if self._fences:
                    await self._renew()
                if due and not self._alone:
                    await self._look_for_abandoned()
            except Refused:
                self._suspects.clear()  # the database is away: that says nothing about other nodes
            except Exception:
                log.exception("origins_failed")

    async def _listen(self) -> None:
        """Hear the news of the rooms that are published here, whether or not they have viewers here."""
        mine = set() if self._alone else set(self._fences)
        for room in mine - self._joined:
            self._joined.add(room)
            await self._bus.join_room(room, self._on_news)
        for room in self._joined - mine:
            self._joined.discard(room)
            await self._bus.leave_room(room, self._on_news)

    def _on_news(self, news: RoomNews) -> None:
        """Word may be late or wrong: it only has the lease looked at now."""
        if news.origin or any(event.kind == "room.status" for event in news.events):
            self._nudged.set()

    async def _renew(self) -> None:
        gone: dict[str, int] = {}
        answer = await self._store.write(Work("origins.renew", lambda tx: self._prolong(tx, gone)))
        if not answer.ok:
            raise Refused("temporarily_unavailable")
        for room, fence in gone.items():
            row, status = await self._store.read(lambda conn, r=room: _lease_and_status(conn, r))  # type: ignore[misc]
            if self._fences.get(room) != fence:
                continue  # a publisher has begun anew meanwhile
            if is_elsewhere(row, self._node, self._clock_ms()):
                self._forget(room, "published_elsewhere")
            elif status not in ("live", "interrupted"):
                self._forget(room, "ended")
            else:  # somebody thought that this node was gone
                await self.tell(room, "publishing", None, row.principal if row else "")

    def _prolong(self, tx: Unit, gone: dict[str, int]) -> Steps[Any]:
        held = dict(self._fences)
        yield ORIGINS.rows(*held)
        gone.clear()
        for room, fence in held.items():
            row = tx.get(ORIGINS, room)
            if row is not None and is_mine(row, self._node, fence):
                tx.put(ORIGINS, replace(row, expires_at_ms=tx.now_ms + LEASE_MS))
            else:
                gone[room] = fence
        return {}

    def _release(self, tx: Unit) -> Steps[Any]:
        held, self._fences = self._fences, {}
        yield ORIGINS.rows(*held)
        for room, fence in held.items():
            row = tx.get(ORIGINS, room)
            if row is not None and is_mine(row, self._node, fence):
                tx.put(ORIGINS, replace(row, expires_at_ms=0))
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


def _lease_and_status(conn: Connection, room: str) -> tuple[OriginRow | None, str | None]:
    return read_origin(conn, room), read_status(conn, room)
