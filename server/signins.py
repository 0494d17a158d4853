"""Users are written down when they are first seen, so that others can act on them: mute, grant, deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rooms import people
from rooms.errors import Refused
from rooms.ports import Caller
from server.auth import Identity
from server.gathering import Gathering
from server.live.connection import as_caller
from server.store.group import Work
from server.store.store import Store

KEPT_MAX = 100_000
WITHIN_S = 5.0


class SignIns:
    """Remembers whom this node has written down already, by name and the operator's claim."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, tuple[str, bool]] = {}
        self._newcomers: Gathering[Caller, None] = Gathering(self._write)

    async def note(self, identity: Identity) -> None:
        """Write a user down, once, and again when the name or the claim changes; guests aren't.

        Returns when it is on disk: from then on others may mute the user, or send something. Those who come
        in the same moment are written together. Raises ``Refused("temporarily_unavailable")``.
        """
        if identity.id is None or self._noted.get(identity.id) == (identity.name, identity.operator):
            return
        await self._newcomers.ask(as_caller(identity))
        if len(self._noted) >= KEPT_MAX:
            self._noted.clear()
        self._noted[identity.id] = (identity.name, identity.operator)

    async def _write(self, callers: Sequence[Caller]) -> list[Refused | None]:
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._store.write(Work("user.seen", lambda tx: people.seen(tx, *callers)))
        except TimeoutError:
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from None
        if answer.code == "internal":
            if len(callers) == 1:
                return [Refused("internal")]
            raise RuntimeError("somebody can't be written down")  # who it is shows when they go apart
        if not answer.ok:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        return [None] * len(callers)
