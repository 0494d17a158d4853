"""This node's leases on the streams that are published here, and streams whose node is gone.

A stream is a room's, or a guest's in a slot of its stage (``media.names``): the first drives the room's
status, the second says whether the guest is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection

from media.names import split_stream, stream_name
from rooms.errors import Refused
from rooms.guests.rules import ON_AIR, Guest
from rooms.guests.service import Guests
from rooms.guests.store import read_abandoned_guests, read_holder
from rooms.heads import ROOMS, USERS
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
from server.bus.ears import Ears
from server.bus.port import Bus, RoomNews
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

_TELLING = frozenset({"room.status", "guest.left"})
GUEST = "guest:"
"""What a guest's principal begins with; the user's id follows."""
LOOK_EVERY_S = RENEW_EVERY_MS / 1000
# A database that was away makes every lease look old: owners get this many looks to renew theirs.
SEEN_BEFORE_ACTING = 2
NUMBER_EVERY_MS = 500


class Origins:
    """Tells of rooms' and guests' pictures under their leases, and keeps the leases up.

    ``lost(stream)`` is called for one whose picture here is over: another node publishes it now, its host
    ended the room elsewhere, or its guest is no longer on stage. Word of that comes by the bus; what the bus
    loses is noticed with the next renewal.
    With ``alone`` (SQLite), there is no other node: every lease of the past is over.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        lifecycle: Lifecycle,
        guests: Guests,
        node: str,
        *,
        alone: bool,
        clock_ms: Callable[[], int],
        lost: Callable[[str], None] = lambda stream: None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._lifecycle = lifecycle
        self._guests = guests
        self._node = node
        self._alone = alone
        self._clock_ms = clock_ms
        self._fences: dict[str, int] = {}
        self._granted: dict[str, int] = {}
        self._ears = Ears(bus, self._on_news)
        self._nudged = asyncio.Event()
        self._suspects: dict[tuple[str, int], int] = {}
        self._since_ms: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.lost = lost
        self.moved: Callable[[str], None] = lambda stream: None
        """Told just before ``lost`` of a stream that another node publishes."""

    async def start(self) -> None:
        """Rooms that a node of the past left live wait for their publisher as after any interruption."""
        if self._alone:
            for stream, fence in (await self._store.read(lambda conn: _abandoned(conn, 2**60))).items():
                await self._interrupt(stream, fence)
        self._task = asyncio.create_task(self._run(), name="origins")

    async def close(self) -> None:
        """Let go of what this node holds, so that another may go on at once. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self._ears.listen(())
        if self._fences and not self._alone:
            await self._store.write(Work("origins.release", self._release))

    async def claim(self, stream: str, principal: str, *, takeover: bool, is_host: bool) -> None:
        """Raises ``Refused("publisher_busy")`` while another node publishes the stream, unless ``principal``
        may take its place and says so; the lease changes hands with the first packets that arrive here."""
        room, _ = split_stream(stream)
        self._since_ms.pop(stream, None)
        for since_ms in (await self._store.read(lambda conn: read_going_on(conn, [room]))).values():
            self._since_ms[stream] = since_ms
        if self._alone:
            return
        self._granted.pop(stream, None)
        row, status = await self._store.read(lambda conn: _lease_and_status(conn, stream))
        if row is None or status != "live" or not is_elsewhere(row, self._node, self._clock_ms()):
            return
        if not (takeover and may_take_over(row, principal, is_host=is_host)):
            raise Refused("publisher_busy", retry_after_ms=LEASE_MS)
        self._granted[stream] = row.fence

    def first_number(self, stream: str) -> int:
        """The media sequence number with which the stream's playlist begins at this node.

        One that goes on here (its node died, or it was taken over) has to go on counting, and nobody may
        be left who knows how far it had come. So the number is worked out of the time since it began: a
        segment has a second or more, and two numbers a second are above all that were given.
        """
        since_ms = self._since_ms.get(stream, 0)
        return max(0, self._clock_ms() - since_ms) // NUMBER_EVERY_MS if since_ms else 0

    async def tell(self, stream: str, happening: Happening, reason: str | None, principal: str = "") -> None:
        """What happened to ``principal``'s picture here. Dropped if the stream isn't this node's any more."""
        if happening != "lost":
            self._since_ms.pop(stream, None)  # its playlist has begun, or it is over
        answer = await self._store.write(
            Work("room.picture", lambda tx: self._picture(tx, stream, happening, reason, principal))
        )
        if happening == "publishing":
            taken_over = self._granted.pop(stream, None) is not None
            if answer.ok and taken_over:
                self._bus.call_origin(split_stream(stream)[0])
        if answer.code == "publisher_busy":
            if happening == "publishing":
                self._forget(stream, "published_elsewhere")
            elif happening != "lost":
                self._fences.pop(stream, None)
        elif answer.code == "over":
            self._forget(stream, "not_on_stage")
        elif not answer.ok:
            log.error("room_status_not_written", stream=stream, happening=happening, code=answer.code)
        self._nudged.set()

    def _picture(
        self, tx: Unit, stream: str, happening: Happening, reason: str | None, principal: str
    ) -> Steps[Any]:
        room, slot = split_stream(stream)
        user = principal.removeprefix(GUEST)
        if slot is not None:
            yield USERS.rows(user)
        yield ORIGINS.rows(stream)
        yield ROOMS.rows(room)
        row = tx.get(ORIGINS, stream)
        if happening == "publishing":
            if slot is not None and not self._guests.holds(tx, room, slot, user):
                raise Refused("over", "This slot is somebody else's by now.")
            # An interrupted picture may be taken up wherever its publisher comes back.
            seen = self._is_live(tx, room, slot)
            elsewhere = row is not None and seen and is_elsewhere(row, self._node, tx.now_ms)
            if row is not None and elsewhere and self._granted.get(stream) != row.fence:
                raise Refused("publisher_busy")
            self._fences[stream] = take(tx, stream, self._node, principal)
        elif row is None or not is_mine(row, self._node, self._fences.get(stream, 0)):
            raise Refused("publisher_busy")
        elif happening != "lost":
            self._fences.pop(stream, None)
            let_go(tx, row)
        if slot is None:
            return (yield from self._lifecycle.picture(tx, room, happening, reason))
        self._guests.picture(tx, room, slot, user, happening)
        return {}

    def _is_live(self, tx: Unit, room: str, slot: str | None) -> bool:
        return tx.room(room).status == "live" if slot is None else self._guests.is_seen(tx, room, slot)

    def _forget(self, stream: str, why: str) -> None:
        self._fences.pop(stream, None)
        log.warning("stream_lost", stream=stream, why=why)
        if why == "published_elsewhere":
            self.moved(stream)
        self.lost(stream)

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
        """Hear the news of the rooms that are published here, whether or not they have viewers here. A node
        alone hears of its rooms' ends anyway, but not of who leaves a stage."""
        streams = map(split_stream, self._fences)
        await self._ears.listen(room for room, slot in streams if slot is not None or not self._alone)

    def _on_news(self, news: RoomNews) -> None:
        """Word may be late or wrong: it only has the leases, and who is on stage, looked at now."""
        if news.origin or any(event.kind in _TELLING for event in news.events):
            self._nudged.set()

    async def _renew(self) -> None:
        gone: dict[str, int] = {}
        answer = await self._store.write(Work("origins.renew", lambda tx: self._prolong(tx, gone)))
        if not answer.ok:
            raise Refused("temporarily_unavailable")
        for stream, fence in gone.items():
            row, status = await self._store.read(lambda conn, s=stream: _lease_and_status(conn, s))  # type: ignore[misc]
            if self._fences.get(stream) != fence:
                continue  # a publisher has begun anew meanwhile
            if is_elsewhere(row, self._node, self._clock_ms()):
                self._forget(stream, "published_elsewhere")
            elif status not in ("live", "interrupted"):
                self._forget(stream, "ended")
            else:  # somebody thought that this node was gone
                await self.tell(stream, "publishing", None, row.principal if row else "")
        await self._end_left()

    async def _end_left(self) -> None:
        """End the pictures of guests who are no longer on stage. Their leases are let go of when they say
        that they have ended."""
        guests = [stream for stream in self._fences if split_stream(stream)[1] is not None]
        if not guests:
            return
        for stream in await self._store.read(lambda conn: _left_stage(conn, guests)):
            if stream in self._fences:
                log.info("guest_left_stage", stream=stream)
                self.lost(stream)

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
        abandoned = await self._store.read(lambda conn: _abandoned(conn, self._clock_ms()))
        seen = {(room, fence): self._suspects.get((room, fence), 0) + 1 for room, fence in abandoned.items()}
        self._suspects = seen
        for (room, fence), times in seen.items():
            if times >= SEEN_BEFORE_ACTING:
                await self._interrupt(room, fence)

    async def _interrupt(self, stream: str, fence: int) -> None:
        room, slot = split_stream(stream)
        holder: Guest | None = None
        if slot is not None:
            holder = await self._store.read(lambda conn: read_holder(conn, room, slot))
            if holder is None:
                return
        await self._store.write(Work("room.picture", lambda tx: self._abandon(tx, stream, fence, holder)))

    def _abandon(self, tx: Unit, stream: str, fence: int, holder: Guest | None) -> Steps[Any]:
        room, _ = split_stream(stream)
        if holder is not None:
            yield USERS.rows(holder.user_id)
        yield ORIGINS.rows(stream)
        row = tx.get(ORIGINS, stream)
        yield ROOMS.rows(room)
        expired = row is None or self._alone or row.expires_at_ms <= tx.now_ms
        if not expired or (row.fence if row else 0) != fence:
            return {}
        if row is not None:
            let_go(tx, row)
        if holder is None:
            return (yield from self._lifecycle.picture(tx, room, "lost", "restart"))
        self._guests.picture(tx, room, holder.slot or "", holder.user_id, "lost")
        return {}


def _abandoned(conn: Connection, now_ms: int) -> dict[str, int]:
    """Streams that are seen while nobody holds their lease: their fences."""
    found = read_abandoned(conn, now_ms)
    for guest, fence in read_abandoned_guests(conn, now_ms):
        found[stream_name(guest.room_id, guest.slot)] = fence
    return found


def _lease_and_status(conn: Connection, stream: str) -> tuple[OriginRow | None, str | None]:
    room, slot = split_stream(stream)
    if slot is None:
        return read_origin(conn, stream), read_status(conn, stream)
    holder = read_holder(conn, room, slot)
    if holder is None:
        return read_origin(conn, stream), None
    return read_origin(conn, stream), "live" if holder.has_picture else "interrupted"


def _left_stage(conn: Connection, streams: list[str]) -> list[str]:
    """Those of guests' streams whose slot is no longer the publisher's, or whose room is over."""
    left = []
    for stream in streams:
        room, slot = split_stream(stream)
        if read_status(conn, room) not in ON_AIR:
            left.append(stream)
            continue
        holder, lease = read_holder(conn, room, slot or ""), read_origin(conn, stream)
        if holder is None or lease is None or lease.principal != GUEST + holder.user_id:
            left.append(stream)
    return left
