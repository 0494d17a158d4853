"""Those who are banned, where they watch: refused when they come, and put out when they are there."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from sqlalchemy import Connection

from media.ports import Whence
from media.whep import Watcher
from moderation.evasion.address_bans import AddressBanRow
from moderation.evasion.ranges import reaches
from moderation.evasion.trace_rows import read_known_since
from moderation.sanctions.rules import EVERYWHERE
from moderation.sanctions.store import read_new_bans
from moderation.standing import refuse_banned
from rooms.errors import Refused
from rooms.ports import Caller
from server.bus.port import Bus
from server.lookout import Lookout, tells_of_ban
from server.store.store import Store

FRESH_MS = 2_000
STALE_MS = 300_000
KEPT_MAX = 10_000
LOOK_BACK_MS = 30_000
"""How far the clocks of nodes, and a ban's making and its commit, may be apart."""


class Bans:
    """Whether somebody is kept out of a room: asked by players again and again, so remembered for a moment,
    and for longer while the database is away."""

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._known: OrderedDict[tuple[str, str], tuple[int, Refused | None]] = OrderedDict()

    async def refuse(self, room: str, caller: Caller) -> None:
        """Raises ``Refused``: ``banned``, ``temporarily_unavailable``."""
        if caller.id is None or caller.operator:
            return
        place, now_ms = (room, caller.id), self._clock_ms()
        at_ms, refusal = self._known.get(place, (-STALE_MS, None))
        if not 0 <= now_ms - at_ms < FRESH_MS:
            try:
                refusal = await self._store.read(lambda conn: _refusal(conn, *place, now_ms))
            except Refused:
                if now_ms - at_ms >= STALE_MS:
                    raise
            else:
                self._keep(place, now_ms, refusal)
        if refusal is not None:
            raise refusal

    def _keep(self, place: tuple[str, str], at_ms: int, refusal: Refused | None) -> None:
        self._known[place] = (at_ms, refusal)
        self._known.move_to_end(place)
        while len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)


def _refusal(conn: Connection, room: str, user_id: str, now_ms: int) -> Refused | None:
    try:
        refuse_banned(conn, room, user_id, now_ms)
    except Refused as refusal:
        return refusal
    return None


class Watching(Protocol):
    """What is watched by WebRTC at this node."""

    def watched_rooms(self) -> Collection[str]:
        """The rooms that somebody watches here of whom it is known who they are."""
        ...

    def stop_viewer(self, user: str, room: str | None) -> None:
        """Ends somebody's sessions, in a room or (None) in all."""
        ...

    def watchers(self) -> Sequence[Watcher]:
        """Everybody who watches here."""
        ...

    def stop_session(self, session: str) -> None:
        """Ends one session, if it is still there."""
        ...


class PutOut:
    """Ends what banned people watch at this node, wherever they were banned.

    Whoever is connected here too is put out with the news of it (``now``). Word of others comes by the bus
    with the news of the rooms that are watched here; what that doesn't say (a ban everywhere, a lost
    message) is found by a look at the newest bans every two seconds.

    When ranges of addresses are banned, those end who watch from there and whom that reaches: guests, and new
    accounts, whose own ban may come later, as they may never have been seen but here. ``bans_on`` gives the
    bans on where somebody in a room comes from.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        media: Callable[[], Watching],
        clock_ms: Callable[[], int],
        bans_on: Callable[[str, Whence], Sequence[AddressBanRow]] = lambda room, whence: (),
    ) -> None:
        self._store = store
        self._media = media
        self._clock_ms = clock_ms
        self._bans_on = bans_on
        self._ranges_changed = False
        self._lookout = Lookout("put out who is banned", bus, self._look, tells_of_ban)

    async def start(self) -> None:
        await self._lookout.start()

    async def close(self) -> None:
        """Idempotent."""
        await self._lookout.close()

    def now(self, user: str, room: str | None) -> None:
        """Somebody who is connected here was banned, from a room or (None) from all."""
        self._media().stop_viewer(user, room)

    def ranges_changed(self) -> None:
        """Other ranges of addresses are banned than before: look soon at who watches from there."""
        self._ranges_changed = True
        self._lookout.nudge()

    async def _look(self) -> None:
        if self._ranges_changed:
            await self._look_at_ranges()
        rooms = set(self._media().watched_rooms())
        await self._lookout.listen(rooms)
        if not rooms:
            return
        # An id's time is the machine's clock, whatever the node's own is set to.
        since_ms = time.time_ns() // 1_000_000 - LOOK_BACK_MS
        bans = await self._store.read(lambda conn: read_new_bans(conn, since_ms))
        now_ms = self._clock_ms()
        for ban in bans:
            if ban.in_force(now_ms):
                self._media().stop_viewer(ban.user_id, None if ban.room_id == EVERYWHERE else ban.room_id)

    async def _look_at_ranges(self) -> None:
        """While the database is away, nobody knows who is new, and it is asked again."""
        media = self._media()
        found = [(one, bans) for one in media.watchers() if (bans := self._bans_on(one.room, one.whence))]
        people = sorted({one.user for one, _ in found if one.user is not None})
        known: dict[str, int] = {}
        if people:
            known = await self._store.read(lambda conn: read_known_since(conn, people))
        self._ranges_changed = False
        for one, bans in found:
            if one.user is None or any(reaches(known.get(one.user), ban.at_ms) for ban in bans):
                media.stop_session(one.session)
