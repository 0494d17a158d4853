"""Where streams are published, by the leases in SQL: the port ``media.cascade.ports.Neighbours``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection

from media.cascade.ports import Neighbour, Whereabouts
from rooms.origins import read_going_on, read_owners
from server.auth.cluster import ClusterTokens
from server.gathering import Gathering
from server.node_rows import NodeRow
from server.registry import Registry
from server.store.store import Store

_Found = tuple[str | None, bool]


class ClusterNeighbours:
    """Questions of one moment are answered by one query: a room's thousand players are one question more."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        tokens: ClusterTokens,
        node: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._registry = registry
        self._tokens = tokens
        self._node = node
        self._clock_ms = clock_ms
        self._asked: Gathering[str, _Found] = Gathering(self._read)

    async def whereabouts(self, streams: Collection[str]) -> dict[str, Whereabouts]:
        wanted = list(streams)
        found = [await self._asked.ask(wanted[0])] if len(wanted) == 1 else await self._read(wanted)
        return {stream: await self._place(*one) for stream, one in zip(wanted, found, strict=True)}

    async def node(self, name: str) -> Neighbour | None:
        row = await self._registry.find(name) if name != self._node else None
        return Neighbour(row.name, row.url) if row is not None else None

    async def carrier(self, origin: Neighbour | None, *, for_viewer: bool) -> Neighbour | None:
        row = await self._registry.find(origin.name) if origin is not None else None
        full = row is not None and for_viewer and row.viewers >= row.capacity
        if row is None or full:
            row = least_loaded(self._registry.others()) or row
        return Neighbour(row.name, row.url) if row is not None else None

    def credential(self, neighbour: Neighbour, purpose: str, stream: str) -> str:
        return self._tokens.mint(neighbour.name, purpose, stream, self._clock_ms())

    def check(self, credential: str, purpose: str, stream: str) -> None:
        self._tokens.check(credential, self._node, purpose, stream, self._clock_ms())

    async def _read(self, streams: Sequence[str]) -> list[_Found]:
        if not streams:
            return []
        return await self._store.read(lambda conn: _find(conn, streams))

    async def _place(self, owner: str | None, is_over: bool) -> Whereabouts:
        there = await self.node(owner) if owner is not None else None
        return Whereabouts(there, owner == self._node, is_over)


def least_loaded(rows: Collection[NodeRow]) -> NodeRow | None:
    """The node with the most room for viewers, of those that carry media."""
    carriers = [row for row in rows if row.carries_media]
    return max(carriers, key=lambda row: (row.capacity - row.viewers, row.name), default=None)


def _find(conn: Connection, streams: Sequence[str]) -> list[_Found]:
    rooms = {stream: stream.partition(":")[0] for stream in streams}
    owners = read_owners(conn, streams)
    going_on = read_going_on(conn, set(rooms.values()))
    return [(owners.get(stream), rooms[stream] not in going_on) for stream in streams]
