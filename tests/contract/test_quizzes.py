"""Quizzes from the first question to the prizes, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import event, select, update

from rooms.play.quizzes.checks import CHECKS
from rooms.play.quizzes.commands import AnswerQuestion
from rooms.play.quizzes.rules import CLOSES_AFTER_MS, IDLE_MS, Arrival
from rooms.play.quizzes.store import QUIZZES, quiz_players_table, quizzes_table
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.deliveries import ADDRESS_MS
from rooms.shop.store import orders_table
from rooms.steps import run_steps
from rooms.unit import Unit
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, VIEWER, House, house_at, open_house
from tests.contract.lottery_house import COINS, CROWD, coins_of, escrowed, give_coins
from tests.contract.quiz_house import (
    QUESTIONS,
    answer,
    answers,
    answers_of,
    asked,
    check_tallies,
    closed,
    quiz_of,
    settled,
    started,
)


def kinds(house: House) -> list[str]:
    return [e.kind for e in house.events if e.kind.startswith("quiz.")]


def last(house: House, kind: str) -> dict[str, Any]:
    data: dict[str, Any] = [e.data for e in house.events if e.kind == kind][-1]
    return data


async def test_a_quiz_from_its_first_question_to_its_end(house: House) -> None:
    quiz = await asked(house)
    shown = last(house, "quiz.asked")["quiz"]
    assert (shown["state"], shown["question"]["number"], shown["total"]) == ("asked", 1, 3)
    assert shown["question"]["ends_at_ms"] == house.now_ms + 10_000
    house.now_ms += 2_000
    await answers(house, quiz, 1, {VIEWER: 1, OTHER: 0, MODERATOR: 1})
    assert house.counts[quiz] == {"question": 1, "0": 1, "1": 2}
    await closed(house, quiz)
    shown = last(house, "quiz.closed")["quiz"]
    assert shown["question"]["right"] == 1
    assert shown["question"]["counts"] == [1, 2]
    assert [(each["user"]["id"], each["points"]) for each in shown["leaders"]] == [
        (VIEWER.id, 900),
        (MODERATOR.id, 900),
    ]
    await house.ok("quiz.ask", HOST, quiz=quiz)
    await answers(house, quiz, 2, {OTHER: 1, VIEWER: 0})
    await closed(house, quiz)
    await check_tallies(house, quiz)
    mine = await house.ok("quiz.check", VIEWER, quiz=quiz)
    assert mine["answers"] == [
        {"question": 1, "option": 1, "right": True, "points": 900},
        {"question": 2, "option": 0, "right": False, "points": 0},
    ]
    assert (mine["points"], mine["place"], mine["players"]) == (900, 2, 3)
    assert (await house.ok("quiz.check", OTHER, quiz=quiz))["place"] == 1
    assert (await house.ok("quiz.check", CROWD[0], quiz=quiz))["answers"] == []
    await house.ok("quiz.end", HOST, quiz=quiz)
    assert kinds(house) == ["quiz.opened", *["quiz.asked", "quiz.closed"] * 2, "quiz.ended"]
    assert last(house, "quiz.ended")["reason"] == "host"
    assert (await quiz_of(house, quiz)).phase == "ended"
    assert await house.code("quiz.ask", HOST, quiz=quiz) == "over"
    assert await house.code("quiz.end", HOST, quiz=quiz) == "over"


async def test_the_right_option_is_nowhere_before_its_question_is_closed(house: House) -> None:
    """Nobody can tell it from anything that was sent: the same quiz with another solution sends the same."""

    async def sent(right: int) -> list[bytes]:
        before = len(house.events), len(house.private)
        questions = [QUESTIONS[0] | {"right": right}, QUESTIONS[1]]
        quiz = await asked(house, questions=questions)
        told = [await answer(house, quiz, VIEWER, 1, 1), await answer(house, quiz, OTHER, 1, 0)]
        told += [await house.ok("quiz.check", who, quiz=quiz) for who in (VIEWER, OTHER)]
        news = [(e.kind, e.body) for e in house.events[before[0] :]]
        news += [(e.kind, e.body) for e in house.private[before[1] :]]
        told += [{"kind": kind, "data": orjson.loads(body)["data"]} for kind, body in news]
        await house.ok("quiz.close", HOST, quiz=quiz)
        await closed(house, quiz)
        await house.ok("quiz.end", HOST, quiz=quiz)
        return [orjson.dumps(each).replace(quiz.encode(), b"QUIZ") for each in told]

    first = await sent(0)
    house.now_ms = 1_800_000_000_000
    again = await sent(1)
    assert first == again
    assert last(house, "quiz.closed")["quiz"]["question"]["right"] == 1


async def test_what_cant_be_answered_changes_nothing(house: House) -> None:
    quiz = await started(house)
    say = {"quiz": quiz, "question": 1, "option": 0}
    assert await house.code("quiz.answer", VIEWER, **say) == "wrong_question"
    await house.ok("quiz.ask", HOST, quiz=quiz)
    assert await house.code("quiz.answer", VIEWER, **say | {"question": 2}) == "wrong_question"
    assert await house.code("quiz.answer", VIEWER, **say | {"question": 9}) == "wrong_question"
    assert await house.code("quiz.answer", VIEWER, **say | {"option": 2}) == "unknown_option"
    assert await house.code("quiz.answer", VIEWER, **say | {"quiz": "nope"}) == "not_found"
    assert await house.code("quiz.answer", HOST, **say) == "forbidden"
    assert await house.code("quiz.answer", OPERATOR, **say) == "forbidden"
    assert await answers_of(house, quiz) == []
    await house.ok("quiz.answer", VIEWER, **say)
    refused = await house.error("quiz.answer", VIEWER, **say | {"option": 1})
    assert (refused["code"], refused["details"]) == ("already_answered", {"option": 0})
    assert await house.code("quiz.ask", HOST, quiz=quiz) == "question_open"
    assert await house.code("quiz.end", HOST, quiz=quiz) == "question_open"
    assert await house.code("quiz.start", HOST, title="T", questions=QUESTIONS) == "too_many"
    await closed(house, quiz)
    assert await house.code("quiz.answer", OTHER, **say) == "over"
    assert await house.code("quiz.close", HOST, quiz=quiz) == "over"
    await check_tallies(house, quiz)
    assert len(await answers_of(house, quiz)) == 1


async def test_a_repeat_answers_as_before_and_counts_once(house: House) -> None:
    quiz = await asked(house)
    first = await answer(house, quiz, VIEWER, 1, 1, key="again-again")
    again, *_ = await asyncio.gather(
        *(answer(house, quiz, VIEWER, 1, 1, key="again-again", after_ms=9_000) for _ in range(3))
    )
    assert again == first
    assert (await answer(house, quiz, VIEWER, 1, 0, key="again-again"))["error"]["code"] == "key_conflict"
    await check_tallies(house, quiz)
    assert len(await answers_of(house, quiz)) == 1


async def test_an_answer_counts_by_when_it_was_received(house: House) -> None:
    """Not by when it is written: the writer may be behind, and the question waits for it."""
    quiz = await asked(house)
    ends_ms = house.now_ms + 10_000
    house.now_ms = ends_ms + CLOSES_AFTER_MS - 1
    await house.run_timers()
    say = {"quiz": quiz, "question": 1, "option": 1}
    in_time = await house.do_at(Arrival(ends_ms - 1), "quiz.answer", VIEWER, **say)
    assert in_time["ok"]
    far_away = await house.do_at(Arrival(ends_ms + 200, 250), "quiz.answer", OTHER, **say)
    assert far_away["ok"]
    late = await house.do_at(Arrival(ends_ms + 200, 200), "quiz.answer", MODERATOR, **say)
    assert late["error"]["code"] == "over"
    assert late["error"]["details"] == {"late_ms": 200, "allowed_ms": 200}
    assert await house.code("quiz.answer", MODERATOR, **say) == "over"
    await closed(house, quiz)
    assert last(house, "quiz.closed")["quiz"]["question"]["counts"] == [0, 2]
    await check_tallies(house, quiz)


async def test_a_countdown_can_be_cut_short(house: House) -> None:
    quiz = await asked(house)
    house.now_ms += 3_000
    await house.ok("quiz.close", HOST, quiz=quiz)
    assert last(house, "quiz.asked")["quiz"]["question"]["ends_at_ms"] == house.now_ms
    say = {"quiz": quiz, "question": 1, "option": 1}
    assert (await house.do_at(Arrival(house.now_ms - 1), "quiz.answer", VIEWER, **say))["ok"]
    assert await house.code("quiz.answer", OTHER, **say) == "over"
    await house.ok("quiz.close", HOST, quiz=quiz)  # once more changes nothing
    house.now_ms += CLOSES_AFTER_MS
    await house.run_timers()
    assert kinds(house)[-2:] == ["quiz.asked", "quiz.closed"]
    house.now_ms += 60_000
    assert await house.run_timers() == 1  # the countdown's own timer finds nothing to do
    assert kinds(house)[-1] == "quiz.closed"


async def test_a_quiz_can_run_by_itself(house: House) -> None:
    quiz = await started(house, auto_s=5)
    for number in (1, 2, 3):
        house.now_ms += 5_000
        await settled(house)
        assert (await quiz_of(house, quiz)).number == number
        await answers(house, quiz, number, {VIEWER: 1})
        await closed(house, quiz)
    house.now_ms += 5_000
    await settled(house)
    assert last(house, "quiz.ended")["reason"] == "over"
    assert (await quiz_of(house, quiz)).phase == "ended"
    await check_tallies(house, quiz)


async def test_a_host_who_is_away_leaves_nothing_hanging(house: House) -> None:
    await give_coins(house, HOST, 100)
    quiz = await asked(house, prizes=[COINS])
    await answers(house, quiz, 1, {VIEWER: 1})
    await closed(house, quiz)
    house.now_ms += IDLE_MS - 1
    await settled(house)
    assert (await quiz_of(house, quiz)).phase == "closed"
    house.now_ms += 1
    await settled(house)
    assert last(house, "quiz.ended")["reason"] == "idle"
    assert await coins_of(house, VIEWER, HOST) == [10, 90]


async def test_the_first_places_get_a_prize_each(house: House) -> None:
    await give_coins(house, HOST, 1000)
    _, sku = await house.product(stock=3)
    prizes = [
        {"kind": "product", "ref": sku, "amount": 1, "count": 1},
        {"kind": "coins", "amount": 50, "count": 2},
        {"kind": "coins", "amount": 5, "count": 10},
    ]
    quiz = await asked(house, prizes=prizes)
    assert await coins_of(house, HOST) == [850]
    assert (await house.sku(sku)).held == 1
    await answers(house, quiz, 1, {VIEWER: 1, OTHER: 0, MODERATOR: 1, CROWD[0]: 1, CROWD[1]: 1})
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    await settled(house)
    row = await quiz_of(house, quiz)
    assert (row.phase, row.winners, row.awarded) == ("ended", 4, 4)
    assert await coins_of(house, HOST, VIEWER, OTHER, MODERATOR, *CROWD[:2]) == [895, 0, 0, 50, 50, 5]
    assert await escrowed(house, quiz) == 0
    (won,) = house.told(VIEWER, "quiz")
    assert (won["data"]["place"], won["data"]["prize"]["kind"]) == (1, "product")
    order = house.told(VIEWER, "order")[0]["data"]["order"]
    assert (order["status"], order["total_minor"]) == ("paid", 0)
    assert won["data"]["given"]["order"]["id"] == order["id"]
    assert house.told(OTHER, "quiz") == []
    assert await house.run_timers() == 0


async def test_a_winner_says_where_the_prize_goes_to(house: House) -> None:
    _, sku = await house.product(stock=2)
    quiz = await asked(house, prizes=[{"kind": "product", "ref": sku, "amount": 1, "count": 1}])
    await answers(house, quiz, 1, {VIEWER: 1})
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    await settled(house)
    order = house.told(VIEWER, "quiz")[0]["data"]["given"]["order"]["id"]
    home = {"name": "Lin", "lines": ["Tea Street 8"], "postcode": "1070"}
    assert await house.code("order.address", OTHER, order=order, address=home) == "not_found"
    bought = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    assert await house.code("order.address", VIEWER, order=bought, address=home) == "not_found"
    won = house.now_ms
    # Also when the stream is over; and again, for a slip of the pen.
    await house.ok("room.end", HOST)
    for address in (home | {"lines": ["Tea Street"]}, home):
        answer = await house.ok("order.address", VIEWER, order=order, address=address)
        assert answer["order"]["id"] == order
        assert "address" not in answer["order"], "it is in no event"
        (row,) = await house.rows(select(orders_table).where(orders_table.c.id == order))
        assert (row["status"], row["address"]) == ("paid", address)
    assert len(house.briefed("order_address")) == 2
    assert [b["data"]["order"]["status"] for b in house.briefed("order")] == ["paid", "held"]
    house.now_ms = won + ADDRESS_MS
    assert await house.code("order.address", VIEWER, order=order, address=home) == "over"
    house.now_ms = won
    await house.ok("order.refund", HOST, order=order, reason="none left", restock=True)
    assert await house.code("order.address", VIEWER, order=order, address=home) == "order_not_paid"
    assert (await house.sku(sku)).stock == 1


async def test_coins_can_be_shared_by_all_who_knew_everything(house: House) -> None:
    await give_coins(house, HOST, 1000)
    pot = [{"kind": "coins", "amount": 1000, "count": 1}]
    quiz = await asked(house, prizes=pot, prizes_for="shared", questions=QUESTIONS[:2])
    await answers(house, quiz, 1, {VIEWER: 1, OTHER: 1, MODERATOR: 1, CROWD[0]: 1})
    await closed(house, quiz)
    await house.ok("quiz.ask", HOST, quiz=quiz)
    await answers(house, quiz, 2, {VIEWER: 1, OTHER: 1, MODERATOR: 1, CROWD[0]: 0})
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    await settled(house)
    assert await coins_of(house, HOST, VIEWER, OTHER, MODERATOR, CROWD[0]) == [1, 333, 333, 333, 0]
    assert await escrowed(house, quiz) == 0


async def test_prizes_for_many_are_awarded_some_at_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.play.quizzes.awarding.AT_ONCE", 7)
    await give_coins(house, HOST, 1000)
    quiz = await asked(house, prizes=[{"kind": "coins", "amount": 100, "count": 1}], prizes_for="shared")
    await answers(house, quiz, 1, dict.fromkeys(CROWD[:16], 1))
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    rounds = 0
    while await house.run_timers():
        rounds += 1
        row = await quiz_of(house, quiz)
        assert sum(await coins_of(house, *CROWD[:16])) == row.awarded * 6
    assert (rounds, row.awarded) == (3, 16)
    assert await coins_of(house, HOST) == [904]


async def test_without_winners_the_prizes_go_back(house: House) -> None:
    await give_coins(house, HOST, 100)
    quiz = await asked(house, prizes=[COINS])
    await answers(house, quiz, 1, {VIEWER: 0})
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    await settled(house)
    assert await coins_of(house, HOST, VIEWER) == [100, 0]


async def test_the_end_of_the_room_calls_it_off(house: House) -> None:
    await give_coins(house, HOST, 100)
    await house.picture("publishing")
    quiz = await asked(house, prizes=[COINS])
    await answers(house, quiz, 1, {VIEWER: 1})
    await house.ok("room.end", HOST)
    await settled(house)
    assert (await quiz_of(house, quiz)).phase == "cancelled"
    assert last(house, "quiz.ended")["reason"] == "room"
    assert await coins_of(house, HOST, VIEWER) == [100, 0]
    assert await house.code("quiz.answer", OTHER, quiz=quiz, question=1, option=1) == "over"
    house.now_ms += 120_000
    await settled(house)
    assert kinds(house)[-1] == "quiz.ended"


async def test_what_cant_be_promised_isnt_begun(house: House) -> None:
    short = {"title": "T", "questions": QUESTIONS, "prizes": [COINS]}
    assert await house.code("quiz.start", HOST, **short) == "insufficient_coins"
    assert await house.code("quiz.start", VIEWER, **short) == "forbidden"
    shared = short | {"prizes_for": "shared"}
    assert await house.code("quiz.start", HOST, **shared) == "bad_request"
    wrong = [QUESTIONS[0] | {"right": 2}]
    assert await house.code("quiz.start", HOST, title="T", questions=wrong) == "bad_request"
    blank = [QUESTIONS[0] | {"options": ["a", " "]}]
    assert await house.code("quiz.start", HOST, title="T", questions=blank) == "text_empty"
    assert kinds(house) == []


async def test_a_crowd_in_the_same_moment_is_a_few_statements(house: House) -> None:
    quiz = await asked(house)
    crowd = [Caller(f"u-c{n:03}", f"C{n}") for n in range(200)]

    def play(first: int, last: int) -> int:
        statements = 0

        def count(*_: Any) -> None:
            nonlocal statements
            statements += 1

        engine = house.store.writer._engine
        with engine.connect() as conn:
            event.listen(engine, "before_cursor_execute", count)
            unit = Unit(conn, house.now_ms)
            cmds = [
                (AnswerQuestion(room=ROOM, quiz=quiz, question=1, option=n % 2, key=f"key-{n:06}"), crowd[n])
                for n in range(first, last)
            ]
            runs = run_steps(
                unit,
                [house.services.quizzes.answer(unit, cmd, who, Arrival(house.now_ms)) for cmd, who in cmds],
            )
            unit.flush()
            event.remove(engine, "before_cursor_execute", count)
            conn.rollback()
        assert all(run.error is None for run in runs)
        return statements

    few, many = await asyncio.to_thread(play, 0, 2), await asyncio.to_thread(play, 0, 200)
    assert many == few
    assert many < 20


async def test_two_nodes_count_every_answer_once(shared_url: str) -> None:
    async with house_at(shared_url, node="one") as one, open_house(shared_url, node="two") as two:
        quiz = await asked(one)
        crowd = [Caller(f"u-c{n:03}", f"C{n}") for n in range(300)]
        nodes = [one, two]
        told = await asyncio.gather(
            *(answer(nodes[n % 2], quiz, who, 1, n % 2) for n, who in enumerate(crowd)),
            *(answer(nodes[n % 2 - 1], quiz, who, 1, 0) for n, who in enumerate(crowd)),
        )
        assert sum(each["ok"] for each in told) == 300
        await closed(one, quiz)
        await settled(two)
        counts = last(one, "quiz.closed")["quiz"]["question"]["counts"]
        assert sum(counts) == 300
        await check_tallies(two, quiz)


async def test_a_question_closes_after_a_restart(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        quiz = await asked(house)
        await answers(house, quiz, 1, {VIEWER: 1})
        now_ms = house.now_ms
    async with open_house(migrated_url) as house:
        house.now_ms = now_ms + 10_000 + CLOSES_AFTER_MS
        await house.run_timers()
        assert last(house, "quiz.closed")["quiz"]["question"]["counts"] == [0, 1]
        await house.ok("quiz.ask", HOST, quiz=quiz)


async def test_answers_find_their_rows_by_an_index(tmp_path: Path) -> None:
    from tests.contract.test_plans import Statements  # noqa: PLC0415  beside its own tests

    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        statements = Statements(house.store.writer._engine)
        quiz = await asked(house, auto_s=5)
        await answers(house, quiz, 1, {VIEWER: 1, OTHER: 0})
        await closed(house, quiz)
        poll = (await house.ok("poll.start", HOST, question="Q", options=["a", "b"]))["poll"]["id"]
        await house.ok("poll.vote", VIEWER, poll=poll, options=[1])
        await house.ok("poll.close", HOST, poll=poll)
        assert await statements.scans(house) == []


async def test_the_books_show_what_was_tampered_with(house: House) -> None:
    await give_coins(house, HOST, 100)
    quiz = await asked(house, prizes=[COINS])
    await answers(house, quiz, 1, {VIEWER: 1, OTHER: 0})

    async def found() -> list[str]:
        return await house.store.read(lambda conn: [f.ref for check in CHECKS for f in check(conn)])

    assert await found() == []

    def tamper(tx: Unit) -> Steps[None]:
        yield QUIZZES.rows(quiz)
        players = quiz_players_table.c
        tx.conn.execute(update(quiz_players_table).values(points=1).where(players.user_id == OTHER.id))
        tx.conn.execute(update(quizzes_table).values(phase="cancelled"))

    assert (await house.store.write(Work("tamper", tamper))).ok
    assert await found() == [f"quiz {quiz} of {OTHER.id}", f"escrow:{quiz}"]
