"""Whatever people do with quizzes and polls at the same time: every answer and vote counts once, every score
can be worked out again, and no coin is lost."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.play.quizzes.rules import Arrival
from rooms.ports import Caller
from tests.contract.house import HOST, House
from tests.contract.lottery_house import coins_of, escrowed, give_coins
from tests.contract.quiz_house import QUESTIONS, check_tallies, ended, quiz_of, settled, started
from tests.contract.test_polls import check_counts, opened

PLAYERS = [Caller(f"u-p{n}", f"P{n}") for n in range(4)]
POT = 100
PRIZES: list[dict[str, Any]] = [
    {"prizes": []},
    {"prizes": [{"kind": "coins", "amount": 30, "count": 2}, {"kind": "coins", "amount": 20, "count": 2}]},
    {"prizes": [{"kind": "coins", "amount": POT, "count": 1}], "prizes_for": "shared"},
]

players = st.sampled_from(PLAYERS)
acts = st.one_of(
    st.tuples(st.just("answer"), players, st.integers(1, 3), st.integers(0, 2), st.integers(-1_500, 600)),
    st.tuples(st.just("answer"), players, st.integers(1, 3), st.integers(0, 2), st.integers(-1_500, 600)),
    st.tuples(st.just("again"), players),
    st.tuples(st.just("vote"), players, st.lists(st.integers(-1, 3), min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["ask", "ask", "timers", "timers", "close"])),
    st.tuples(st.sampled_from(["ask", "timers", "end", "close_poll"])),
)
groups = st.tuples(
    st.sampled_from([0, 1, 500, 1_000, 4_999, 20_000]), st.lists(acts, min_size=3, max_size=12)
)


class Play:
    """A quiz and a poll in a room, and what was sent with which key."""

    def __init__(self, house: House, quiz: str, poll: str) -> None:
        self.house, self.quiz, self.poll = house, quiz, poll
        self.sent: dict[Caller, tuple[dict[str, Any], dict[str, Any]]] = {}
        self.keys = 0

    async def act(self, act: tuple[Any, ...]) -> None:
        name, *args = act
        if name == "timers":
            await self.house.run_timers()
        elif name == "close_poll":
            await self.house.do("poll.close", HOST, poll=self.poll)
        elif name == "vote":
            await self.house.do("poll.vote", args[0], poll=self.poll, options=args[1])
        elif name == "again":
            await self.again(args[0])
        elif name == "answer":
            await self.answer(*args)
        else:
            await self.house.do(f"quiz.{name}", HOST, quiz=self.quiz)

    async def answer(self, who: Caller, question: int, option: int, lag_ms: int) -> None:
        self.keys += 1
        sent = {
            "quiz": self.quiz,
            "question": question,
            "option": option,
            "key": f"{self.quiz[-12:]}-{self.keys}",
        }
        at = Arrival(self.house.now_ms + min(lag_ms, 0), max(lag_ms, 0))
        self.sent[who] = sent, await self.house.do_at(at, "quiz.answer", who, **sent)

    async def again(self, who: Caller) -> None:
        if known := self.sent.get(who):
            sent, told = known
            if told["ok"] or not told["error"]["temporary"]:
                assert await self.house.do("quiz.answer", who, **sent) == told


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    terms=st.sampled_from(PRIZES),
    auto_s=st.sampled_from([None, 3]),
    poll_terms=st.fixed_dictionaries({"multiple": st.integers(1, 3), "changeable": st.booleans()}),
    steps=st.lists(groups, min_size=2, max_size=6),
)
async def test_whatever_people_do(
    house: House,
    terms: dict[str, Any],
    auto_s: int | None,
    poll_terms: dict[str, Any],
    steps: list[tuple[int, list[tuple[Any, ...]]]],
) -> None:
    await _play(house, terms | {"auto_s": auto_s}, poll_terms, steps)


async def _play(
    house: House,
    terms: dict[str, Any],
    poll_terms: dict[str, Any],
    steps: list[tuple[int, list[tuple[Any, ...]]]],
) -> None:
    house.now_ms += 1
    await give_coins(house, HOST, POT)
    before = sum(await coins_of(house, HOST, *PLAYERS))
    quiz = await started(house, questions=QUESTIONS, **terms)
    play = Play(house, quiz, await opened(house, **poll_terms))
    held = POT if terms["prizes"] else 0
    await house.do("quiz.ask", HOST, quiz=quiz)
    for later_ms, group in steps:
        house.now_ms += later_ms
        await asyncio.gather(*map(play.act, group))
        await check_tallies(house, quiz)
        await check_counts(house, play.poll)
        assert sum(await coins_of(house, HOST, *PLAYERS)) + await escrowed(house, quiz) == before
        row = await quiz_of(house, quiz)
        if row.phase in ("open", "asked", "closed"):
            assert await escrowed(house, quiz) == held
    await ended(house, HOST)
    await settled(house)
    assert (await quiz_of(house, quiz)).phase == "ended"
    assert await escrowed(house, quiz) == 0
    while (await house.do("poll.close", HOST, poll=play.poll))["ok"]:
        pass
