"""The webhooks of a node: which endpoints it serves, and what it tells their couriers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence

import orjson
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.unit import News
from server.store.group import Work
from server.store.store import Store
from server.webhooks.courier import Courier
from server.webhooks.metrics import WebhookMetrics
from server.webhooks.post import Post
from server.webhooks.reading import Head, read_endpoints, read_heads
from server.webhooks.saving import LEASE_MS, RENEW_EVERY_MS, Lease, bury, claim, prune, release, renew
from server.webhooks.tables import EndpointRow, LeaseRow

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
REST_SHARE = 20
"""A look takes at most one part in so many of a node's time, however many rooms there are."""
NEWS_EVERY_S = 0.05
DIRTY_MAX = 1000
PRUNE_EVERY_LOOKS = 30
PRUNED_AT_ONCE = 1000

Known = list[tuple[EndpointRow, LeaseRow]]


class Webhooks:
    """Serves endpoints whose lease this node can get; another node's are taken over when it is gone.

    ``news`` is to be called with what this node commits, ``grown`` with the rooms in which others do: that
    saves a second of waiting, and nothing depends on it, as the heads are looked at once a second. ``call``
    tells the other nodes of rooms here; it is used only while they serve some endpoint.
    """

    def __init__(
        self,
        store: Store,
        post: Post,
        registry: CollectorRegistry,
        node: str,
        *,
        alone: bool,
        clock_ms: Callable[[], int],
        concurrent: int = 8,
        chance: Callable[[], float] | None = None,
        call: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._call = call
        self._elsewhere = False
        self._store = store
        self._post = post
        self._metrics = WebhookMetrics(registry)
        self._node = node
        self._alone = alone
        self._clock_ms = clock_ms
        self._concurrent = concurrent
        self._chance = chance
        self._couriers: dict[str, Courier] = {}
        self._renewed_ms = 0
        self._looks = 0
        self._untidy = False
        self._dirty: set[str] = set()
        self._nudged = asyncio.Event()
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def close(self) -> None:
        """Let go of every endpoint, so that another node may go on at once. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        couriers = list(self._couriers.values())
        self._couriers.clear()
        await self._end(couriers)

    def news(self, news: News) -> None:
        """What this node has committed. Comments can wait for the next look: there are many of them."""
        if not self._couriers and not self._elsewhere:
            return
        rooms = {event.room_id for event in news.events if event.kind != "comment"}
        rooms.update(event.room_id for event in news.staff)
        self.grown(rooms)
        if rooms and self._elsewhere:
            self._call(rooms)

    def grown(self, rooms: Collection[str]) -> None:
        """Something was committed in these rooms."""
        if self._couriers and rooms and len(self._dirty) < DIRTY_MAX:
            self._dirty.update(rooms)
            self._nudged.set()

    def nudge(self) -> None:
        """An endpoint was changed here: look now."""
        self._looks = 0
        self._nudged.set()

    @property
    def served(self) -> list[str]:
        """The endpoints that this node serves."""
        return list(self._couriers)

    async def look(self) -> None:
        """Look at endpoints, leases and heads once. Raises ``Refused`` while the database is away."""
        async with self._looking:
            known, heads = await self._store.read(_look)
            await self._let_go(known)
            await self._keep(known)
            for endpoint, lease in known:
                if endpoint.status == "active" and endpoint.id not in self._couriers:
                    await self._take(endpoint, lease)
            active = (endpoint.id for endpoint, _ in known if endpoint.status == "active")
            self._elsewhere = any(endpoint_id not in self._couriers for endpoint_id in active)
            self._tell(heads)
            self._measure(known)
            if self._untidy or self._looks % PRUNE_EVERY_LOOKS == 0:
                self._untidy = await self._tidy(known)
            self._looks += 1

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = loop.time()
        while True:
            try:
                if loop.time() >= next_look or not self._looks:
                    begun = loop.time()
                    self._looks = self._looks or 1
                    await self.look()
                    next_look = loop.time() + max(LOOK_EVERY_S, REST_SHARE * (loop.time() - begun))
                elif self._dirty:
                    rooms, self._dirty = self._dirty, set()
                    self._tell(await self._store.read(lambda conn, r=rooms: read_heads(conn, r)))  # type: ignore[misc]
                    await asyncio.sleep(NEWS_EVERY_S)
            except Refused:
                next_look = loop.time() + LOOK_EVERY_S  # the database is away
            except Exception:
                log.exception("webhooks_look_failed")
                next_look = loop.time() + LOOK_EVERY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_look):
                    await self._nudged.wait()
            self._nudged.clear()

    # leases

    async def _let_go(self, known: Known) -> None:
        """End the couriers of endpoints that are to be served no more, and tell the others of changes."""
        active = {endpoint.id: endpoint for endpoint, _ in known if endpoint.status == "active"}
        over = []
        for endpoint_id, courier in list(self._couriers.items()):
            if courier.done or endpoint_id not in active:
                over.append(self._couriers.pop(endpoint_id))
            else:
                courier.endpoint = active[endpoint_id]
        await self._end(over)

    async def _end(self, couriers: Sequence[Courier]) -> None:
        await asyncio.gather(*(_close(courier) for courier in couriers))
        leases = [courier.lease for courier in couriers]
        if leases:
            await self._store.write(Work("webhooks.release", lambda tx: release(tx, leases)))

    async def _keep(self, known: Known) -> None:
        """Renew the leases, and end couriers whose lease is another's."""
        now_ms = self._clock_ms()
        fences = {lease.endpoint_id: lease.fence for _, lease in known}
        lost = [c for c in self._couriers.values() if fences.get(c.lease.endpoint_id) != c.lease.fence]
        if self._couriers and not lost and now_ms - self._renewed_ms < RENEW_EVERY_MS:
            return
        leases = [courier.lease for courier in self._couriers.values()]
        if leases:
            answer = await self._store.write(Work("webhooks.renew", lambda tx: renew(tx, leases)))
            if not answer.ok:
                raise Refused("temporarily_unavailable")
            self._renewed_ms = now_ms
            kept = set(orjson.loads(answer.body)["kept"])
            for endpoint_id in [one for one in self._couriers if one not in kept]:
                courier = self._couriers.pop(endpoint_id)
                courier.done = True
                log.warning("webhook_lease_lost", endpoint=endpoint_id)
                await _close(courier)
            for courier in self._couriers.values():
                courier.lease_until_ms = now_ms + LEASE_MS

    async def _take(self, endpoint: EndpointRow, lease: LeaseRow) -> None:
        now_ms = self._clock_ms()
        if not self._alone and lease.node != "" and lease.expires_at_ms > now_ms:
            return
        answer = await self._store.write(
            Work("webhooks.claim", lambda tx: claim(tx, endpoint.id, self._node, alone=self._alone))
        )
        if not answer.ok:
            return
        more = {} if self._chance is None else {"chance": self._chance}
        courier = Courier(
            self._store,
            self._post,
            self._metrics,
            endpoint,
            Lease(endpoint.id, self._node, orjson.loads(answer.body)["fence"]),
            lease.health,
            lease_until_ms=now_ms + LEASE_MS,
            clock_ms=self._clock_ms,
            concurrent=self._concurrent,
            **more,
        )
        await courier.start()
        self._couriers[endpoint.id] = courier
        log.info("webhook_endpoint_taken", endpoint=endpoint.id, was=lease.node or None)

    # the rest

    def _tell(self, heads: Iterable[Head]) -> None:
        heads = list(heads)
        for courier in self._couriers.values():
            courier.look(heads)

    def _measure(self, known: Known) -> None:
        states = {"active": 0, "paused": 0, "disabled": 0}
        for endpoint, lease in known:
            courier = self._couriers.get(endpoint.id)
            absent = (courier.health if courier else lease.health).is_absent
            state = "paused" if endpoint.status == "active" and absent else endpoint.status
            if state in states:
                states[state] += 1
        for state, number in states.items():
            self._metrics.endpoints.labels(state).set(number)
        lags = [courier.lag_ms() for courier in self._couriers.values()]
        self._metrics.lag.set(max(lags, default=0) / 1000)

    async def _tidy(self, known: Known) -> bool:
        """Drop what ended long ago of the endpoints served here, and what is left of deleted ones; whether
        there is more of it."""
        mine, dropped = list(self._couriers), list[int]()
        if mine:
            await self._store.write(
                Work("webhooks.prune", lambda tx: prune(tx, mine, PRUNED_AT_ONCE, dropped))
            )
        for endpoint, _ in known:
            if endpoint.status == "deleted":
                await self._store.write(
                    Work("webhooks.bury", lambda tx, e=endpoint.id: bury(tx, e, PRUNED_AT_ONCE))  # type: ignore[misc]
                )
        return PRUNED_AT_ONCE in dropped or any(endpoint.status == "deleted" for endpoint, _ in known)


async def _close(courier: Courier) -> None:
    """What can't be written down now is sent again by whoever serves the endpoint next."""
    with contextlib.suppress(Refused):
        await courier.close()


def _look(conn: Connection) -> tuple[Known, list[Head]]:
    """Endpoints and heads as of one moment; without endpoints nobody asks for heads."""
    known = read_endpoints(conn)
    return known, read_heads(conn) if any(e.status == "active" for e, _ in known) else []
