"""What tests of quizzes need beside a house: quizzes, answers on their way, and the clock turned."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select

from rooms.play.quizzes.rules import CLOSES_AFTER_MS, RUNNING, Arrival
from rooms.play.quizzes.store import (
    AnswerRow,
    PlayerRow,
    QuestionRow,
    QuizRow,
    quiz_answers_table,
    quiz_players_table,
    quiz_questions_table,
    quizzes_table,
)
from rooms.ports import Caller
from tests.contract.house import HOST, House

QUESTIONS: list[dict[str, Any]] = [
    {"text": "Which tea is green?", "options": ["Oolong", "Longjing"], "right": 1, "seconds": 10},
    {"text": "How hot?", "options": ["60", "80", "100"], "right": 1, "seconds": 20},
    {"text": "How long?", "options": ["1 min", "3 min"], "right": 0, "seconds": 5},
]


async def started(house: House, **terms: Any) -> str:
    """A quiz's id."""
    plain: dict[str, Any] = {"title": "Tea quiz", "questions": QUESTIONS}
    quiz: str = (await house.ok("quiz.start", HOST, **(plain | terms)))["quiz"]["id"]
    return quiz


async def asked(house: House, **terms: Any) -> str:
    """A quiz whose first question is open."""
    quiz = await started(house, **terms)
    await house.ok("quiz.ask", HOST, quiz=quiz)
    return quiz


async def answer(
    house: House,
    quiz: str,
    caller: Caller,
    question: int,
    option: int,
    *,
    after_ms: int = 0,
    **more: Any,
) -> dict[str, Any]:
    at = Arrival(house.now_ms + after_ms)
    return await house.do_at(at, "quiz.answer", caller, quiz=quiz, question=question, option=option, **more)


async def answers(house: House, quiz: str, question: int, chosen: dict[Caller, int]) -> None:
    """All in the same moment, in the order given a millisecond apart."""
    told = await asyncio.gather(
        *(
            answer(house, quiz, who, question, option, after_ms=n)
            for n, (who, option) in enumerate(chosen.items())
        )
    )
    assert all(each["ok"] for each in told), told


async def closed(house: House, quiz: str) -> None:
    """Turn the clock until the open question is closed."""
    row = await quiz_of(house, quiz)
    question = (await questions_of(house, quiz))[row.number - 1]
    house.now_ms = (question.ends_at_ms or 0) + CLOSES_AFTER_MS
    await house.run_timers()


async def ended(house: House, runner: Caller) -> None:
    """End what runs in the room, whatever it is at."""
    quizzes = select(quizzes_table.c.id, quizzes_table.c.phase).where(quizzes_table.c.room_id == house.room)
    for row in await house.rows(quizzes):
        if row["phase"] == "asked":
            await house.ok("quiz.close", runner, quiz=row["id"])
            await closed(house, row["id"])
        if row["phase"] in RUNNING:
            await house.ok("quiz.end", runner, quiz=row["id"])


async def settled(house: House) -> None:
    """Do what is due until nothing is."""
    while await house.run_timers():
        pass


async def quiz_of(house: House, quiz: str) -> QuizRow:
    query = select(quizzes_table).where(quizzes_table.c.id == quiz)
    return await house.store.read(lambda conn: QuizRow(*conn.execute(query).one()))


async def questions_of(house: House, quiz: str) -> list[QuestionRow]:
    questions = quiz_questions_table.c
    query = select(quiz_questions_table).where(questions.quiz_id == quiz).order_by(questions.number)
    return await house.store.read(lambda conn: [QuestionRow(*r) for r in conn.execute(query)])


async def answers_of(house: House, quiz: str) -> list[AnswerRow]:
    query = select(quiz_answers_table).where(quiz_answers_table.c.quiz_id == quiz)
    return await house.store.read(lambda conn: [AnswerRow(*r) for r in conn.execute(query)])


async def players_of(house: House, quiz: str) -> dict[str, PlayerRow]:
    query = select(quiz_players_table).where(quiz_players_table.c.quiz_id == quiz)
    return await house.store.read(lambda conn: {r.user_id: PlayerRow(*r) for r in conn.execute(query)})


async def check_tallies(house: House, quiz: str) -> None:
    """What is counted is what was answered, and every score follows from the answers."""
    given, questions = await answers_of(house, quiz), await questions_of(house, quiz)
    for question in questions:
        chosen = [each.choice for each in given if each.number == question.number]
        assert question.counts == [chosen.count(n) for n in range(len(question.options))]
    players = await players_of(house, quiz)
    assert set(players) == {each.user_id for each in given}
    assert (await quiz_of(house, quiz)).players == len(players)
    for user_id, player in players.items():
        mine = [each for each in given if each.user_id == user_id]
        right = [each for each in mine if each.choice == questions[each.number - 1].solution]
        assert player.answered == len(mine)
        assert player.rights == len(right)
        assert player.points == sum(each.points for each in right) == sum(each.points for each in mine)
        assert player.taken_ms == sum(each.taken_ms for each in right)
