"""The rooms that have viewers on this node: opened with the first, fanned out to, dropped a while later."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from rooms.errors import Refused
from rooms.heads import RoomRow
from rooms.history import RoomNow, read_events, read_now, read_room
from rooms.log import PrivateEvent, StaffEvent
from rooms.shop.store import read_stock
from server.bus.port import Bus, RoomNews
from server.live.connection import Connection, count_viewers
from server.live.view import RoomView
from server.store.store import Store

log = structlog.get_logger(__name__)

TICK_S = 0.05
SIGNALS_S = 1.0
LINGER_S = 30.0
# Staff events that may be committed while somebody enters, between the reading and the answer.
STAFF_KEPT = 1000

Encode = Callable[[str, Any], Any]


@dataclass(eq=False, slots=True)
class LiveRoom:
    """A room on this node: its view of the log, who watches, and what the next signal will say."""

    view: RoomView
    row: RoomRow
    stock: dict[str, int]
    likes: int
    members: dict[str, Connection] = field(default_factory=dict)
    changed_stock: dict[str, int] = field(default_factory=dict)
    reactions: int = 0
    told_viewers: int = -1
    told_likes: int = -1
    empty_since: float | None = None
    filling: asyncio.Task[None] | None = None
    staff: deque[StaffEvent] = field(default_factory=lambda: deque(maxlen=STAFF_KEPT))

    def signals(self) -> dict[str, Any]:
        """The signals object with every field, for who enters."""
        return {
            "room": self.row.id,
            "viewers": count_viewers(self.members.values()),
            "likes": self.likes,
            "stock": self.stock,
            "reaction": 0,
        }

    def next_signals(self) -> dict[str, Any] | None:
        """What changed since the last signal, or None."""
        viewers = count_viewers(self.members.values())
        news: dict[str, Any] = {}
        if viewers != self.told_viewers:
            news["viewers"] = self.told_viewers = viewers
        if self.likes != self.told_likes:
            news["likes"] = self.told_likes = self.likes
        if self.changed_stock:
            news["stock"], self.changed_stock = self.changed_stock, {}
        if self.reactions:
            news["reaction"], self.reactions = self.reactions, 0
        return {"room": self.row.id, **news} if news else None


class LiveRooms:
    """Owns every :class:`LiveRoom` of the node, the ticker and the signals."""

    def __init__(self, store: Store, bus: Bus, encode: Encode, registry: CollectorRegistry) -> None:
        self._store = store
        self._bus = bus
        self._encode = encode
        self._rooms: dict[str, LiveRoom] = {}
        self._opening: dict[str, asyncio.Task[LiveRoom]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._frames = Counter("danmart_frames_total", "Frames cut for rooms", registry=registry)
        self._sent = Counter("danmart_frames_sent_total", "Frames queued to viewers", registry=registry)
        self._holes = Counter(
            "danmart_log_holes_total", "Holes in the log filled from SQL", registry=registry
        )
        viewers = Gauge("danmart_viewers", "Viewers in rooms on this node", registry=registry)
        viewers.set_function(lambda: sum(count_viewers(r.members.values()) for r in self._rooms.values()))

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._tick(), name="ticker"),
            asyncio.create_task(self._signal(), name="signals"),
        ]

    async def close(self) -> None:
        """Stop fanning out. Idempotent."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    def get(self, room_id: str) -> LiveRoom | None:
        return self._rooms.get(room_id)

    def viewers(self, room_id: str) -> int:
        room = self._rooms.get(room_id)
        return count_viewers(room.members.values()) if room else 0

    async def open(self, room_id: str) -> LiveRoom:
        """The room, loaded if it isn't yet, and kept a while for who is about to enter.

        Raises ``Refused("room_not_found")``.
        """
        if room := self._rooms.get(room_id):
            if room.empty_since is not None:
                room.empty_since = asyncio.get_running_loop().time()
            return room
        task = self._opening.get(room_id)
        if task is None:
            task = self._opening[room_id] = asyncio.create_task(self._open(room_id))
            task.add_done_callback(lambda _: self._opening.pop(room_id, None))
        return await asyncio.shield(task)

    async def _open(self, room_id: str) -> LiveRoom:
        early: list[RoomNews] = []
        await self._bus.join_room(room_id, early.append)
        try:
            loaded = await self._store.read(lambda conn: _load(conn, room_id))
            if loaded is None:
                raise Refused("room_not_found")
        except BaseException:
            await self._bus.leave_room(room_id, early.append)
            raise
        row, now, stock = loaded
        room = LiveRoom(RoomView(room_id, now), row, stock, row.likes)
        room.empty_since = asyncio.get_running_loop().time()
        await self._bus.join_room(room_id, self._on_news)
        self._rooms[room_id] = room
        for news in early:
            self._on_news(news)
        await self._bus.leave_room(room_id, early.append)
        return room

    # members

    def enter(self, room: LiveRoom, connection: Connection, actions: frozenset[str], staff_seq: int) -> None:
        """From here on, frames reach the connection. Must not be separated from the answer by an await.

        Staff events after ``staff_seq``, which is as far as the answer goes, follow the answer.
        """
        room.members[connection.id] = connection
        room.empty_since = None
        connection.room_id = room.row.id
        connection.actions = actions
        connection.staff_from = None
        asyncio.get_running_loop().call_soon(self._catch_up, room, connection, staff_seq)

    def _catch_up(self, room: LiveRoom, connection: Connection, staff_seq: int) -> None:
        if room.members.get(connection.id) is not connection or connection.staff_from is not None:
            return
        connection.staff_from = staff_seq
        for event in [event for event in room.staff if event.seq > staff_seq]:
            self._tell_staff(connection, event, self._encode("staff", _raw(event.body)))

    def leave(self, connection: Connection) -> None:
        room = self._rooms.get(connection.room_id or "")
        connection.room_id = None
        connection.actions = frozenset()
        if room is None:
            return
        room.members.pop(connection.id, None)
        if not room.members:
            room.empty_since = asyncio.get_running_loop().time()

    def liked(self, room_id: str, count: int) -> None:
        if room := self._rooms.get(room_id):
            room.likes += count
            room.reactions += count

    # news

    def _on_news(self, news: RoomNews) -> None:
        room = self._rooms.get(news.room_id)
        if room is None:
            return
        if not room.view.take(news.events):
            self._fill(room)
        if news.redacted:
            room.view.redact(news.redacted)
        for sku, left in news.stock.items():
            room.stock[sku] = room.changed_stock[sku] = left
        for event in news.staff:
            room.staff.append(event)
            packet = self._encode("staff", _raw(event.body))
            for member in list(room.members.values()):
                self._tell_staff(member, event, packet)
        if room.view.has_news:
            if room.view.urgent:
                self._flush(room)
            else:
                self._wake.set()

    def _tell_staff(self, member: Connection, event: StaffEvent, packet: Any) -> None:
        if event.action not in member.actions or member.staff_from is None or event.seq <= member.staff_from:
            return
        member.staff_from = event.seq
        member.outlet.send(packet)

    def _fill(self, room: LiveRoom) -> None:
        if room.filling is None or room.filling.done():
            self._holes.inc()
            room.filling = asyncio.create_task(self._fill_hole(room))

    async def _fill_hole(self, room: LiveRoom) -> None:
        view = room.view
        try:
            events = await self._store.read(
                lambda conn: read_events(conn, room.row.id, view.epoch, after=view.head)
            )
        except Refused:
            return  # the next news finds the hole again
        if not view.take(events):
            log.error("hole_not_filled", room=room.row.id, head=view.head)
        self._wake.set()

    def _flush(self, room: LiveRoom) -> None:
        frame = room.view.cut()
        if frame is None:
            return
        self._frames.inc()
        packet = self._encode("events", frame.payload())
        members = list(room.members.values())
        self._sent.inc(len(members))
        for member in members:
            member.outlet.send(packet)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            started = loop.time()
            for room in list(self._rooms.values()):
                if room.view.has_news:
                    with _one_room_only(room):
                        self._flush(room)
                    await asyncio.sleep(0)
            # At most half of the loop goes into writing, however many viewers there are.
            took = loop.time() - started
            await asyncio.sleep(max(TICK_S, took))

    async def _signal(self) -> None:
        while True:
            await asyncio.sleep(SIGNALS_S)
            for room in list(self._rooms.values()):
                with _one_room_only(room):
                    if room.members:
                        self._send_signals(room)
                    else:
                        await self._drop_forgotten(room)

    def _send_signals(self, room: LiveRoom) -> None:
        if signals := room.next_signals():
            packet = self._encode("signals", signals)
            for member in list(room.members.values()):
                member.outlet.send(packet)

    async def _drop_forgotten(self, room: LiveRoom) -> None:
        now = asyncio.get_running_loop().time()
        if room.empty_since is not None and now - room.empty_since > LINGER_S:
            self._rooms.pop(room.row.id, None)
            await self._bus.leave_room(room.row.id, self._on_news)


