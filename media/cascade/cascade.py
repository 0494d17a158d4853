"""A node's part in the relay between nodes: what it pulls, what it serves, what it passes on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

import aiohttp

from media.cascade.edge import EdgeStream
from media.cascade.passing import Passing
from media.cascade.ports import Neighbour, Neighbours
from media.cascade.pull import Pull, PullTarget
from media.cascade.serving import Serving
from media.config import MediaConfig
from media.relay.counters import Counters
from media.relay.room import RoomRelay
from media.stream import RoomStream
from rooms.errors import Refused

_log = logging.getLogger(__name__)

# One query for all streams that are watched here. Redis may be away: nothing waits for word of a new origin.
_LOOK_S = 0.4
# A viewer may wait so long for another node to say what it sends; then it is told to come again.
_FIRST_WORD_S = 2.0


class Cascade:
    """Pulls what is watched here and published elsewhere; one pull a stream, however many come at once.

    ``relay`` gives a stream's relay, ``find`` the stream that is or was published here, ``watched`` the names
    of those relays that have viewers. Not in use before ``start``.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        config: MediaConfig,
        counters: Counters,
        relay: Callable[[str], RoomRelay],
        find: Callable[[str], RoomStream | None],
        watched: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.edges: dict[str, EdgeStream] = {}
        self.neighbours = neighbours
        self.serving = Serving(neighbours, find, counters)
        self._config = config
        self._counters = counters
        self._relay = relay
        self._find = find
        self._watched = watched
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._needed = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def http(self) -> aiohttp.ClientSession:
        """For requests to other nodes. They are few and long, so their number is bounded elsewhere."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._http

    @property
    def passing(self) -> Passing:
        return Passing(self.neighbours, self.http)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="cascade")

    async def close(self) -> None:
        """Leaves the other nodes. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        edges, self.edges = self.edges, {}
        await asyncio.gather(*(edge.close() for edge in edges.values()), *self._leaving)
        await self.serving.close()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def watch(self, name: str) -> EdgeStream | None:
        """The stream from the node that publishes it, as soon as that has said what it sends; ``None`` if
        nobody does, or it doesn't answer. Raises ``Refused("temporarily_unavailable")``."""
        edge = self.edges.get(name)
        if edge is None or not edge.is_live:
            where = (await self.neighbours.whereabouts([name]))[name]
            if where.owner is None or self._is_here(name):
                return None
            edge = self._edge(name)
            edge.follow(where)
        await edge.wait(_FIRST_WORD_S)
        return edge if edge.is_live else None

    def viewers_elsewhere(self, name: str) -> int:
        """How many watch by WHEP what this node publishes, at the others."""
        return self.serving.viewers(name)

    def second(self) -> None:
        """Once a second."""
        for edge in self.edges.values():
            edge.second(self._config.connect_timeout_s, self._config.consent_timeout_s)
        if not self._needed.is_set() and next(iter(self._names()), None) is not None:
            self._needed.set()

    # --- inside

    def _edge(self, name: str) -> EdgeStream:
        edge = self.edges.get(name)
        if edge is None:
            edge = self.edges[name] = EdgeStream(
                name,
                self._relay(name),
                self._pull_of(name),
                is_free=lambda: not self._is_here(name),
                clock=self._clock,
            )
            self._needed.set()
        return edge

    def _pull_of(self, name: str) -> Callable[[Neighbour, PullTarget], Pull]:
        return lambda neighbour, target: Pull(
            name, neighbour, self.neighbours, self.http, target, self._counters, self._clock
        )

    def _is_here(self, name: str) -> bool:
        stream = self._find(name)
        return stream is not None and stream.is_published

    def _names(self) -> set[str]:
        """Streams that are pulled, or whose viewers would like them to be."""
        return {*self.edges, *(name for name in self._watched() if not self._is_here(name))}

    async def _run(self) -> None:
        while True:
            if not self._names():
                self._needed.clear()
                await self._needed.wait()
            try:
                await self._look()
            except Refused:
                pass  # the database is away: what is pulled goes on
            except Exception:
                _log.exception("the relay between nodes failed")
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        for name, edge in list(self.edges.items()):
            if self._is_here(name) or edge.is_superseded or edge.is_unneeded(self._config.linger_s):
                del self.edges[name]
                task = asyncio.create_task(edge.close())  # a goodbye may take its time
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        names = self._names()
        if not names:
            return
        for name, where in (await self.neighbours.whereabouts(names)).items():
            if self._is_here(name):
                continue
            if where.owner is not None:
                self._edge(name)
            if name in self.edges:
                self.edges[name].follow(where)
