"""``kill -9`` while red packets are opened: each share is somebody's once, and no coin is lost or made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from rooms.play.packets.store import packet_opens_table, packets_table
from rooms.wallet.store import accounts_table
from server.reconcile import find
from tests.faults.load import CONNECTION_LOST
from tests.server.world import Person, World, fresh, key, running_world
from tests.support.coins import endow, put_on_air

COINS = 10**6
PEOPLE = 8
TERMS = {"coins": 50, "count": PEOPLE, "seconds": 10}
# Nobody sends a picture: a node would end the stream of a room that it doesn't know to be on the air.
ENV = {"DANMART_MEDIA__GRACE_S": "3600", "DANMART_LIMITS__COMMANDS_PER_USER": "100000"}


class Party:
    """One sends packet after packet, all open each, until the node is gone."""

    def __init__(self, room: str, sender: str, people: Sequence[str]) -> None:
        self.room = room
        self.sender = sender
        self.people = people
        self.sent: dict[str, tuple[str, str, dict[str, Any]]] = {}
        self.answers: dict[str, dict[str, Any]] = {}

    async def ask(self, person: Person, name: str, **payload: Any) -> dict[str, Any]:
        payload |= {"room": self.room, "key": key()}
        self.sent[payload["key"]] = (str(person.user), name, payload)
        answer = self.answers[payload["key"]] = await person.send(name, payload)
        assert answer["ok"], answer
        return answer

    async def play(self, sender: Person, openers: Sequence[Person]) -> None:
        while True:
            packet = (await self.ask(sender, "packet.send", **TERMS))["packet"]["id"]
            await asyncio.gather(*(self.ask(opener, "packet.open", packet=packet) for opener in openers))

    async def kill_in_the_middle(self, world: World, after: int) -> None:
        sender, *openers = [await world.join(user) for user in (self.sender, *self.people)]
        for person in (sender, *openers):
            await person.enter(self.room)
        playing = asyncio.create_task(self.play(sender, openers))
        async with asyncio.timeout(30):
            while len(self.answers) < after:
                assert not playing.done(), playing.exception()
                await asyncio.sleep(0.002)
        world.node.kill9()
        playing.cancel()
        (end,) = await asyncio.gather(playing, return_exceptions=True)
        assert isinstance(end, (asyncio.CancelledError, *CONNECTION_LOST)), end

    async def ask_again(self, world: World) -> None:
        """What was not answered, and some of what was: that gets the same answer again."""
        joined = {user: await world.join(user) for user in (self.sender, *self.people)}
        for each in [k for k in self.sent if k not in self.answers] + list(self.answers)[-20:]:
            user, name, payload = self.sent[each]
            answer = await joined[user].send(name, payload)
            assert answer["ok"] or answer["error"]["code"] == "over", answer
            assert self.answers.setdefault(each, answer) == answer


async def until_all_over(url: str) -> None:
    """Until the timers have given back what nobody opened."""
    engine = create_engine(url)
    still = select(func.count()).select_from(packets_table).where(packets_table.c.ended.is_(None))

    def count() -> int:
        with engine.connect() as conn:
            return conn.scalar(still) or 0

    async with asyncio.timeout(20):
        while await asyncio.to_thread(count):  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.1)
    engine.dispose()


def prove(url: str, party: Party) -> None:
    """The books agree, and everybody has what they were told, no more and no less."""
    assert list(find(url)) == []
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            opens = {(r.packet_id, r.user_id): r.coins for r in conn.execute(select(packet_opens_table))}
            accounts = select(accounts_table.c.kind, accounts_table.c.owner, accounts_table.c.balance)
            balances = {(r.kind, r.owner): r.balance for r in conn.execute(accounts)}
    finally:
        engine.dispose()
    told = {}
    for each, answer in party.answers.items():
        user, name, payload = party.sent[each]
        if name == "packet.open" and answer["ok"]:
            told[payload["packet"], user] = answer["share"]["coins"]
    assert opens == told
    for user in party.people:
        assert balances.get(("wallet", user), 0) == sum(c for (_, who), c in opens.items() if who == user)
    assert balances["wallet", party.sender] == COINS - sum(opens.values())
    assert {balance for (kind, _), balance in balances.items() if kind == "escrow"} == {0}


@pytest.mark.soak
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(5))
async def test_every_share_is_somebodys_once(tmp_path: Path, seed: int) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'danmart.db'}"
    sender, people = fresh("sender"), [fresh("opener") for _ in range(PEOPLE)]
    async with running_world(tmp_path, **ENV) as world:
        room, _ = await world.room()
        await asyncio.to_thread(endow, url, [sender], COINS)
        await asyncio.to_thread(put_on_air, url, room)
        party = Party(room, sender, people)
        await party.kill_in_the_middle(world, 60 + seed * 37)
    async with running_world(tmp_path, **ENV) as world:
        await party.ask_again(world)
        await until_all_over(url)
        await asyncio.to_thread(prove, url, party)
