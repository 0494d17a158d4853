"""The node's side of the moderators' queue: claims of who has left, how long decisions take, what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import structlog
from prometheus_client import CollectorRegistry, Histogram

from moderation.review.desk import Review
from moderation.review.store import prune_items, read_claimed
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import News, Unit
from server.live.connection import Connection
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

LEFT_S = 5.0
"""Who reloads the page goes on with what they had."""
WAITING_MAX = 1000
ITEMS_AT_ONCE = 200
DAY_MS = 86_400_000

Connections = Callable[[str], list[Connection]]


class ReviewDesk:
    """Owns the timers of moderators who have just left. A claim that this forgets runs out by itself."""

    def __init__(
        self,
        store: Store,
        review: Review,
        connections: Connections,
        clock_ms: Callable[[], int],
        registry: CollectorRegistry,
        *,
        kept_days: int,
        left_s: float = LEFT_S,
    ) -> None:
        self._store = store
        self._review = review
        self._connections = connections
        self._clock_ms = clock_ms
        self._kept_ms = kept_days * DAY_MS
        self._left_s = left_s
        self._waiting: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waits = Histogram(
            "danmart_review_wait_seconds",
            "From when moderators could see an item to their decision",
            ["kind"],
            buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 900, 3600, 14_400, 86_400),
            registry=registry,
        )

    def news(self, news: News) -> None:
        """What this node has committed: each decision is in it once."""
        for event in news.staff:
            if event.kind == "review":
                item = orjson.loads(event.body)["data"]["item"]
                if item["state"] == "decided":
                    self._waits.labels(item["kind"]).observe(item["waited_ms"] / 1000)

    @property
    def waiting(self) -> int:
        """How many have left just now, and may come back."""
        return len(self._waiting)

    def left(self, connection: Connection, room_id: str) -> None:
        """A connection isn't in the room any more. When its user doesn't come back soon, what they have taken
        there is given to others."""
        user_id = connection.identity.id
        if user_id is None or "review" not in connection.actions or len(self._waiting) >= WAITING_MAX:
            return
        if (known := self._waiting.pop((room_id, user_id), None)) is not None:
            known.cancel()
        loop = asyncio.get_running_loop()
        self._waiting[room_id, user_id] = loop.call_later(self._left_s, self._gone, room_id, user_id)

    async def close(self) -> None:
        """Idempotent."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gone(self, room_id: str, user_id: str) -> None:
        self._waiting.pop((room_id, user_id), None)
        if any(connection.room_id == room_id for connection in self._connections(user_id)):
            return
        task = asyncio.create_task(self._let_go(room_id, user_id), name="review left")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_go(self, room_id: str, user_id: str) -> None:
        try:
            if await self._store.read(lambda conn: read_claimed(conn, room_id, user_id)):
                await self._store.write(
                    Work("review.left", lambda tx: self._review.left(tx, room_id, user_id))
                )
        except Refused:
            pass  # the database is away: the leases run out
        except Exception:
            log.exception("review_left_failed", room=room_id)

    async def prune(self) -> bool:
        """Forget items that were decided long ago, some at a time; whether there may be more of them."""
        counts: list[int] = []

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            before_ms = tx.now_ms - self._kept_ms
            tx.at_flush(lambda conn: counts.append(prune_items(conn, before_ms, ITEMS_AT_ONCE)))

        await self._store.write(Work("review.prune", drop))
        return bool(counts) and counts[-1] >= ITEMS_AT_ONCE
