"""The nodes of a cluster and where they can be reached by each other: rows in SQL that run out.

SQL and not Redis, because a picture must find its way to the other nodes while Redis is away. It costs one
small write a node every two seconds. While SQL is away, what was known last counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from rooms.errors import Refused
from rooms.rows import Steps
from rooms.unit import Unit
from server.node_rows import NODES, NodeRow, read_nodes
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

EVERY_S = 2.0
KEPT_MS = 8_000
LOOK_AGAIN_S = 0.2
FORGOTTEN_MS = 3_600_000
"""After this, the row of a node that died is dropped by another. It served nobody since it ran out."""


class Registry:
    """Tells of this node every two seconds, and knows the others. ``here`` gives its row as it is now,
    without the time at which it runs out."""

    def __init__(self, store: Store, here: Callable[[], NodeRow], clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._here = here
        self._clock_ms = clock_ms
        self._known: dict[str, NodeRow] = {}
        self._forgotten: list[str] = []
        self._looked_s = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the others can find this node, or the database is away."""
        await self._once()
        self._task = asyncio.create_task(self._run(), name="registry")

    async def close(self) -> None:
        """Have nobody look for this node any more. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self._store.write(Work("node.leave", self._leave))

    async def find(self, name: str) -> NodeRow | None:
        """The node of that name, if it lives. One that isn't known yet is looked for."""
        if name not in self._known:
            await self._look()
        return self._known.get(name)

    def others(self) -> list[NodeRow]:
        """All nodes that live, but this one."""
        here = self._here().name
        return [row for row in self._known.values() if row.name != here]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._once()

    async def _once(self) -> None:
        try:
            await self._store.write(Work("node.announce", self._announce))
            await self._look()
        except Refused:
            pass  # the database is away, and says so itself
        except Exception:
            log.exception("registry_failed")

    async def _look(self) -> None:
        """Several at once look once; and whoever asks for names at random asks the memory."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s < LOOK_AGAIN_S:
            return
        self._looked_s = now_s
        rows = await self._store.read(read_nodes)
        now_ms = self._clock_ms()
        self._known = {row.name: row for row in rows if row.expires_at_ms > now_ms}
        self._forgotten = [row.name for row in rows if row.expires_at_ms < now_ms - FORGOTTEN_MS]

    def _announce(self, tx: Unit) -> Steps[Any]:
        here = self._here()
        forgotten = self._forgotten
        yield NODES.rows(here.name, *forgotten)
        tx.put(NODES, replace(here, expires_at_ms=tx.now_ms + KEPT_MS))
        for name in forgotten:
            row = tx.get(NODES, name)
            if row is not None and row.expires_at_ms < tx.now_ms - FORGOTTEN_MS:
                tx.drop(NODES, name)
        return {}

    def _leave(self, tx: Unit) -> Steps[Any]:
        name = self._here().name
        yield NODES.rows(name)
        if tx.get(NODES, name) is not None:
            tx.drop(NODES, name)
        return {}
