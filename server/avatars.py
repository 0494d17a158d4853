"""People's own pictures at a node: taken from them, cut square, encoded anew, given to everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from PIL import Image, ImageOps

from rooms.avatars import Avatars, drop_paces, drop_replaced, read_bodies
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.config.sections import Avatars as AvatarSettings
from server.gathering import Gathering
from server.pictures import Pictures, as_webp
from server.store.group import Answer, Work
from server.store.store import Store

SIDE = 256
AT_ONCE = 100

Check = Callable[[bytes], Awaitable[object]]
"""Looks at an encoded picture; raises ``Refused``."""


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
        pictures: Pictures,
        clock_ms: Callable[[], int],
    ) -> None:
        self.max_bytes = settings.max_bytes
        self._enabled = settings.enabled
        self._store, self._avatars, self._pictures = store, avatars, pictures
        self._clock_ms = clock_ms
        self._asked: Gathering[str, bytes | None] = Gathering(self._read)

    async def refuse(self, caller: Caller) -> Answer | None:
        """Whether the caller may give a picture now: asked before its bytes are read. Raises ``Refused``, or
        gives a refusal's answer."""
        if caller.id is None:
            raise Refused("unauthenticated")
        if not self._enabled:
            raise Refused("forbidden", "Pictures of people aren't taken here.")
        answer = await self._store.write(Work("avatar.look", lambda tx: self._avatars.look(tx, caller)))
        return None if answer.ok else answer

    async def take(self, upload: bytes, caller: Caller, check: Check) -> Answer:
        """Show this picture from now on, if it is one and ``check`` says nothing. Raises ``Refused``, as
        ``check`` does, or ``bad_picture``. Cancelling before the answer leaves either picture."""
        body = await self._pictures.encode(upload, squared)
        await check(body)
        return await self._store.write(Work("avatar.set", lambda tx: self._avatars.set(tx, body, caller)))

    async def clear(self, user_id: str) -> Answer:
        """Show none, and keep none of this user's."""
        return await self._store.write(Work("avatar.clear", lambda tx: self._avatars.clear(tx, user_id)))

    async def body(self, digest: str) -> bytes | None:
        """The file, if there is one; what many ask for in the same moment is read once. Raises ``Refused``:
        ``busy``, ``temporarily_unavailable``."""
        return await self._asked.ask(digest)

    async def _read(self, digests: Sequence[str]) -> list[bytes | Refused | None]:
        found = await self._store.read(lambda conn: read_bodies(conn, set(digests)))
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
