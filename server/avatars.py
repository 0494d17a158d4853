"""People's own pictures at a node: taken from them, cut square, encoded anew, given to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageOps

from rooms.avatars import HOUR_MS, Avatars, Served, drop_paces, drop_replaced, read_served
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.pace import Pacer
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.config.sections import Avatars as AvatarSettings
from server.gathering import Gathering
from server.pictures import as_webp
from server.store.group import Answer, Work
from server.store.store import Store

SIDE = 256
AT_ONCE = 100
PLACES = 16
"""Uploads that are under way at a node."""
TRIES = 5
"""For each picture that somebody may give, those included that are none or are refused."""

Check = Callable[[bytes], Awaitable[str | None]]
"""Looks at an encoded picture: the checker that did, None if nobody has. Raises ``Refused``."""


def squared(upload: bytes) -> bytes:
    """A WebP of 256 pixels a side: the middle of the picture. Raises ``Refused("bad_picture")``. Not for the
    loop: slow."""
    return as_webp(upload, _middle)


def _middle(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)


class AvatarDesk:
    """Takes pictures in and gives them out. ``prune`` is a chore of ``server.housekeeping``."""

    def __init__(
        self,
        settings: AvatarSettings,
        store: Store,
        avatars: Avatars,
        clock_ms: Callable[[], int],
    ) -> None:
        self.max_bytes = settings.max_bytes
        self._enabled = settings.enabled
        self._store, self._avatars, self._clock_ms = store, avatars, clock_ms
        self._tries = Pacer(settings.per_hour * TRIES, HOUR_MS)
        self._places = 0
        # One at a time: viewers' pictures must not take the processor from a stream, nor hosts' turns.
        self._encoding = asyncio.Semaphore(1)
        self._asked: Gathering[str, Served | None] = Gathering(self._read)

    async def refuse(self, caller: Caller) -> Answer | None:
        """Whether the caller may give a picture now: asked before its bytes are read. Raises ``Refused``, or
        gives a refusal's answer."""
        if caller.id is None:
            raise Refused("unauthenticated")
        if not self._enabled:
            raise Refused("forbidden", "Pictures of people aren't taken here.")
        now_ms = self._clock_ms()
        if wait_ms := self._tries.wait_ms(caller.id, now_ms):
            raise Refused("rate_limited", retry_after_ms=wait_ms)
        self._tries.take(caller.id, now_ms)
        answer = await self._store.write(Work("avatar.look", lambda tx: self._avatars.look(tx, caller)))
        return None if answer.ok else answer

    @contextmanager
    def place(self) -> Iterator[None]:
        """For one upload, from its first byte to its answer. Raises ``Refused("busy")`` where so many are
        under way that their bytes fill enough memory."""
        if self._places >= PLACES:
            raise Refused("busy", retry_after_ms=1000)
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    async def take(self, upload: bytes, caller: Caller, check: Check) -> Answer:
        """Show this picture from now on, if it is one and ``check`` says nothing. Raises ``Refused``, as
        ``check`` does, or ``bad_picture``. Cancelling before the answer leaves either picture."""
        async with self._encoding:
            body = await asyncio.to_thread(squared, upload)
        checked_by = await check(body)
        return await self._store.write(
            Work("avatar.set", lambda tx: self._avatars.set(tx, body, caller, checked_by))
        )

    async def clear(self, user_id: str) -> Answer:
        """Show none, and keep none of this user's."""
        return await self._store.write(Work("avatar.clear", lambda tx: self._avatars.clear(tx, user_id)))

    async def served(self, digest: str) -> Served | None:
        """The file, if there is one; what many ask for in the same moment is read once. Raises ``Refused``:
        ``busy``, ``temporarily_unavailable``."""
        return await self._asked.ask(digest)

    async def _read(self, digests: Sequence[str]) -> list[Served | Refused | None]:
        found = await self._store.read(lambda conn: read_served(conn, set(digests)))
        return [found.get(digest) for digest in digests]

    async def prune(self) -> bool:
        """Drop files that were replaced long enough ago, and what no longer keeps anybody from anything;
        whether there may be more of them."""
        now_ms, rules = self._clock_ms(), self._avatars.rules
        counts: list[int] = []

        def drop(tx: Unit) -> Steps[None]:
            yield ROOMS.rows()
            tx.at_flush(lambda conn: counts.append(drop_replaced(conn, now_ms - rules.replaced_ms, AT_ONCE)))
            tx.at_flush(lambda conn: counts.append(drop_paces(conn, now_ms, AT_ONCE)))

        await self._store.write(Work("avatars.prune", drop))
        return AT_ONCE in counts
