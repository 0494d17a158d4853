"""The numbers of what is being played in a room, as its signals say them: for a node that opens the room."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select

from rooms.play.lotteries.store import RUNNING, lotteries_table
from rooms.play.packets.store import packets_table
from rooms.play.polls.store import PollRow, polls_table
from rooms.play.quizzes.store import QuestionRow, quiz_questions_table, quizzes_table


def read_counts(conn: Connection, room_id: str) -> dict[str, dict[str, int]]:
    """By play, the oldest first; four statements, each by an index. Equal to what the last
    ``Unit.count`` of each play said."""
    counts: dict[str, dict[str, int]] = {}
    lottery, packet = lotteries_table.c, packets_table.c
    entered = select(lottery.id, lottery.entrants).where(
        lottery.room_id == room_id, lottery.phase.in_(RUNNING)
    )
    counts |= {row.id: {"entrants": row.entrants} for row in conn.execute(entered)}
    opened = select(packet.id, packet["count"], packet.opened).where(
        packet.room_id == room_id, packet.ended.is_(None)
    )
    counts |= {play_id: {"left": count - gone} for play_id, count, gone in conn.execute(opened)}
    counts |= {quiz_id: question.signal() for quiz_id, question in _open_questions(conn, room_id)}
    polls = select(polls_table).where(polls_table.c.room_id == room_id, polls_table.c.phase == "open")
    counts |= {poll.id: poll.signal() for poll in (PollRow(*row) for row in conn.execute(polls))}
    return dict(sorted(counts.items()))


def _open_questions(conn: Connection, room_id: str) -> list[tuple[str, QuestionRow]]:
    quiz, question = quizzes_table.c, quiz_questions_table.c
    here = and_(question.quiz_id == quiz.id, question.number == quiz.number)
    query = (
        select(quiz_questions_table)
        .join(quizzes_table, here)
        .where(quiz.room_id == room_id, quiz.phase == "asked")
    )
    return [(row.quiz_id, QuestionRow(*row)) for row in conn.execute(query)]
