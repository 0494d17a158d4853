"""A running node, and people with sockets in it, whose tokens the node's own key signs."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from server.auth.own import sign
from tests.server import described
from tests.support.node import Node, running_node

SECRET = "a secret that only tests use, long enough"
DEADLINE_S = 30.0
# Comments come as fast as a test wants them.
ENV = {
    "DANMART_NODE__SECRET": SECRET,
    "DANMART_ROOMS__COMMENTS_PER_10S": "1000",
    # Tests count what everybody is shown; those of the budget itself set it themselves.
    "DANMART_ROOMS__SHOWN_COMMENTS_PER_S": "100000",
}

_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}-{next(_numbers)}"


def key() -> str:
    return fresh("key-0000000")


def token(
    user: str, name: str = "", *, life_s: int = 3600, operator: bool = False, may_host: bool = False
) -> str:
    """A token of the node's own key; with a negative ``life_s`` it ran out so long ago."""
    return sign(
        SECRET.encode(),
        user,
        name or user,
        now_ms=time.time_ns() // 1_000_000,
        life_s=life_s,
        operator=operator,
        may_host=may_host,
    )


class Person:
    """Somebody with a socket. ``inbox`` is what came, in order; an acknowledgement is there as ``ack``."""

    def __init__(self, user: str | None) -> None:
        self.user = user
        self.room = ""
        self.inbox: list[tuple[str, Any]] = []
        self.http = aiohttp.ClientSession()
        self.sio = socketio.AsyncClient(reconnection=False, http_session=self.http)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.sio.on("*", self._take, namespace="/live")
        self.sio.on("disconnect", self._gone, namespace="/live")
        self.sio.on("connect_error", self._refused, namespace="/live")
        self._news = asyncio.Event()

    def _put(self, name: str, payload: Any) -> None:
        self.inbox.append((name, payload))
        self._news.set()

    async def _take(self, name: str, payload: Any) -> None:
        self._put(name, payload)

    async def _gone(self, reason: str) -> None:
        self._put("disconnect", reason)

    async def _refused(self, data: Any) -> None:
        self._put("connect_error", data)

    async def connect(
        self, url: str, auth: Any, transports: tuple[str, ...], headers: dict[str, str] | None = None
    ) -> None:
        await self.sio.connect(
            url,
            headers=headers or {},
            namespaces=["/live"],
            auth=auth,
            transports=list(transports),
            wait_timeout=DEADLINE_S,
        )
        self._socket = self.sio.eio.ws

    async def send(self, name: str, *args: Any) -> dict[str, Any]:
        """Sends an event as it is; gives its acknowledgement."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def acknowledged(*reply: Any) -> None:
            self._put("ack", (name, *reply))
            if not answer.done():
                answer.set_result(reply[0])

        data = args[0] if len(args) == 1 else tuple(args) if args else None
        await self.sio.emit(name, data, namespace="/live", callback=acknowledged)
        async with asyncio.timeout(DEADLINE_S):
            return await answer

    async def do(self, name: str, /, **payload: Any) -> dict[str, Any]:
        """A command's acknowledgement; ``room`` and, if there is none, ``key`` are filled in."""
        if name not in ("time", "refresh"):
            payload.setdefault("room", self.room)
        if name not in ("enter", "leave", "time", "refresh", "stats", "like", "publish.token", "quiz.check"):
            payload.setdefault("key", key())
        return await self.send(name, payload)

    async def ok(self, name: str, /, **payload: Any) -> dict[str, Any]:
        answer = await self.do(name, **payload)
        assert answer["ok"], (name, answer)
        return answer

    async def code(self, name: str, /, **payload: Any) -> str:
        """The error code of a command that must be refused."""
        answer = await self.do(name, **payload)
        assert not answer["ok"], (name, answer)
        code: str = answer["error"]["code"]
        return code

    async def enter(self, room: str, **more: Any) -> dict[str, Any]:
        self.room = room
        return await self.ok("enter", **more)

    def all(self, name: str) -> list[Any]:
        """Every message of that name that has come."""
        return [payload for kind, payload in self.inbox if kind == name]

    async def until(
        self, name: str, wanted: Callable[[Any], bool] = lambda _: True, *, within_s: float = DEADLINE_S
    ) -> Any:
        """The first message of that name that fits, also if it has come already."""
        async with asyncio.timeout(within_s):
            while True:
                self._news.clear()
                for payload in self.all(name):
                    if wanted(payload):
                        return payload
                await self._news.wait()

    async def event(
        self, kind: str, wanted: Callable[[Any], bool] = lambda _: True, *, within_s: float = DEADLINE_S
    ) -> dict[str, Any]:
        """The first event of the room's log of that kind that fits."""

        def fits(event: dict[str, Any]) -> bool:
            return event["kind"] == kind and wanted(event)

        frame = await self.until("events", lambda frame: any(map(fits, frame["items"])), within_s=within_s)
        found: dict[str, Any] = next(filter(fits, frame["items"]))
        return found

    async def close(self) -> None:
        if self.sio.connected and self.sio.transport() == "polling":
            await self.http.close()  # else the library waits for a poll that nobody answers any more
        await self.sio.disconnect()
        if self._socket is not None:  # which the library forgets when the server is gone
            await self._socket.close()
        for http in {self.http, self.sio.eio.http or self.http}:  # a closed one is replaced by the library
            await http.close()


