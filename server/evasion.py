"""Who comes back under another name: looked for beside what people do, never in its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Connection as SqlConnection

from moderation.evasion.address_bans import read_address_ban
from moderation.evasion.hints import Hints, Suspect, look_alikes, suspects
from moderation.evasion.ranges import reaches
from moderation.evasion.service import AddressBans
from moderation.evasion.trace_rows import forget_old, read_alike, read_known_since, read_who_left
from moderation.evasion.traces import KEPT_MS, Mark, Trace, Tracer
from moderation.sanctions.rules import EVERYWHERE
from moderation.sanctions.store import read_banned
from rooms.errors import Refused
from rooms.heads import ROOMS, TimerRow
from rooms.rows import Steps
from rooms.unit import News, Unit
from server.banned_ranges import BannedRanges
from server.signins import Reached
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

GATHER_S = 0.3
WAITING_MAX = 20_000
AT_ONCE = 200
FORGOTTEN_AT_ONCE = 1000


class Evasion:
    """Looks at those who enter rooms, in groups, and lets bans of ranges reach whom they are meant for.

    Owned by the event loop. Who enters while ``WAITING_MAX`` wait isn't looked at, and counted.
    """

    def __init__(
        self,
        store: Store,
        bans: AddressBans,
        tracer: Tracer,
        clock_ms: Callable[[], int],
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._bans = bans
        self._hints = Hints()
        self.ranges = BannedRanges(store, tracer, clock_ms)
        """Started and closed by its node, also where there is nobody to look at."""
        self._clock_ms = clock_ms
        self._waiting: dict[tuple[str, str], bool] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._left_out = Counter(
            "danmart_evasion_left_out_total", "People who entered and weren't looked at", registry=registry
        )

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="evasion")

    async def close(self) -> None:
        """Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def hear(self, news: News) -> None:
        """What this node has committed: whoever looks like somebody just banned is looked for at once."""
        for event in news.staff:
            if event.kind == "banned":
                user_id = orjson.loads(event.body)["data"]["sanction"]["user"]["id"]
                self._queue((event.room_id, user_id), banned=True)

    def entered(self, room_id: str, user_id: str) -> None:
        """Somebody has entered a room: see soon whom they look like. Returns at once."""
        self._queue((room_id, user_id), banned=False)

    def _queue(self, who: tuple[str, str], *, banned: bool) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._left_out.inc()
            return
        self._waiting[who] = banned or self._waiting.get(who, False)
        self._news.set()

    async def reached(self, reached: Sequence[Reached]) -> None:
        """Ban the accounts that bans of ranges reach, of people who are just signing in. Returns when they
        are banned; raises ``Refused`` if the database is away: they come in later then."""
        people = sorted({one.caller.id or "" for one in reached})
        known = await self._store.read(lambda conn: read_known_since(conn, people))
        for one in reached:
            if reaches(known.get(one.caller.id or ""), one.ban.at_ms):
                await self._reach(one.ban.id, one.caller.id or "")

    async def look(self, timer: TimerRow) -> None:
        """A range was banned: reach those who came from it lately, wherever they are now.

        Raises ``Refused`` if the database is away; the timer stays and comes again.
        """
        now_ms = self._clock_ms()

        def read(conn: SqlConnection) -> list[str]:
            ban = read_address_ban(conn, timer.ref)
            if ban is None or not ban.in_force(now_ms):
                return []
            who = read_who_left(conn, Mark(Trace(ban.width), ban.digest), now_ms - KEPT_MS)
            return [user_id for user_id, since_ms in who.items() if reaches(since_ms, ban.at_ms)]

        for user_id in await self._store.read(read):
            await self._reach(timer.ref, user_id)
        await self._store.write(Work("address_ban.looked", lambda tx: self._bans.looked(tx, timer)))

    async def forget(self) -> bool:
        """Drop traces that are too old; whether there may be more of them."""
        counts = [0]

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: counts.append(forget_old(conn, tx.now_ms, FORGOTTEN_AT_ONCE)))

        await self._store.write(Work("traces.forget", drop))
        return counts[-1] == FORGOTTEN_AT_ONCE

    async def _reach(self, ban_id: str, user_id: str) -> None:
        answer = await self._store.write(
            Work("address_ban.reach", lambda tx: self._bans.reach(tx, ban_id, user_id))
        )
        if answer.code == "temporarily_unavailable":
            raise Refused(answer.code)

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            group = dict(islice(self._waiting.items(), AT_ONCE))
            for who in group:
                del self._waiting[who]
            if not self._waiting:
                self._news.clear()
            try:
                await self._look_at(group)
            except Refused:
                continue  # the database is away: a hint less
            except Exception:
                log.exception("evasion_failed")

    async def _look_at(self, group: Mapping[tuple[str, str], bool]) -> None:
        found = await self._store.read(lambda conn: read_suspects(conn, group, self._clock_ms()))
        if found:
            await self._store.write(Work("evasion.hint", lambda tx: self._hints.give(tx, found)))


def read_suspects(conn: SqlConnection, group: Mapping[tuple[str, str], bool], now_ms: int) -> list[Suspect]:
    """Who of those (room, user) looks like somebody who is banned there; of who was just banned (True), who
    looks like them."""
    alike = read_alike(conn, {user_id for _, user_id in group})
    others = {one.user_id for found in alike.values() for one in found}
    banned = read_banned(conn, others, now_ms) if others else set()
    present = [who for who, is_banned in group.items() if not is_banned]
    found = suspects(present, alike, banned, EVERYWHERE)
    for (room_id, user_id), is_banned in group.items():
        if is_banned:
            found += look_alikes(room_id, user_id, alike.get(user_id, ()), banned, EVERYWHERE)
    return found
