"""One endpoint's courier: reads the logs, sends what they say, and writes down how far it has come.

The logs are the queue: what can't be sent yet stays where it is, and costs nothing. Only what was tried and
not taken gets a row of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable

import structlog

from rooms.errors import Refused
from server.store.group import Work
from server.store.store import Store
from server.webhooks.events import Log, Message, payload, wanted_types
from server.webhooks.metrics import WebhookMetrics
from server.webhooks.post import Attempt, Outcome, Post
from server.webhooks.queue import Lanes, Parcel, Track
from server.webhooks.reading import (
    Head,
    Want,
    count_waiting,
    read_cursors,
    read_due_messages,
    read_stock,
    read_wants,
)
from server.webhooks.records import ended, new_row
from server.webhooks.saving import Lease, Progress, save
from server.webhooks.schedule import Health, retry_in_ms
from server.webhooks.tables import CursorRow, DeliveryRow, EndpointRow

log = structlog.get_logger(__name__)

WINDOW = 128
"""Messages in memory at most, beside those of the entries that were read together with the last."""
ENTRIES_AT_ONCE = 32
WAITING_MAX = 10_000
"""Deliveries that wait to be tried again. Beyond that the log isn't read on: nothing is lost there."""
GOODBYE_S = 2.0
CURSOR_EVERY = 500
"""Entries without interest after which the cursor is written all the same."""


