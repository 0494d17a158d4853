"""The rooms that have viewers on this node: opened with the first, fanned out to, dropped a while later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from rooms.corrections import corrections
from rooms.errors import Refused
from rooms.follows import read_followers
from rooms.heads import RoomRow
from rooms.history import Heads, RoomNow, read_events, read_now, read_room, read_staff_events
from rooms.log import LogEvent, StaffEvent
from rooms.play.counts import read_counts
from rooms.shop.coupons.store import read_left
from rooms.shop.shelf import read_stock
from server.bus.port import Bus, RoomNews
from server.live.connection import Connection
from server.live.room import LiveRoom
from server.live.tempo import gather_s, tick_s
from server.live.urgency import may_flush
from server.live.view import Frame, RoomView
from server.socket.fanout import FanOut
from server.socket.packets import Packet
from server.store.store import Store

log = structlog.get_logger(__name__)

SIGNALS_S = 1.0
LINGER_S = 30.0
# News of two nodes may overtake each other by about this; only then is a hole worth a look into SQL.
PATIENCE_S = 0.05
# Entries read at once to fill a hole.
FILL_MAX = 1000
Encode = Callable[[str, Any], Packet]


class LiveRooms:
    """Owns every :class:`LiveRoom` of the node, the ticker and the signals."""

    def __init__(self, store: Store, bus: Bus, encode: Encode, registry: CollectorRegistry) -> None:
        self._store = store
        self._bus = bus
        self._encode = encode
        self._rooms: dict[str, LiveRoom] = {}
        self._elsewhere: Mapping[str, int] = {}
        self._opening: dict[str, asyncio.Task[LiveRoom]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._fan = FanOut()
        self.for_staff: list[Callable[[str], Mapping[str, Any]]] = []
        """Asked once a second for what only a room's staff is to see in the signals."""
        self.for_heard: list[Callable[[Mapping[str, Any]], None]] = []
        """Told how a publisher at another node fares, for rooms that are watched here."""
        self.for_comments: list[Callable[[LogEvent], None]] = []
        """Told of each comment in a room that is watched here, as soon as it is published by any node."""
        self.for_left: list[Callable[[Connection, str], None]] = []
        """Told of each connection that leaves a room, while it still has what it may do there."""
        self._frames = Counter("danmart_frames_total", "Frames cut for rooms", registry=registry)
        self._sent = Counter("danmart_frames_sent_total", "Frames queued to viewers", registry=registry)
        self._holes = Counter(
            "danmart_log_holes_total", "Holes in the log filled from SQL", registry=registry
        )
        viewers = Gauge("danmart_viewers", "Viewers in rooms on this node", registry=registry)
        viewers.set_function(lambda: sum(room.viewers_here for room in self._rooms.values()))
        self._shortened = Counter(
            "danmart_frames_shortened_total",
            "Frames without comments, to viewers who don't keep up",
            registry=registry,
        )

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
        await self._fan.close()

    def get(self, room_id: str) -> LiveRoom | None:
        return self._rooms.get(room_id)

    def viewers(self, room_id: str) -> int:
        room = self._rooms.get(room_id)
        return room.viewers if room else self._elsewhere.get(room_id, 0)

    def unique_viewers(self, room_id: str) -> int | None:
        """How many different viewers the room's stream has had on all nodes; None: nobody has counted."""
        room = self._rooms.get(room_id)
        return room.unique_viewers if room else None

    def count_elsewhere(self, viewers: Mapping[str, int]) -> None:
        """How many viewers the rooms have on other nodes, as far as is known."""
        self._elsewhere = viewers
        for room_id, room in self._rooms.items():
            room.elsewhere = viewers.get(room_id, 0)

    def open_rooms(self) -> list[LiveRoom]:
        """Every room that is open here."""
        return list(self._rooms.values())

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
        row, now, stock, coupons, counts, followers = loaded
        room = LiveRoom(RoomView(room_id, now), row, stock, row.likes)
        room.coupons, room.counts = coupons, counts
        room.followers = room.told_followers = followers
        room.staff_head = row.staff_head
        room.elsewhere = self._elsewhere.get(room_id, 0)
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
        connection.room_id = room.row.id
        connection.actions = actions
        connection.staff_from = None
        connection.granted = room.seat
        room.seat(connection)
        room.empty_since = None
        self._fan.seat(connection)
        asyncio.get_running_loop().call_soon(self._catch_up, room, connection, staff_seq)

    def _catch_up(self, room: LiveRoom, connection: Connection, staff_seq: int) -> None:
        if room.members.get(connection.id) is not connection or connection.staff_from is not None:
            return
        connection.staff_from = staff_seq
        for event in [event for event in room.staff if event.seq > staff_seq]:
            self._tell_staff(connection, event, self._encode("staff", _raw(event.body)))

    def leave(self, connection: Connection) -> None:
        room = self._rooms.get(connection.room_id or "")
        self._fan.unseat(connection)
        if connection.room_id is not None:
            for told in self.for_left:
                told(connection, connection.room_id)
        connection.room_id = None
        connection.actions = frozenset()
        connection.granted = None
        if room is None:
            return
        room.unseat(connection)
        if not room.members:
            room.empty_since = asyncio.get_running_loop().time()

    def liked(self, room_id: str, count: int) -> None:
        if room := self._rooms.get(room_id):
            room.likes += count
            room.reactions += count
            room.unshared_likes += count

    def left(self, room_id: str, sku: str) -> int | None:
        """How much of a SKU can be bought, as it was last heard here; None: nobody watches that room here."""
        room = self._rooms.get(room_id)
        return None if room is None else room.stock.get(sku)

    def starts_at_ms(self, room_id: str, sku: str, sale_id: str) -> int | None:
        """When a sale of the SKU begins, as the room was last told; None: nobody watches that room here, or
        has heard of such a sale."""
        room = self._rooms.get(room_id)
        sales = room.view.state.sales if room is not None else ()
        return next((s["starts_at_ms"] for s in sales if s["id"] == sale_id and s["sku"] == sku), None)

    def asked_to_say(self, room_id: str) -> list[str]:
        """What viewers are to comment to take part in a lottery, if the room is watched here. May be called
        from any thread: a view's state is never changed, only replaced."""
        room = self._rooms.get(room_id)
        plays = room.view.state.plays if room is not None else ()
        conditions = [condition for play in plays for condition in play.get("conditions", ())]
        return [condition["phrase"] for condition in conditions if condition.get("phrase")]

    # news

    def _on_news(self, news: RoomNews) -> None:
        room = self._rooms.get(news.room_id)
        if room is None:
            return
        if not room.view.take(news.events):
            self._fill(room)
        room.view.correct(corrections(news.events))
        for sku, left in news.stock.items():
            room.stock[sku] = room.changed_stock[sku] = left
        for coupon, left in news.coupons.items():
            room.coupons[coupon] = room.changed_coupons[coupon] = left
        self._hear_comments(news.events)
        for event in news.events:
            if event.kind == "coupon.closed":
                room.coupons.pop(event.data["id"], None)
        for play_id, counts in news.counts.items():
            room.count(play_id, counts)
        room.likes += news.likes
        room.reactions += news.likes
        self._hear_publishers(news.publisher.values())
        self._take_staff(room, news.staff)
        self._show(room)

    def _hear_comments(self, events: Iterable[LogEvent]) -> None:
        for hear in self.for_comments:
            for event in events:
                if event.kind == "comment":
                    hear(event)

    def _hear_publishers(self, elsewhere: Iterable[Mapping[str, Any]]) -> None:
        for health in elsewhere:
            self.tell_publishers(health)
            for hear in self.for_heard:
                hear(health)

    def tell_publishers(self, health: Mapping[str, Any]) -> None:
        """Tell those who may publish in a room how its publisher fares. What doesn't keep up does without."""
        room = self._rooms.get(health["room"])
        members = [one for one in room.staff_members.values() if "publish" in one.actions] if room else []
        if members:
            packet = self._encode("publisher", health)
            for member in members:
                member.outlet.send(packet, droppable=True)

    def _show(self, room: LiveRoom) -> None:
        if room.view.has_news:
            now_s = asyncio.get_running_loop().time()
            if room.view.urgent and may_flush(room.flushed_s, now_s, len(room.members)):
                room.flushed_s = now_s
                self._flush(room)
            else:
                self._wake.set()

    def _take_staff(self, room: LiveRoom, events: Sequence[StaffEvent]) -> None:
        for event in events:
            if event.seq > room.staff_head + 1:
                self._fill_staff(room)
                return
            if event.seq <= room.staff_head:
                continue
            room.staff_head = event.seq
            room.staff.append(event)
            packet = self._encode("staff", _raw(event.body))
            for member in list(room.staff_members.values()):
                self._tell_staff(member, event, packet)

    def _tell_staff(self, member: Connection, event: StaffEvent, packet: Packet) -> None:
        if event.action not in member.actions or member.staff_from is None or event.seq <= member.staff_from:
            return
        member.staff_from = event.seq
        member.outlet.send(packet)

    # holes: what other nodes' news left out, SQL has

    def follow(self, heads: Mapping[str, Heads]) -> None:
        """What SQL has just said about the heads of rooms: whatever is missing here gets filled in."""
        for room_id, now in heads.items():
            room = self._rooms.get(room_id)
            if room is None:
                continue
            if now.epoch != room.view.epoch:
                self._begin_anew(room)
                continue
            room.known = max(room.known, now.head)
            if room.known > room.view.head:
                self._fill(room)
            if now.staff_head > room.staff_head:
                self._fill_staff(room)
            # Nodes write their likes every few seconds: the sum here is mostly ahead, unless some were lost.
            room.likes = max(room.likes, now.likes)

    def follow_stock(self, stocks: Mapping[str, Mapping[str, int]]) -> None:
        """What SQL has just said about what is left: a lost signal must not show goods that are gone."""
        for room_id, stock in stocks.items():
            if room := self._rooms.get(room_id):
                for sku, left in stock.items():
                    if room.stock.get(sku) != left:
                        room.stock[sku] = room.changed_stock[sku] = left

    def follow_coupons(self, coupons: Mapping[str, Mapping[str, int]]) -> None:
        """The same of the coupons that are dropped now, all of a room's."""
        for room_id, now in coupons.items():
            room = self._rooms.get(room_id)
            if room is None:
                continue
            room.changed_coupons |= {
                coupon: left for coupon, left in now.items() if room.coupons.get(coupon) != left
            }
            room.coupons = dict(now)

    async def reach(self, room: LiveRoom, offset: int) -> None:
        """Have the view catch up with a client that has seen more than this node, if the log goes so far."""
        if room.view.to >= offset:
            return
        room.known = max(room.known, min(offset, room.view.to + FILL_MAX))
        self._fill(room)
        if room.filling is not None:
            await asyncio.wait([room.filling])
        self._flush(room)

    def _begin_anew(self, room: LiveRoom) -> None:
        """The log is another one than this node has shown (a backup was restored): all enter again."""
        log.warning("room_has_another_log", room=room.row.id)
        for member in list(room.members.values()):
            member.outlet.close("shutting_down", reconnect=True, retry_after_ms=1000)
        del self._rooms[room.row.id]
        room.filling = asyncio.create_task(self._bus.leave_room(room.row.id, self._on_news))

    def _fill(self, room: LiveRoom) -> None:
        if room.filling is None or room.filling.done():
            room.filling = asyncio.create_task(self._fill_hole(room))

    async def _fill_hole(self, room: LiveRoom) -> None:
        view = room.view
        while view.has_hole or view.head < room.known:
            if self._bus.healthy:
                head = view.head
                await asyncio.sleep(PATIENCE_S)
                if view.head != head:
                    continue  # that hole was news on their way; where several nodes talk there is a next one
            self._holes.inc()
            try:
                events = await self._store.read(lambda conn: _after(conn, view))
            except Refused:
                return  # the database is away; the next look at the heads finds the hole again
            if not events:
                room.known = view.head  # somebody told of more than there is
                view.forget_early()
                return
            view.take(events)
            # Read after the deletion, but what this node had before it must go too.
            view.correct(corrections(events))
            self._show(room)

    def _fill_staff(self, room: LiveRoom) -> None:
        if room.staff_filling is None or room.staff_filling.done():
            room.staff_filling = asyncio.create_task(self._fill_staff_hole(room))

    async def _fill_staff_hole(self, room: LiveRoom) -> None:
        room_id, after = room.row.id, room.staff_head
        with contextlib.suppress(Refused):
            events = await self._store.read(
                lambda conn: read_staff_events(conn, room_id, after=after, limit=FILL_MAX)
            )
            self._take_staff(room, events)

    def _flush(self, room: LiveRoom) -> None:
        if self._fan.is_busy(room.row.id):
            self._wake.set()  # what has come since then is one frame, when this one has been written
            return
        frame = room.view.cut()
        if frame is None:
            return
        self._frames.inc()
        self._sent.inc(len(room.members))
        if frame.shadows:
            self._send_to_each(room, frame)
        else:
            self._send(room, room.members.values(), frame)

    def _send_to_each(self, room: LiveRoom, frame: Frame) -> None:
        """All connections of somebody who is shadow-muted get what they say, as if everybody did."""
        others: list[Connection] = []
        own: dict[str, list[Connection]] = {event.user_id: [] for event in frame.shadows if event.user_id}
        for member in room.members.values():
            own.get(member.viewer_id, others).append(member)
        self._send(room, others, frame)
        for user_id, connections in own.items():
            if connections:
                self._send(room, connections, frame.seen_by(user_id))

    def _send(self, room: LiveRoom, to: Iterable[Connection], frame: Frame) -> None:
        packet = self._encode("events", frame.payload())
        left_out = self._shortening(frame)
        self._fan.send(room.row.id, to, packet, droppable=frame.has_comments, left_out=left_out)

    def _shortening(self, frame: Frame) -> Callable[[Connection], None]:
        """What is done for a connection that the whole frame was too much for: made when there is one."""
        packet: Packet | None = None

        def send(connection: Connection) -> None:
            nonlocal packet
            if not connection.outlet.is_open:
                return
            if packet is None:
                packet = self._encode("events", frame.shortened().payload())
            if connection.outlet.send(packet):
                self._shortened.inc()

        return send

    async def _tick(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            before_s = self._fan.written_s
            for room in list(self._rooms.values()):
                if room.view.has_news:
                    with _one_room_only(room):
                        self._flush(room)
                    await asyncio.sleep(0)
            await self._fan.drained()
            took_s = self._fan.written_s - before_s
            next_s = tick_s(took_s)
            self._store.writer.gather_s = gather_s(next_s)
            await asyncio.sleep(next_s - took_s)

    async def _signal(self) -> None:
        while True:
            await asyncio.sleep(SIGNALS_S)
            for room in list(self._rooms.values()):
                with _one_room_only(room):
                    if room.unshared_likes:
                        self._bus.share_likes(room.row.id, room.unshared_likes)
                        room.unshared_likes = 0
                    if room.members:
                        self._send_signals(room)
                        self._send_staff_signals(room)
                    else:
                        await self._drop_forgotten(room)

    def _send_signals(self, room: LiveRoom) -> None:
        if self._fan.is_busy(room.row.id):
            return  # what has changed is said a second later
        if signals := room.next_signals():
            packet = self._encode("signals", signals)
            self._fan.send(room.row.id, room.members.values(), packet, droppable=True)

    def _send_staff_signals(self, room: LiveRoom) -> None:
        if not room.staff_members:
            return
        news = {name: said for ask in self.for_staff for name, said in ask(room.row.id).items()}
        if news:
            packet = self._encode("signals", {"room": room.row.id, **news})
            for connection in list(room.staff_members.values()):
                connection.outlet.send(packet, droppable=True)

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


_Loaded = tuple[RoomRow, RoomNow, dict[str, int], dict[str, int], dict[str, dict[str, int]], int]


def _load(conn: Any, room_id: str) -> _Loaded | None:
    """The room, its state, and what is left and counted in it."""
    row, now = read_room(conn, room_id), read_now(conn, room_id)
    if row is None or now is None:
        return None
    coupons = read_left(conn, [room_id]).get(room_id, {})
    return (
        row,
        now,
        read_stock(conn, room_id),
        coupons,
        read_counts(conn, room_id),
        read_followers(conn, row.host_id),
    )


def _after(conn: Any, view: RoomView) -> list[LogEvent]:
    return read_events(conn, view.room_id, view.epoch, after=view.head, limit=FILL_MAX)


def _raw(body: bytes) -> orjson.Fragment:
    return orjson.Fragment(body)
