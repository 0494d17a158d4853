"""Looking again and again at what may have changed: when word comes, and every two seconds anyway."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

import structlog

from rooms.errors import Refused
from server.bus.ears import Ears
from server.bus.port import Bus, RoomNews

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class Lookout:
    """One task that takes ``look`` after ``look``. Word comes by ``nudge``, and by the bus: news of rooms
    that are listened to, where it ``matters``. What the bus loses is found by the next look.

    A look may raise ``Refused``: the database is away, and the next one tries again.
    """

    def __init__(
        self, name: str, bus: Bus, look: Callable[[], Awaitable[None]], matters: Callable[[RoomNews], bool]
    ) -> None:
        self._name = name
        self._look = look
        self._matters = matters
        self._ears = Ears(bus, self._on_news)
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """Look no more, and listen to no room. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self.listen(())

    def nudge(self) -> None:
        """Look now, soon."""
        self._nudged.set()

    async def listen(self, rooms: Iterable[str]) -> None:
        """Hear of these rooms from now on, and of no others."""
        await self._ears.listen(rooms)

    def _on_news(self, news: RoomNews) -> None:
        if self._matters(news):
            self._nudged.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                await self._look()
            except Refused:
                continue
            except Exception:
                log.exception("look_failed", look=self._name)


def tells_of_ban(news: RoomNews) -> bool:
    """Whether somebody was banned from the room."""
    return any(event.kind == "banned" for event in news.staff)
