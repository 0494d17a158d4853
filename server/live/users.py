"""Private events to the connections of their user, each once and in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rooms.errors import Refused
from rooms.log import PrivateEvent
from rooms.people import read_private_events
from server.bus.port import Bus
from server.live.connection import Connection
from server.store.store import Store

FILL_MAX = 100

Encode = Callable[[str, Any], Any]


@dataclass(eq=False, slots=True)
class _Feed:
    """A user who is connected here. ``seq`` is the last event passed on; None: where it began isn't known."""

    user_id: str
    connections: set[Connection] = field(default_factory=set)
    seq: int | None = None
    filling: asyncio.Task[None] | None = None


class UserChannels:
    """Owns the feeds of everybody who is signed in here."""

    def __init__(self, store: Store, bus: Bus, encode: Encode) -> None:
        self._store = store
        self._bus = bus
        self._encode = encode
        self._feeds: dict[str, _Feed] = {}
        self.level: Callable[[str, int], None] = lambda user_id, earned: None
        """Told of everybody who is connected here and has reached a level: who, and with how many points."""
        self.face: Callable[[str, str | None], None] = lambda user_id, avatar: None
        """Told of the picture of everybody who is connected here, when it changes; None also when they go."""
        self.banned: Callable[[Connection, str | None], None] = lambda connection, room_id: None
        """Told of each connection whose user was banned, when it has been told: from a room, or from all."""

    async def join(self, connection: Connection) -> None:
        """Returns when what happens to the user from now on will reach the connection."""
        user_id = connection.identity.id
        if user_id is None:
            return
        feed = self._feeds.setdefault(user_id, _Feed(user_id))
        feed.connections.add(connection)
        if len(feed.connections) == 1:
            await self._bus.join_user(user_id, self._on_private)

    async def leave(self, connection: Connection) -> None:
        user_id = connection.identity.id
        feed = self._feeds.get(user_id or "")
        if user_id is None or feed is None:
            return
        feed.connections.discard(connection)
        if not feed.connections:
            del self._feeds[user_id]
            self.face(user_id, None)
            await self._bus.leave_user(user_id, self._on_private)

    def connections(self, user_id: str) -> list[Connection]:
        feed = self._feeds.get(user_id)
        return list(feed.connections) if feed else []

    def users(self) -> list[str]:
        """Who is connected here."""
        return list(self._feeds)

    def told(self, connection: Connection, seq: int) -> None:
        """The connection got everything up to ``seq`` in an answer: what follows is the next one."""
        connection.you_seq = max(connection.you_seq, seq)
        feed = self._feeds.get(connection.identity.id or "")
        if feed is not None and feed.seq is None:
            feed.seq = seq

    def follow(self, seqs: Mapping[str, int]) -> None:
        """What SQL has just said about the heads of users: whatever is missing here gets filled in."""
        for user_id, seq in seqs.items():
            feed = self._feeds.get(user_id)
            if feed is None:
                continue
            if feed.seq is None:
                feed.seq = seq
            elif feed.seq < seq:
                self._fill(feed)

    def _on_private(self, events: list[PrivateEvent]) -> None:
        for event in events:
            feed = self._feeds.get(event.user_id)
            if feed is None or (feed.seq is not None and event.seq <= feed.seq):
                continue
            if feed.seq is not None and event.seq > feed.seq + 1:
                self._fill(feed)
                return
            feed.seq = event.seq
            self._pass_on(feed, event)

    def _pass_on(self, feed: _Feed, event: PrivateEvent) -> None:
        packet = self._encode("you", orjson.Fragment(event.body))
        if event.kind == "level":
            self.level(event.user_id, orjson.loads(event.body)["data"]["earned"])
        elif event.kind in ("avatar", "avatar_removed"):
            self.face(event.user_id, orjson.loads(event.body)["data"].get("avatar"))
        for connection in list(feed.connections):
            if event.seq <= connection.you_seq:
                continue
            connection.you_seq = event.seq
            if event.kind == "role" and connection.room_id == event.room_id:
                # Who was a moderator a moment ago must not read on with the staff.
                connection.grant(frozenset(orjson.loads(event.body)["data"]["can"]))
            connection.outlet.send(packet)
            if event.kind == "banned" and not connection.identity.operator:
                self.banned(connection, event.room_id)

    def _fill(self, feed: _Feed) -> None:
        if feed.filling is None or feed.filling.done():
            feed.filling = asyncio.create_task(self._fill_hole(feed))

    async def _fill_hole(self, feed: _Feed) -> None:
        after = feed.seq or 0
        with contextlib.suppress(Refused):  # the database is away; the next look finds the hole again
            self._on_private(
                await self._store.read(
                    lambda conn: read_private_events(conn, feed.user_id, after=after, limit=FILL_MAX)
                )
            )
