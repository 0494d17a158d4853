"""What somebody is told of their own part in a quiz: their answers, points and place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.play.quizzes.store import AnswerRow, QuizRow, read_answers, read_places, read_players, read_quiz


def check(
    conn: Connection, room_id: str, quiz_id: str, user_ids: Sequence[str]
) -> list[dict[str, Any]] | Refused:
    """For each of them ``{answers, points, rights, place, players}``, in their order; four statements,
    however many they are. Of an open question nothing but the chosen option: neither the points nor the
    place tell whether it was right. ``Refused("not_found")`` for no quiz of this room."""
    quiz = read_quiz(conn, quiz_id)
    if quiz is None or quiz.room_id != room_id:
        return Refused("not_found", "There is no such quiz in this room.")
    answers, players = read_answers(conn, quiz.id, user_ids), read_players(conn, quiz.id, user_ids)
    places = {} if quiz.phase == "asked" else read_places(conn, quiz.id, user_ids)
    found = []
    for user_id in user_ids:
        mine, player = answers.get(user_id, []), players.get(user_id)
        known = [answer for answer in mine if not _is_open(quiz, answer)]
        found.append(
            {
                "answers": [_wire(quiz, answer) for answer in mine],
                "points": sum(answer.points for answer in known),
                "rights": sum(answer.points > 0 for answer in known),
                "place": places.get(user_id) if player else None,
                "players": quiz.players,
            }
        )
    return found


def _is_open(quiz: QuizRow, answer: AnswerRow) -> bool:
    return quiz.phase == "asked" and answer.number == quiz.number


def _wire(quiz: QuizRow, answer: AnswerRow) -> dict[str, Any]:
    wire: dict[str, Any] = {"question": answer.number, "option": answer.choice}
    if _is_open(quiz, answer):
        return wire | {"right": None, "points": None}
    return wire | {"right": answer.points > 0, "points": answer.points}
