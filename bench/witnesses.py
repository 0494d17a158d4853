"""Who shows when an act of the moderators holds: somebody who is answered, and a crowd that is shown it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from clients.load import wire
from clients.load.latency import Latencies
from clients.load.link import Link
from clients.load.spans import Span, SpanBook
from clients.load.tokens import User
from clients.load.viewer import Viewer

ANSWERED_WITHIN_S = 15.0

Wanted = Callable[[dict[str, Any]], bool]
"""Whether an entry of the room's log is the one that is waited for."""

_YOU = b'42/live,["you",'


class Sighting:
    """When viewers got one entry of the room's log, over all the frames in which it reached them."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._spans: dict[Span, bool] = {}  # whether it has the entry

    def look(self, span: Span, packet: bytes) -> None:
        """A frame that has arrived; each is read once, however many it reaches."""
        if span not in self._spans:
            items = orjson.loads(packet[len(wire.EVENTS) : -1])["items"]
            self._spans[span] = any(map(self._wanted, items))

    @property
    def count(self) -> int:
        """How many viewers have got it."""
        return sum(sum(span.arrivals.values()) for span, has in self._spans.items() if has)

    def since(self, started_ns: int) -> Latencies:
        """How long it took to each of them (Unix ns)."""
        found = Latencies()
        for span, has in self._spans.items():
            if has:
                found.add_arrivals(started_ns, span.arrivals)
        return found


class Witness(SpanBook):
    """A crowd's book in which one entry at a time is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._sighting: Sighting | None = None

    def expect(self, wanted: Wanted | None) -> Sighting | None:
        """From now on this one is waited for, in place of the one before; None for none."""
        self._sighting = Sighting(wanted) if wanted else None
        return self._sighting

    def _find(self, packet: bytes) -> Span:
        span = super()._find(packet)
        if self._sighting is not None:
            self._sighting.look(span, packet)
        return span


class _Ear(Link):
    """A connection that also hears what is said to its user alone."""

    def __init__(self, viewer: Viewer, host: str, port: int) -> None:
        super().__init__(viewer, SpanBook(), host, port, lambda link, why: None)
        self.told: dict[str, int] = {}

    def _packet(self, packet: bytes) -> None:
        if packet.startswith(_YOU):
            self.told[wire.parse_event(packet)[1]["kind"]] = time.time_ns()
        super()._packet(packet)


class Person:
    """Somebody in a room at one node, who waits for every answer."""

    def __init__(self, ear: _Ear, room: str, user: User) -> None:
        self._ear = ear
        self._room = room
        self.user = user

    @classmethod
    async def arrive(cls, url: str, room: str, user: User) -> Person:
        """Connects and enters. Raises ``OSError``, ``RuntimeError`` or ``TimeoutError``."""
        place = urlsplit(url)
        host, port = str(place.hostname), place.port or 80
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            _, ear = await loop.create_connection(
                lambda: _Ear(Viewer(user.token, user.id), host, port), host, port
            )
            await ear.joined
        person = cls(ear, room, user)
        await person.must("enter")
        return person

    @property
    def told(self) -> dict[str, int]:
        """When the last private event of each kind came (Unix ns)."""
        return self._ear.told

    async def ask(self, name: str, **payload: Any) -> dict[str, Any]:
        """A command's acknowledgement. Raises ``TimeoutError``."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def answered(said: dict[str, Any]) -> None:
            if not answer.done():
                answer.set_result(said)

        said = {"room": self._room, **payload}
        if name != "enter":
            said["key"] = uuid.uuid4().hex
        if not self._ear.command(name, said, answered):
            raise RuntimeError(f"{self.user.id} is connected no longer: {self._ear.bye}")
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            return await answer

    async def must(self, name: str, **payload: Any) -> dict[str, Any]:
        """A command that mustn't be refused. Raises ``RuntimeError`` if it is."""
        answer = await self.ask(name, **payload)
        if not answer.get("ok"):
            raise RuntimeError(f"{name} of {self.user.id} was refused: {answer}")
        return answer

    async def code(self, name: str, **payload: Any) -> str:
        """The error code that a command is answered with; empty if it is carried out."""
        answer = await self.ask(name, **payload)
        return "" if answer.get("ok") else str((answer.get("error") or {}).get("code", "?"))

    def leave(self) -> None:
        self._ear.close()