@contextlib.contextmanager
def _one_room_only(room: LiveRoom) -> Iterator[None]:
    """What goes wrong in one room must not stop the others'."""
    try:
        yield
    except Exception:
        log.exception("fan_out_failed", room=room.row.id)


def _load(conn: Any, room_id: str) -> tuple[RoomRow, RoomNow, dict[str, int]] | None:
    row, now = read_room(conn, room_id), read_now(conn, room_id)
    return None if row is None or now is None else (row, now, read_stock(conn, room_id))


def _raw(body: bytes) -> orjson.Fragment:
    return orjson.Fragment(body)


class UserChannels:
    """Private events to the connections of their user."""

    def __init__(self, bus: Bus, encode: Encode) -> None:
        self._bus = bus
        self._encode = encode
        self._connections: dict[str, set[Connection]] = {}

    async def join(self, connection: Connection) -> None:
        user_id = connection.identity.id
        if user_id is None:
            return
        mine = self._connections.setdefault(user_id, set())
        mine.add(connection)
        if len(mine) == 1:
            await self._bus.join_user(user_id, self._on_private)

    async def leave(self, connection: Connection) -> None:
        user_id = connection.identity.id
        mine = self._connections.get(user_id or "")
        if user_id is None or mine is None:
            return
        mine.discard(connection)
        if not mine:
            del self._connections[user_id]
            await self._bus.leave_user(user_id, self._on_private)

    def connections(self, user_id: str) -> list[Connection]:
        return list(self._connections.get(user_id, ()))

    def _on_private(self, events: list[PrivateEvent]) -> None:
        for event in events:
            packet = self._encode("you", _raw(event.body))
            for connection in list(self._connections.get(event.user_id, ())):
                connection.you_seq = event.seq
                if event.kind == "role" and connection.room_id == event.room_id:
                    # Who was a moderator a moment ago must not read on with the staff.
                    connection.actions = frozenset(orjson.loads(event.body)["data"]["can"])
                connection.outlet.send(packet)
