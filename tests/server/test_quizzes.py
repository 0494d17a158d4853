"""Quizzes through a whole node: counted in signals, closed by themselves, answers timed as they come."""

from __future__ import annotations

import time
from typing import Any

import pytest

from rooms.play.quizzes.rules import Arrival
from server.commands import Commands
from server.socket.client import ClientSocket
from tests.server.world import World

QUESTION = {"text": "Which tea is green?", "options": ["Oolong", "Longjing"], "right": 1, "seconds": 60}


async def test_a_question_closes_by_itself_and_everybody_sees_it(world: World) -> None:
    room, host = await world.room()
    viewers = [await world.viewer(room) for _ in range(3)]
    quiz = (await host.ok("quiz.start", title="Q", questions=[QUESTION]))["quiz"]["id"]
    await host.ok("quiz.ask", quiz=quiz)
    asked = (await viewers[0].event("quiz.asked"))["data"]["quiz"]["question"]
    assert (asked["right"], asked["counts"]) == (None, None)
    for n, viewer in enumerate(viewers):
        await viewer.ok("quiz.answer", quiz=quiz, question=1, option=int(n > 0))
    counts = {"question": 1, "0": 1, "1": 2}
    await viewers[0].until("signals", lambda s: s.get("plays") == {quiz: counts})
    newcomer = await world.join()
    entered = await newcomer.enter(room)
    assert entered["signals"]["plays"] == {quiz: counts}
    assert entered["snapshot"]["plays"][0]["question"]["right"] is None
    await host.ok("quiz.close", quiz=quiz)
    closed = (await newcomer.event("quiz.closed"))["data"]["quiz"]
    assert (closed["question"]["right"], closed["question"]["counts"]) == (1, [1, 2])
    assert len(closed["leaders"]) == 2
    mine = await viewers[1].ok("quiz.check", quiz=quiz)
    assert mine["place"] in (1, 2)
    assert mine["points"] > 900


async def test_an_answer_comes_with_its_time_and_its_connections_round_trip(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals: list[Arrival | None] = []
    run = Commands.run

    async def noted(self: Commands, name: str, *args: Any) -> Any:
        if name == "quiz.answer":
            arrivals.append(args[-1])
        return await run(self, name, *args)

    monkeypatch.setattr(Commands, "run", noted)
    monkeypatch.setattr(ClientSocket, "round_trip_ms", 123)
    room, host = await world.room()
    viewer = await world.viewer(room)
    quiz = (await host.ok("quiz.start", title="Q", questions=[QUESTION]))["quiz"]["id"]
    await host.ok("quiz.ask", quiz=quiz)
    before_ms = time.time_ns() // 1_000_000
    await viewer.ok("quiz.answer", quiz=quiz, question=1, option=1)
    after_ms = time.time_ns() // 1_000_000
    (arrival,) = arrivals
    assert arrival is not None
    assert arrival.round_trip_ms == 123
    assert before_ms <= arrival.received_at_ms <= after_ms
