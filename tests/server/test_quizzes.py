"""Quizzes through a whole node: counted in signals, closed by themselves, answers timed as they come."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from rooms.play.quizzes.rules import Arrival
from server.auth import GUEST
from server.config.sections import Limits
from server.gateway import Gateway
from server.limits import CommandLimits
from server.live.connection import Connection
from server.store.group import Answer, accepted
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


async def test_an_answer_comes_with_its_time_and_its_connections_round_trip() -> None:
    arrivals: list[Arrival] = []

    async def run(name: str, *args: Any, **more: Any) -> Answer:
        arrivals.append(args[-1])
        return accepted({})

    none: Any = SimpleNamespace()
    gateway = Gateway(
        tokens=none,
        signins=none,
        store=none,
        commands=cast("Any", SimpleNamespace(run=run)),
        live=none,
        users=none,
        clock_ms=lambda: 5_000,
        registry=CollectorRegistry(),
        recovered_max=1,
        limits=CommandLimits(Limits()),
        connections_per_user=1,
    )
    outlet: Any = SimpleNamespace(is_open=True, round_trip_ms=123)
    gateway._connections["sid"] = Connection("sid", GUEST, outlet, "192.0.2.1")
    assert (await gateway.command("sid", "quiz.answer", ({},), 2)) is not None
    assert arrivals == [Arrival(5_000, 123)]
