"""A room under load, and what everybody in it was told, to be compared with what is stored afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import socketio

from tests.server.world import DEADLINE_S, Person, World, fresh, key

STOCK = 400
CONNECTION_LOST = (socketio.exceptions.SocketIOError, OSError, TimeoutError)


@dataclass(frozen=True)
class Sent:
    """A command that changes something, as it was sent."""

    user: str
    name: str
    payload: dict[str, Any]

    @property
    def key(self) -> str:
        return str(self.payload["key"])


@dataclass
class Ledger:
    """Everything that was sent, and the acknowledgements that came."""

    sent: dict[str, Sent] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def accepted(self, name: str) -> list[tuple[Sent, dict[str, Any]]]:
        """The commands of that name that were acknowledged as done."""
        return [
            (sent, self.answers[sent.key])
            for sent in self.sent.values()
            if sent.name == name and self.answers.get(sent.key, {}).get("ok")
        ]

    @property
    def unanswered(self) -> list[Sent]:
        return [sent for sent in self.sent.values() if sent.key not in self.answers]


class Load:
    """People in one room who act as fast as they may until the node is gone."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.room = ""
        self.sku = ""
        self.mutable: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.room, host = await self.world.room()
        self.host = str(host.user)
        _, self.sku = await self.world.product(host, stock=STOCK)
        speakers = [await self.world.viewer(self.room) for _ in range(4)]
        buyers = [await self.world.viewer(self.room) for _ in range(3)]
        self.mutable = [str((await self.world.viewer(self.room)).user) for _ in range(8)]
        second = await self.world.join(host.user)
        actions: list[tuple[Person, Callable[[], tuple[str, dict[str, Any]]]]] = [
            *((person, self._comment) for person in speakers),
            *((person, self._buy) for person in buyers),
            (host, self._mute),
            (second, self._product),
        ]
        self._tasks = [asyncio.create_task(self._keep(person, action)) for person, action in actions]

    async def acknowledged(self, count: int) -> None:
        """Returns when so many commands have been acknowledged."""
        while len(self.ledger.answers) < count:
            assert any(not task.done() for task in self._tasks), "the node is gone before its time"
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, person: Person, sent: Sent) -> dict[str, Any]:
        self.ledger.sent[sent.key] = sent
        answer = await person.send(sent.name, sent.payload)
        if answer["ok"] or not answer["error"]["temporary"]:
            self.ledger.answers[sent.key] = answer
        return answer

    async def _keep(self, person: Person, action: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        """Several commands are always under way, so that some are when the node dies."""

        async def one() -> None:
            while True:
                name, payload = action()
                sent = Sent(str(person.user), name, {"room": self.room, "key": key(), **payload})
                answer = await self.send(person, sent)
                if not answer["ok"] and answer["error"]["temporary"]:
                    del self.ledger.sent[sent.key]  # refused for now: nothing was done, nobody sends it again
                    await asyncio.sleep(answer["error"].get("retry_after_ms", 100) / 1000)

        try:
            await asyncio.gather(*(one() for _ in range(4)))
        except CONNECTION_LOST:
            return

    def _comment(self) -> tuple[str, dict[str, Any]]:
        return "comment", {"text": fresh("said")}

    def _buy(self) -> tuple[str, dict[str, Any]]:
        return "buy", {"sku": self.sku, "qty": 1}

    def _mute(self) -> tuple[str, dict[str, Any]]:
        user = self.random.choice(self.mutable)
        return "moderate.mute", {"user": user, "seconds": 3600, "reason": fresh("reason")}

    def _product(self) -> tuple[str, dict[str, Any]]:
        return "product.add", {"title": fresh("product"), "price_minor": 100, "currency": "CNY", "stock": 1}


async def pages(world: World, path: str, user: str, cursor: str = "cursor") -> list[dict[str, Any]]:
    """All items of a list."""
    items: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        more = f"&{cursor}={following}" if following else ""
        status, page = await world.get(f"{path}?limit=200{more}", user)
        assert status == 200, page
        items += page["items"]
        following = page["next"]
        if following is None:
            return items


async def read_log(world: World, room: str, user: str) -> list[dict[str, Any]]:
    return await pages(world, f"/api/v1/rooms/{room}/events", user, cursor="after")


async def check_acknowledged(world: World, load: Load) -> None:
    """Every effect that was acknowledged is there, and the log has no hole."""
    ledger, room = load.ledger, load.room
    log = await read_log(world, room, load.host)
    by_offset = {event["offset"]: event for event in log}
    # What a room could not read is left out for others than its sender, so each looks for its own.
    own = {sent.user for sent, _ in ledger.accepted("comment")}
    for user in own:
        by_offset |= {event["offset"]: event for event in await read_log(world, room, user)}
    assert sorted(by_offset) == list(range(1, len(by_offset) + 1))
    for sent, answer in ledger.accepted("comment"):
        event = answer["event"]
        assert by_offset[event["offset"]] == event, sent
    _, shelf = await world.get(f"/api/v1/rooms/{room}/products", load.host)
    products = {product["id"] for product in shelf["items"]}
    assert {answer["product"]["id"] for _, answer in ledger.accepted("product.add")} <= products
    orders = {order["id"]: order for order in await pages(world, f"/api/v1/rooms/{room}/orders", load.host)}
    for sent, answer in ledger.accepted("buy"):
        assert orders[answer["order"]["id"]]["buyer"]["id"] == sent.user
    _, mutes = await world.get(f"/api/v1/rooms/{room}/mutes", load.host)
    muted = {mute["user"]["id"] for mute in mutes["items"]}
    assert {sent.payload["user"] for sent, _ in ledger.accepted("moderate.mute")} <= muted
    await check_stock(world, load)


async def check_stock(world: World, load: Load) -> None:
    """What is on the shelf and what orders hold is what was there; holds may run out between two looks."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            _, shelf = await world.get(f"/api/v1/rooms/{load.room}/products", load.host)
            orders = await pages(world, f"/api/v1/rooms/{load.room}/orders", load.host)
            sku = next(sku for product in shelf["items"] for sku in product["skus"] if sku["id"] == load.sku)
            held = sum(order["qty"] for order in orders if order["status"] == "held")
            if sku["stock"] + held == STOCK:
                return


async def send_again(world: World, load: Load) -> None:
    """What was not answered is sent again with its key, and so is some of what was: one effect each."""
    ledger = load.ledger
    answered = [load.ledger.sent[k] for k in load.random.sample(sorted(ledger.answers), 20)]
    people = {user: await world.join(user) for user in {sent.user for sent in ledger.sent.values()}}

    async def again(sent: Sent) -> None:
        before = ledger.answers.get(sent.key)
        answer = await load.send(people[sent.user], sent)
        while not answer["ok"] and answer["error"]["temporary"]:
            await asyncio.sleep(answer["error"].get("retry_after_ms", 100) / 1000)
            answer = await load.send(people[sent.user], sent)
        assert before is None or answer == before
        assert answer["ok"], (sent, answer)

    await in_turn(again, [*ledger.unanswered, *answered])
    events = await read_log(world, load.room, load.host)
    for user in {sent.user for sent, _ in ledger.accepted("comment")}:
        events += await read_log(world, load.room, user)
    offsets = {event["data"]["text"]: set() for event in events if event["kind"] == "comment"}  # type: ignore[var-annotated]
    for event in events:
        if event["kind"] == "comment":
            offsets[event["data"]["text"]].add(event["offset"])
    assert set(offsets) == {sent.payload["text"] for sent, _ in ledger.accepted("comment")}
    assert all(len(once) == 1 for once in offsets.values())
    orders = await pages(world, f"/api/v1/rooms/{load.room}/orders", load.host)
    bought = Counter(sent.user for sent, _ in ledger.accepted("buy"))
    assert Counter(order["buyer"]["id"] for order in orders) == bought
    assert len({answer["order"]["id"] for _, answer in ledger.accepted("buy")}) == len(orders)
    titles = Counter(e["data"]["product"]["title"] for e in events if e["kind"] == "product.added")
    assert {sent.payload["title"] for sent, _ in ledger.accepted("product.add")} <= set(titles)


async def in_turn(do: Callable[[Sent], Awaitable[None]], commands: list[Sent]) -> None:
    """Each user's commands one after the other, users beside each other."""

    async def of(user: str) -> None:
        for sent in commands:
            if sent.user == user:
                await do(sent)

    await asyncio.gather(*(of(user) for user in {sent.user for sent in commands}))


async def check_trail(world: World, load: Load) -> None:
    """The room's trail is whole, and has each mute and each product that was acknowledged, once."""
    _, chain = await world.get(f"/api/v1/rooms/{load.room}/audit/chain", load.host)
    assert (chain["ok"], chain["found"]) == (True, [])
    trail = await pages(world, f"/api/v1/rooms/{load.room}/audit", load.host)
    assert [entry["seq"] for entry in trail] == list(range(len(trail), 0, -1))
    assert len(trail) >= chain["seq"] > 0
    added = [entry["target"] for entry in trail if entry["action"] == "product.add"]
    assert len(added) == len(set(added))
    acknowledged = {answer["product"]["id"] for _, answer in load.ledger.accepted("product.add")}
    assert acknowledged <= set(added)
    reasons = [entry["detail"]["reason"] for entry in trail if entry["action"] == "moderate.mute"]
    assert {sent.payload["reason"] for sent, _ in load.ledger.accepted("moderate.mute")} <= set(reasons)


async def check_mutes_and_holds(world: World, load: Load) -> None:
    """A mute refuses still, and unpaid holds give their stock back in time."""
    muted = {sent.payload["user"] for sent, _ in load.ledger.accepted("moderate.mute")}
    assert muted
    for user in muted:
        person = await world.join(user)
        person.room = load.room
        refused = await person.do("comment", text="but")
        assert refused["error"]["code"] == "muted", refused
        assert refused["error"]["details"]["reason"].startswith("reason-")
    watcher = await world.join(load.host)
    await watcher.enter(load.room)
    orders = await pages(world, f"/api/v1/rooms/{load.room}/orders", load.host)
    if any(order["status"] == "held" for order in orders):
        await watcher.until("signals", lambda s: s.get("stock", {}).get(load.sku) == STOCK, within_s=20)
    orders = await pages(world, f"/api/v1/rooms/{load.room}/orders", load.host)
    assert {order["status"] for order in orders} <= {"expired"}
