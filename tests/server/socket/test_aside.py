"""Commands that wait for somebody else: the connection's next ones needn't, in bounds, and in their order."""

from __future__ import annotations

import asyncio

import pytest
import socketio

from server.socket.aside import AT_ONCE, Asides, StepAside
from tests.server.socket.house import House, open_house
from tests.server.socket.raw import session

TRANSPORTS = [("websocket",), ("polling",)]


class Asker:
    """A client whose acknowledgements are noted in the order in which they come."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._news = asyncio.Event()
        self.sio = socketio.AsyncClient(reconnection=False)
        self.heard: list[int] = []

    async def connect(self, transports: tuple[str, ...]) -> None:
        await self.sio.connect(self._house.url, namespaces=["/live"], transports=list(transports))

    async def ask(self, name: str, number: int) -> None:
        def acknowledged(_: object) -> None:
            self.heard.append(number)
            self._news.set()

        await self.sio.emit(name, {"n": number}, namespace="/live", callback=acknowledged)

    async def until(self, *numbers: int) -> None:
        async with asyncio.timeout(10):
            while not set(numbers) <= set(self.heard):
                self._news.clear()
                await self._news.wait()


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_others_go_on_while_one_waits(transports: tuple[str, ...]) -> None:
    async with open_house() as house:
        asker = Asker(house)
        await asker.connect(transports)
        for number, name in enumerate(("say", "ask", "say", "say")):
            await asker.ask(name, number)
        await asker.until(0, 2, 3)
        assert asker.heard == [0, 2, 3]
        assert [args[0]["n"] for args in house.host.began] == [0, 1, 2, 3], "they begin in the order sent"
        house.host.answers.set()
        await asker.until(1)
        await asker.sio.disconnect()


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_only_a_few_wait_aside(transports: tuple[str, ...]) -> None:
    async with open_house() as house:
        asker = Asker(house)
        await asker.connect(transports)
        for number in range(AT_ONCE):
            await asker.ask("ask", number)
        await asker.ask("say", 10)
        await asker.until(10)
        # One more keeps its turn, and what follows waits for it, as ever.
        await asker.ask("ask", 11)
        await asker.ask("say", 12)
        async with asyncio.timeout(10):
            while len(house.host.began) < AT_ONCE + 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert asker.heard == [10]
        house.host.answers.set()
        await asker.until(0, 1, 11, 12)
        assert asker.heard.index(11) < asker.heard.index(12)
        # Their places are free again.
        house.host.answers.clear()
        await asker.ask("ask", 13)
        await asker.ask("say", 14)
        await asker.until(14)
        house.host.answers.set()
        await asker.until(13)
        await asker.sio.disconnect()


async def test_who_leaves_the_namespace_and_comes_back_gets_no_answers_of_before() -> None:
    async with open_house() as house, session(house.port) as raw:
        await raw.connect()
        raw.command(1, "ask")
        raw.send("41/live,")
        await raw.connect()
        house.host.answers.set()
        raw.command(2, "say")
        assert (await raw.text()).startswith("43/live,2[")


async def test_the_turn_ends_with_a_command_that_fails_and_frees_its_place() -> None:
    tasks: list[asyncio.Task[None]] = []
    asides = Asides()

    async def fails(step_aside: StepAside) -> None:
        step_aside()
        step_aside()  # again changes nothing
        raise ValueError("a bug")

    for _ in range(AT_ONCE + 1):
        await asides.turn(lambda work: tasks.append(asyncio.create_task(work)), fails)
        await asyncio.gather(*tasks, return_exceptions=True)
    free = 0

    async def waits(step_aside: StepAside) -> None:
        step_aside()
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        for _ in range(AT_ONCE):
            await asides.turn(lambda work: tasks.append(asyncio.create_task(work)), waits)
            free += 1
    assert free == AT_ONCE
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