class Courier:
    """Serves one endpoint while this node holds its lease.

    ``endpoint`` and ``lease_until_ms`` are kept up by who made it; without a lease nothing is begun. ``done``
    is set when it has ended by itself: the lease was lost, or the endpoint is disabled.
    """

    def __init__(
        self,
        store: Store,
        post: Post,
        metrics: WebhookMetrics,
        endpoint: EndpointRow,
        lease: Lease,
        health: Health,
        *,
        lease_until_ms: int,
        clock_ms: Callable[[], int],
        concurrent: int,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.lease = lease
        self.lease_until_ms = lease_until_ms
        self.health = health
        self.done = False
        self._store = store
        self._post = post
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._concurrent = concurrent
        self._chance = chance
        self._tracks: dict[tuple[str, Log], Track] = {}
        self._behind: dict[tuple[str, Log], None] = {}
        self._touched: set[str] = set()
        self._lanes = Lanes()
        self._retrying: set[str] = set()
        self._unsaved: dict[str, DeliveryRow] = {}
        self._dirty = False
        self._disable: str | None = None
        self._closing = False
        self._sending: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Continue where the last one stopped. Raises ``Refused`` while the database is away."""
        for row in await self._store.read(lambda conn: read_cursors(conn, self.endpoint.id)):
            self._tracks[row.room_id, Log.ROOM] = Track(row.epoch, row.offset)
            self._tracks[row.room_id, Log.STAFF] = Track(row.epoch, row.seq)
        self._task = asyncio.create_task(self._run(), name=f"webhook {self.endpoint.id}")

    async def close(self) -> None:
        """Begin nothing more, wait a little for what is under way, and write down what was taken. Idempotent.

        What is given up after that may have arrived; it comes again, under the same id.
        """
        self._closing = True
        if self._sending and not self.done:
            await asyncio.wait(self._sending, timeout=GOODBYE_S)
        tasks = [task for task in (self._task, *self._sending) if task is not None]
        self._task = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if tasks and not self.done:
            await self._save(everything=True)

    def look(self, heads: Iterable[Head]) -> None:
        """How far the logs go; and time has passed: see what is due."""
        for head in heads:
            for which, at in ((Log.ROOM, head.offset), (Log.STAFF, head.seq)):
                key = (head.room_id, which)
                track = self._tracks.get(key)
                if track is None or track.epoch != head.epoch:
                    track = self._tracks[key] = Track(head.epoch, 0)
                track.head = max(track.head, at)
                if track.is_behind:
                    self._behind.setdefault(key)
        self._wake.set()

    def lag_ms(self) -> int:
        """How old the oldest message is that waits to be sent or is under way; 0: there is none."""
        oldest = self._lanes.oldest_ms()
        return 0 if oldest is None else max(0, self._clock_ms() - oldest)

    # the loop

    async def _run(self) -> None:
        while not self.done:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._save()
                await self._take_due()
                await self._read_on()
                self._begin()
            except Refused:
                log.debug("webhooks_wait_for_the_database", endpoint=self.endpoint.id)
            except Exception:
                log.exception("webhooks_failed", endpoint=self.endpoint.id)

    @property
    def _room_left(self) -> int:
        """What was sent stays counted until it is written down, so that a database that is away stops it."""
        return WINDOW - len(self._lanes) - len(self._unsaved)

    def _is_serving(self) -> bool:
        ending = self._closing or self.done or self._disable is not None
        return not ending and self.endpoint.status == "active" and self._clock_ms() < self.lease_until_ms

    async def _take_due(self) -> None:
        """Deliveries whose turn it is; what is paused tries what is new first, as that hasn't failed yet."""
        now_ms = self._clock_ms()
        few = 1 if self.health.is_absent else ENTRIES_AT_ONCE
        if self._room_left <= 0 or not self._is_serving() or (self.health.is_absent and len(self._lanes)):
            return
        due = await self._store.read(
            lambda conn: read_due_messages(conn, self.endpoint.id, now_ms, few + len(self._retrying))
        )
        for row, message in due:
            if row.id in self._retrying or row.id in self._unsaved:
                continue
            if message is None:
                self._note(ended(row, "dead", now_ms, row.attempts, None, "the log doesn't say so any more"))
                continue
            self._retrying.add(row.id)
            self._lanes.add(Parcel(message, row.attempts, again=True))

    async def _read_on(self) -> None:
        if not self._behind or self._room_left <= 0 or not self._is_serving():
            return
        full = await self._store.read(lambda conn: count_waiting(conn, self.endpoint.id, WAITING_MAX))
        if full >= WAITING_MAX:
            return
        types, rooms = wanted_types(self.endpoint.types), self.endpoint.rooms
        while self._behind and self._room_left > 0:
            wants = []
            for room, which in list(self._behind)[: max(1, self._room_left // ENTRIES_AT_ONCE)]:
                track = self._tracks[room, which]
                wants.append(Want(which, room, track.epoch, track.read, track.head))
            some = [want for want in wants if not rooms or want.room_id in rooms]
            found = await self._store.read(lambda conn, w=some: read_wants(conn, w, types, ENTRIES_AT_ONCE))  # type: ignore[misc]
            for want in wants:
                entries, to = found.get((want.room_id, want.log), ([], want.to))
                self._took(want, entries, to)

    def _took(self, want: Want, entries: list[list[Message]], to: int) -> None:
        """What was read of a log; a log with more goes to the end of the queue, behind the other rooms."""
        key = (want.room_id, want.log)
        track = self._tracks[key]
        for messages in entries:
            track.opened(messages[0].position, len(messages))
            for message in messages:
                self._lanes.add(Parcel(message))
        track.skipped(to)
        self._touched.add(want.room_id)
        del self._behind[key]
        if track.is_behind:
            self._behind[key] = None

    # sending

    def _begin(self) -> None:
        """Send as many at once as may be."""
        while (
            self._is_serving()
            and self._lanes.under_way < self._concurrent
            and self.health.may_send(self._clock_ms(), self._lanes.under_way)
            and (parcel := self._lanes.next()) is not None
        ):
            if self._lanes.is_outdone(parcel):
                self._settle(parcel, None)
                continue
            task = asyncio.create_task(self._send(parcel))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, parcel: Parcel) -> None:
        message = parcel.message
        data = message.data
        try:
            if message.latest:
                data = data | (await self._store.read(lambda conn: read_stock(conn, data["sku"])) or {})
            body = payload(message, data, texts=bool(self.endpoint.texts))
            attempt = await self._post.send(self.endpoint, message.id, body)
        except Refused:  # our own database is away: that says nothing about the endpoint
            self._lanes.finish(parcel)
            self._lanes.add(parcel)
            return
        except Exception:
            log.exception("webhook_not_sent", endpoint=self.endpoint.id, message=message.id)
            attempt = Attempt(Outcome.REFUSED, None, "an error of ours; it has been logged", 0)
        self._settle(parcel, attempt)
        self._begin()
        self._wake.set()

    def _settle(self, parcel: Parcel, attempt: Attempt | None) -> None:
        """Note how it ended. None: a later message says it better."""
        message, now_ms = parcel.message, self._clock_ms()
        self._lanes.finish(parcel)
        if attempt is not None and attempt.outcome is Outcome.GONE:
            self._disable = "gone: the endpoint answered 410"
            self._dirty = True
            return  # stays open in the log, so that it is the first when the endpoint is enabled again
        self._retrying.discard(message.id)
        if not parcel.again:
            track = self._tracks[message.room_id, message.log]
            if track.epoch == message.epoch:
                track.closed(message.position)
            self._touched.add(message.room_id)
        self._dirty = True
        if attempt is None:
            if parcel.again:
                self._note(ended(new_row(self.endpoint.id, message), "delivered", now_ms, 0, None, None))
            return
        self._judge(attempt, now_ms)
        self._note(self._result(parcel, attempt, now_ms))

    def _judge(self, attempt: Attempt, now_ms: int) -> None:
        was_absent = self.health.is_absent
        if attempt.outcome is Outcome.TAKEN:
            self.health = self.health.taken(now_ms)
        elif attempt.outcome is Outcome.REFUSED:
            self.health = self.health.refused(now_ms)
        else:
            self.health = self.health.missed(now_ms, self._chance(), attempt.retry_after_ms)
        if self.health.is_absent and not was_absent:
            log.warning("webhook_endpoint_absent", endpoint=self.endpoint.id, error=attempt.error)
        if self.health.is_hopeless(now_ms):
            self._disable = "failing: nothing was taken for five days"

    def _result(self, parcel: Parcel, attempt: Attempt, now_ms: int) -> DeliveryRow:
        row, attempts = new_row(self.endpoint.id, parcel.message), parcel.attempts + 1
        if attempt.outcome is Outcome.TAKEN:
            self._metrics.deliveries.labels("delivered").inc()
            return ended(row, "delivered", now_ms, attempts, attempt, None)
        wait_ms = retry_in_ms(attempts, self._chance())
        if wait_ms is None:
            self._metrics.deliveries.labels("dead").inc()
            log.warning("webhook_dead", endpoint=self.endpoint.id, message=row.id, type=row.type)
            return ended(row, "dead", now_ms, attempts, attempt, attempt.error)
        self._metrics.deliveries.labels("failed").inc()
        return ended(row, "waiting", now_ms + wait_ms, attempts, attempt, attempt.error)

    # writing

    def _note(self, row: DeliveryRow) -> None:
        self._unsaved[row.id] = row
        self._dirty = True

    async def _save(self, *, everything: bool = False) -> None:
        """Write down what was sent, and how far the logs are dealt with. Raises ``Refused``; then later."""
        rows, cursors = list(self._unsaved.values()), self._cursors(everything=everything)
        if not self._dirty and not cursors:
            return
        progress = Progress(self.health, cursors, rows, self._disable)
        self._dirty = False
        answer = await self._store.write(Work("webhooks.save", lambda tx: save(tx, self.lease, progress)))
        if answer.code == "not_found":
            self.done = True
            log.warning("webhook_lease_lost", endpoint=self.endpoint.id)
            return
        if not answer.ok:
            self._dirty = True
            raise Refused("temporarily_unavailable")
        self._metrics.saved.inc()
        for row in rows:
            if self._unsaved.get(row.id) is row:
                del self._unsaved[row.id]
        for cursor in cursors:
            self._tracks[cursor.room_id, Log.ROOM].saved = cursor.offset
            self._tracks[cursor.room_id, Log.STAFF].saved = cursor.seq
        if progress.disable is not None:
            self.done = True
            log.warning("webhook_endpoint_disabled", endpoint=self.endpoint.id, reason=progress.disable)

    def _cursors(self, *, everything: bool) -> list[CursorRow]:
        """The cursors of rooms that have moved: at once where something was sent, else now and then."""
        moved = []
        for room in list(self._touched):
            tracks = [self._tracks[room, which] for which in Log]
            by = sum(track.mark - track.saved for track in tracks)
            if not by:
                self._touched.discard(room)
            elif everything or self._dirty or by >= CURSOR_EVERY:
                moved.append(CursorRow(self.endpoint.id, room, tracks[0].epoch, *(t.mark for t in tracks)))
        return moved
