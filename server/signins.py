"""Users are written down when they are first seen, so that others can act on them: mute, grant, deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from moderation.evasion.address_bans import AddressBanRow, read_bans_on
from moderation.evasion.trace_rows import Left, write_traces
from moderation.evasion.traces import SEEN_AGAIN_MS, Address, Mark, Tracer
from rooms import people
from rooms.errors import Refused
from rooms.heads import USERS
from rooms.ports import SYSTEM, Audit, Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.auth import Identity
from server.gathering import Gathering
from server.live.connection import as_caller
from server.store.group import Work
from server.store.store import Store

PLATFORM = ""
"""The trail of what is done in no room."""
KEPT_MAX = 100_000
WITHIN_S = 5.0
PLACES_KEPT = 4
"""Two devices, with requests and a socket each."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody comes from: the address, if it is known, and what their device calls itself."""

    address: Address | None = None
    device: str | None = None


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who signed in, and the traces of where from."""

    caller: Caller
    marks: tuple[Mark, ...]
    called: str | None = None
    """What their shop calls them, where that isn't shown."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody who came from a range that is banned somewhere."""

    caller: Caller
    ban: AddressBanRow


@dataclass(frozen=True, slots=True)
class _Noted:
    name: str
    operator: bool
    places: tuple[Place, ...]
    at_ms: int

    def holds(self, identity: Identity, place: Place, now_ms: int) -> bool:
        """Whether there is nothing to write down beside what was."""
        same = (self.name, self.operator) == (identity.name, identity.operator)
        return same and place in self.places and now_ms - self.at_ms < SEEN_AGAIN_MS


class SignIns:
    """Remembers whom this node has written down already, by name, the operator's claim and traces.

    ``reached`` is told, before ``note`` returns, of those whose traces bans of address ranges speak of.
    """

    def __init__(
        self,
        store: Store,
        tracer: Tracer | None = None,
        clock_ms: Callable[[], int] = lambda: 0,
        reached: Callable[[Sequence[Reached]], Awaitable[None]] | None = None,
        audit: Audit | None = None,
    ) -> None:
        self._store = store
        self._tracer = tracer
        self._clock_ms = clock_ms
        self._reached = reached
        self._audit = audit
        self._noted: dict[str, _Noted] = {}
        self._newcomers: Gathering[Arrived, None] = Gathering(self._write)

    async def note(self, identity: Identity, place: Place = NOWHERE) -> None:
        """Write a user down, once, and again when the name, the claim or the place changes, and now and then
        for that; guests aren't.

        Returns when it is on disk: from then on others may mute the user, or send something. Those who come
        in the same moment are written together. Raises ``Refused("temporarily_unavailable")``.
        """
        if identity.id is None:
            return
        now_ms, noted = self._clock_ms(), self._noted.get(identity.id)
        if noted is not None and noted.holds(identity, place, now_ms):
            return
        marks = self._tracer.marks(place.address, place.device) if self._tracer else ()
        await self._newcomers.ask(Arrived(as_caller(identity), marks, identity.called))
        if len(self._noted) >= KEPT_MAX:
            self._noted.clear()
        others = noted.places[-PLACES_KEPT + 1 :] if noted and now_ms - noted.at_ms < SEEN_AGAIN_MS else ()
        at_ms = noted.at_ms if noted and others else now_ms
        self._noted[identity.id] = _Noted(identity.name, identity.operator, (*others, place), at_ms)

    async def _write(self, arrived: Sequence[Arrived]) -> list[Refused | None]:
        callers = [one.caller for one in arrived]
        bans: list[AddressBanRow] = []

        def seen(tx: Unit) -> Steps[Any]:
            bans.clear()  # the group may be carried out again
            tx.at_flush(lambda conn: bans.extend(_note_traces(conn, arrived, tx.now_ms)))
            yield USERS.rows(*(caller.id for caller in callers))
            self._note_names(tx, arrived)
            return (yield from people.seen(tx, *callers))

        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._store.write(Work("user.seen", seen))
        except TimeoutError:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from None
        if answer.code == "internal":
            if len(callers) == 1:
                return [Refused("internal")]
            raise RuntimeError("somebody can't be written down")  # who it is shows when they go apart
        if not answer.ok:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        if bans and self._reached is not None:
            left = {(mark.digest, one.caller) for one in arrived for mark in one.marks}
            await self._reached(
                [Reached(who, ban) for ban in bans for digest, who in left if digest == ban.digest]
            )
        return [None] * len(callers)

    def _note_names(self, tx: Unit, arrived: Sequence[Arrived]) -> None:
        """Who goes by another name than their shop's, once for each name."""
        for one in arrived:
            user = tx.get(USERS, one.caller.id or "")
            known = user is not None and user.name == one.caller.name
            if one.called is not None and self._audit is not None and not known:
                detail = {"user": one.caller.card, "text": one.called}
                self._audit.note(tx, PLATFORM, SYSTEM, "filter.name", one.caller.id or "", detail)


def _note_traces(conn: Connection, arrived: Sequence[Arrived], now_ms: int) -> list[AddressBanRow]:
    """Write down who left which traces; gives the bans of ranges that they speak of."""
    left = [Left(mark, one.caller.id or "", now_ms) for one in arrived for mark in one.marks]
    write_traces(conn, left)
    return read_bans_on(conn, {one.mark.digest for one in left}, now_ms) if left else []
