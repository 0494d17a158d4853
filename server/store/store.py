"""The store of a node: the database brought up to date, the writer, and readers beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rooms.errors import Refused
from rooms.unit import News
from server.store.engine import READERS, open_readers, open_writer
from server.store.group import Answer, Work
from server.store.migrate import migrate
from server.store.writer import Writer

log = structlog.get_logger(__name__)

T = TypeVar("T")

READ_WITHIN_S = 5.0


class Store:
    """Reads and writes. ``published`` is told, on the loop, what each commit has for those connected."""

    def __init__(
        self,
        url: str,
        *,
        published: Callable[[News], None],
        registry: CollectorRegistry,
        node: str = "node",
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        media_ms: Callable[[str], int | None] = lambda room_id: None,
        group_max: int = 256,
        queue_max: int = 10_000,
    ) -> None:
        self._url = url
        self._writing = open_writer(url)
        self._reading = open_readers(url)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="danmart-reader")
        self._closed = False
        self.writer = Writer(
            self._writing,
            published=published,
            registry=registry,
            node=node,
            clock_ms=clock_ms,
            media_ms=media_ms,
            group_max=group_max,
            queue_max=queue_max,
        )

    async def start(self) -> None:
        """Bring the database's schema up to date (safe with several nodes at once), then take work."""
        await asyncio.get_running_loop().run_in_executor(self._readers, migrate, self._url)
        await self.writer.start()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a reader's thread, in one consistent transaction.

        Raises ``Refused("temporarily_unavailable")`` when the database is away.
        """

        def run() -> T:
            with self._reading.connect() as conn:
                return query(conn)

        try:
            # A database that is stopped, not dead, would have its readers wait for as long as it is.
            async with asyncio.timeout(READ_WITHIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except TimeoutError as error:
            log.warning("read_took_too_long")
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error
        except DBAPIError as error:
            log.warning("read_failed", error=str(error.orig)[:300])
            raise Refused("temporarily_unavailable", retry_after_ms=1000) from error

    async def write(self, work: Work) -> Answer:
        """See :meth:`Writer.submit`."""
        return await self.writer.submit(work)

    async def close(self) -> None:
        """Commit what is queued, then close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self.writer.close()
        await asyncio.to_thread(self._dispose)

    def _dispose(self) -> None:
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()
