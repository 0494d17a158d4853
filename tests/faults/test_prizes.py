"""``kill -9`` while lotteries are drawn and quizzes give out their prizes: everybody gets what they
won, once, and no coin is lost or made."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from rooms.play.lotteries.store import lotteries_table
from rooms.play.quizzes.store import quizzes_table
from rooms.wallet.store import accounts_table
from server.reconcile import find
from tests.faults.load import CONNECTION_LOST
from tests.server.world import Person, World, fresh, running_world
from tests.support.coins import endow

COINS = 10**6
PEOPLE = 6
ENV = {"DANMART_LIMITS__COMMANDS_PER_USER": "100000"}
PRIZES = [{"kind": "coins", "amount": 7, "count": 3}, {"kind": "coins", "amount": 5, "count": 2}]
QUESTION = {"text": "Which tea is green?", "options": ["Oolong", "Longjing"], "right": 1, "seconds": 5}
OVER = ("ended", "cancelled")


async def draw_lotteries(host: Person, people: list[Person]) -> None:
    """One after the other, from its opening to the last claim; the prizes that nobody has claimed are drawn
    again."""
    terms: dict[str, Any] = {"title": "Tea", "prizes": PRIZES, "seconds": 60, "claim_s": 10}
    while True:
        lottery = (await host.ok("lottery.create", **terms, unclaimed="redraw"))["lottery"]["id"]
        await asyncio.gather(
            *(p.ok("lottery.enter", lottery=lottery, nonce=secrets.token_hex(16)) for p in people)
        )
        await host.ok("lottery.draw", lottery=lottery)
        claimed = 0
        while claimed < 5:  # of six who take part five win
            answers = await asyncio.gather(*(p.do("lottery.claim", lottery=lottery) for p in people))
            claimed += sum(answer["ok"] for answer in answers)


async def play_quizzes(host: Person, people: list[Person]) -> None:
    """One after the other, each of a question that all know; whose countdown is cut short."""
    while True:
        terms: dict[str, Any] = {"title": "Tea", "questions": [QUESTION], "prizes": PRIZES}
        quiz = (await host.ok("quiz.start", **terms))["quiz"]["id"]
        await host.ok("quiz.ask", quiz=quiz)
        await asyncio.gather(*(p.ok("quiz.answer", quiz=quiz, question=1, option=1) for p in people))
        await host.ok("quiz.close", quiz=quiz)
        while not (await host.do("quiz.end", quiz=quiz))["ok"]:  # noqa: ASYNC110  the node closes it first
            await asyncio.sleep(0.02)


PLAYS = {"lottery": (draw_lotteries, lotteries_table), "quiz": (play_quizzes, quizzes_table)}


async def kill_in_the_middle(
    world: World, url: str, play: str, host: str, people: list[str], room: str
) -> None:
    """When prizes of one have been given out and those of the next are on their way."""
    persons = [await world.join(user) for user in (host, *people)]
    for person in persons:
        await person.enter(room)
    playing = asyncio.create_task(PLAYS[play][0](persons[0], persons[1:]))
    async with asyncio.timeout(40):
        while (await asyncio.to_thread(balance, url, "wallet", people)) < 37:
            assert not playing.done(), playing.exception()
            await asyncio.sleep(0.002)
    world.node.kill9()
    playing.cancel()
    (end,) = await asyncio.gather(playing, return_exceptions=True)
    assert isinstance(end, (asyncio.CancelledError, *CONNECTION_LOST)), end


def balance(url: str, kind: str, owners: list[str] | None = None) -> int:
    """All accounts of a kind together, or those of some owners."""
    account = accounts_table.c
    query = select(func.coalesce(func.sum(account.balance), 0)).where(account.kind == kind)
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            return int(conn.scalar(query if owners is None else query.where(account.owner.in_(owners))) or 0)
    finally:
        engine.dispose()


async def until_all_over(url: str, play: str, host: Person) -> None:
    """Until what was running has been ended by its host, or has by itself."""
    table, command = PLAYS[play][1], {"lottery": "lottery.draw", "quiz": "quiz.end"}[play]
    engine = create_engine(url)

    def running() -> list[str]:
        with engine.connect() as conn:
            return list(conn.scalars(select(table.c.id).where(table.c.phase.not_in(OVER))))

    async with asyncio.timeout(60):
        while ids := await asyncio.to_thread(running):
            for each in ids:
                await host.do(command, **{play: each})
            await asyncio.sleep(0.2)
    engine.dispose()


@pytest.mark.soak
@pytest.mark.timeout(180)
@pytest.mark.parametrize("play", PLAYS)
async def test_every_prize_is_somebodys_once(tmp_path: Path, play: str) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'danmart.db'}"
    people = [fresh("player") for _ in range(PEOPLE)]
    async with running_world(tmp_path, **ENV) as world:
        room, host = await world.room()
        user = str(host.user)
        await asyncio.to_thread(endow, url, [user], COINS)
        await kill_in_the_middle(world, url, play, user, people, room)
    async with running_world(tmp_path, **ENV) as world:
        host = await world.join(user)
        await host.enter(room)
        await until_all_over(url, play, host)
    assert await asyncio.to_thread(lambda: list(find(url))) == []
    assert await asyncio.to_thread(balance, url, "escrow") == 0
    assert await asyncio.to_thread(balance, url, "wallet") == COINS