def refuse_gaps(person: Person) -> int:
    """Checks that frames continue the answer to ``enter`` and each other; gives the last offset."""
    offset, seen = None, []
    for name, payload in person.inbox:
        if name == "ack" and payload[0] == "enter":
            offset = payload[1]["offset"]
            seen += [event["id"] for event in payload[1].get("items", [])]
        if name == "events":
            assert offset is not None, "a frame came before the answer to enter"
            assert payload["from"] == offset + 1
            offsets = [event["offset"] for event in payload["items"]]
            span = range(payload["from"], payload["to"] + 1)
            assert offsets == sorted(set(offsets) & set(span))
            assert len(span) - len(offsets) == payload["skipped"].get("comment", 0)
            offset = payload["to"]
            seen += [event["id"] for event in payload["items"]]
    assert len(seen) == len(set(seen))
    assert offset is not None
    return int(offset)


class World:
    """A running node as tests use it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.url = node.url
        self._people: list[Person] = []

    async def join(
        self,
        user: str | None = None,
        name: str = "",
        *,
        auth: Any = None,
        transports: tuple[str, ...] = ("websocket",),
        headers: dict[str, str] | None = None,
        **claims: Any,
    ) -> Person:
        """Somebody connected: ``user`` with a token, or without one as a guest."""
        person = Person(user)
        self._people.append(person)
        if auth is None and user is not None:
            auth = {"token": token(user, name, **claims)}
        await person.connect(self.url, auth, transports, headers)
        return person

    async def refusal(self, auth: Any, transport: str = "websocket") -> dict[str, Any] | None:
        """The error object that a connect is refused with, or None if it isn't."""
        person = Person(None)
        try:
            await person.connect(self.url, auth, (transport,))
            return None
        except socketio.exceptions.ConnectionError:
            data: dict[str, Any] = (await person.until("connect_error"))["data"]
            return data
        finally:
            await person.close()

    async def room(self, **more: Any) -> tuple[str, Person]:
        """A new room and its host, connected and inside."""
        host = await self.join(fresh("host"), "Mei", may_host=True)
        room = fresh("room")
        claims = {"may_host": True, "name": "Mei"}
        payload = {"id": room, "title": "Tea evening", **more}
        answer = await self.post("/api/v1/rooms", payload, host.user, claims=claims)
        assert answer[0] == 201, answer
        await host.enter(room)
        return room, host

    async def viewer(self, room: str, name: str = "Lin", **more: Any) -> Person:
        """A new viewer, inside."""
        person = await self.join(fresh("viewer"), name, **more)
        await person.enter(room)
        return person

    async def moderator(self, room: str, host: Person) -> Person:
        person = await self.join(fresh("moderator"), "Bao")
        await host.ok("room.grant", user=person.user, role="moderator")
        await person.enter(room)
        return person

    async def product(self, host: Person, stock: int = 5) -> tuple[str, str]:
        """A product on the shelf: its id and its SKU's."""
        answer = await host.ok("product.add", title="Tea", price_minor=4900, currency="CNY", stock=stock)
        return answer["product"]["id"], answer["product"]["skus"][0]["id"]

    async def request(
        self, method: str, path: str, user: str | None = None, *, claims: Any = None, **more: Any
    ) -> tuple[int, Any, Any]:
        """Status, headers and decoded body of an HTTP request, as ``user`` if one is given."""
        headers = {**more.pop("headers", {})}
        if user is not None:
            headers.setdefault("Authorization", f"Bearer {token(user, **(claims or {}))}")
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.url + path, headers=headers, **more) as answer,
        ):
            is_json = answer.content_type.endswith("json")
            body = await (answer.json(content_type=None) if is_json else answer.read())
            described.hold(method, path, answer.status, answer.content_type, body)
            return answer.status, answer.headers, body

    async def get(self, path: str, user: str | None = None, **more: Any) -> tuple[int, Any]:
        status, _, body = await self.request("GET", path, user, **more)
        return status, body

    async def post(
        self, path: str, payload: Any, user: str | None = None, *, key: str | None = None, **more: Any
    ) -> tuple[int, Any]:
        claims = more.pop("claims", {"may_host": True})
        headers = {"Idempotency-Key": key} if key else {}
        status, _, body = await self.request(
            "POST", path, user, claims=claims, json=payload, headers=headers, **more
        )
        return status, body

    async def close(self) -> None:
        """Every socket is closed; the node stays."""
        people, self._people = self._people, []
        await asyncio.gather(*(person.close() for person in people))


@asynccontextmanager
async def running_world(folder: Path, *args: str, **env: str) -> AsyncIterator[World]:
    """A node of the test's own."""
    async with running_node(folder, *args, env={**ENV, **env}) as node:
        world = World(node)
        try:
            yield world
        finally:
            await world.close()


@contextmanager
def shared_node(folder: Path, *args: str, **env: str) -> Iterator[Node]:
    """A node for all tests of a module: they keep apart by rooms and users."""
    with asyncio.Runner() as runner:
        running = running_node(folder, *args, env={**ENV, **env})
        node = runner.run(running.__aenter__())
        try:
            yield node
        finally:
            runner.run(running.__aexit__(None, None, None))
    faults = [line for line in node.log.read_text().splitlines() if '"error"' in line or "Traceback" in line]
    assert faults == []
