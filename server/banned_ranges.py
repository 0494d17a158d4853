"""Ranges of addresses that are banned, in memory at every node: who comes from one is asked more closely.

Guests have no account that could be banned, so they are refused for as long as they come from such a range.
Whoever has an account is written down first: if that is a new one, the ban of the range reaches it, and from
then on they are kept out by a ban of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import Connection

from moderation.evasion.address_bans import AddressBanRow, read_bans
from moderation.evasion.traces import Tracer
from rooms.errors import Refused
from server.auth import Identity
from server.signins import Place
from server.store.store import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.25

Ranges = dict[str, tuple[AddressBanRow, ...]]


class BannedRanges:
    """Owned by the event loop. ``note`` is given later: it writes down who signed in, as ``SignIns`` does,
    before which nobody can be reached."""

    def __init__(self, store: Store, tracer: Tracer, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._tracer = tracer
        self._clock_ms = clock_ms
        self._ranges: Ranges = {}
        self._rooms: dict[str | None, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.changed: list[Callable[[], None]] = []
        """Called when there are ranges that those who are here may not have been asked about."""
        self.note: Callable[[Identity, Place], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Nobody is let in before it is known what is banned, unless the database is away."""
        with contextlib.suppress(Refused):
            await self._look()
        self._task = asyncio.create_task(self._run(), name="banned ranges")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def guards(self, room_id: str) -> bool:
        """Whether any range is banned from the room: if not, nobody's address matters. Asked for each part
        of a stream by each player."""
        if not self._rooms:
            return False
        last_ms = max(self._rooms.get(room_id, 0), self._rooms.get(None, 0))
        return last_ms > self._clock_ms()

    def on(self, room_id: str, place: Place) -> list[AddressBanRow]:
        """The bans in force on where somebody comes from."""
        if not self.guards(room_id):
            return []
        now_ms = self._clock_ms()
        return [
            ban
            for mark in self._tracer.marks(place.address, place.device)
            for ban in self._ranges.get(mark.digest, ())
            if ban.in_force(now_ms) and (ban.everywhere or ban.room_id == room_id)
        ]

    def refuse_guest(self, room_id: str, place: Place) -> None:
        """Raises ``Refused("banned")`` for a guest who comes from a banned range."""
        bans = self.on(room_id, place)
        if not bans:
            return
        until_ms = max(ban.until_ms for ban in bans)
        left_ms = until_ms - self._clock_ms()
        details = {"reason": "", "until_ms": until_ms, "left_ms": left_ms, "sanction": None}
        raise Refused(
            "banned",
            "Where you come from, one has to sign in for this room.",
            retry_after_ms=left_ms,
            details=details | {"everywhere": False},
        )

    async def ask(self, room_id: str, identity: Identity, place: Place) -> None:
        """Whether somebody may be where a room is to be seen. A guest is refused with ``banned``; of who has
        an account, that is to be asked after this, which may have banned it. Raises ``Refused``:
        ``temporarily_unavailable`` while somebody who comes from a banned range can't be written down."""
        if identity.id is None:
            self.refuse_guest(room_id, place)
        elif self.note is not None and not identity.operator and self.on(room_id, place):
            await self.note(identity, place)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except Refused:
                continue  # the database is away: what was known stays
            except Exception:
                log.exception("banned_ranges_failed")

    async def _look(self) -> None:
        ranges = await self._store.read(lambda conn: _read(conn, self._clock_ms()))
        if ranges == self._ranges:
            return
        self._ranges = ranges
        self._rooms = {}
        for bans in ranges.values():
            for ban in bans:
                scope = None if ban.everywhere else ban.room_id
                self._rooms[scope] = max(self._rooms.get(scope, 0), ban.until_ms)
        for tell in self.changed:
            tell()


def _read(conn: Connection, now_ms: int) -> Ranges:
    ranges: Ranges = {}
    for ban in read_bans(conn, now_ms):
        ranges[ban.digest] = (*ranges.get(ban.digest, ()), ban)
    return ranges
