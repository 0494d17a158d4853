"""The quizzes' tables and rows, and what they look like on the wire.

Questions, answers and players are guarded by their quiz's lock, which is taken before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    bindparam,
    func,
    select,
)

from rooms.play.prizes import Holder, Prize, prize_of
from rooms.rows import Kind, Rank
from rooms.schema import Json, metadata

LEADERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class QuizRow:
    """``phase``: ``open`` (nothing has been asked), ``asked`` (a question can be answered), ``closed`` (it
    can't any more), ``awarding`` (it is over, prizes are on their way), ``ended``, ``cancelled``.

    ``payer_id`` opened it and pays for coins. ``number`` is the question that was asked last, from 1 to
    ``total``. ``next_at_ms`` is when it goes on by itself: the question closes, the next one is asked, it
    ends. ``winners`` is how many get a prize, once that is known; ``awarded`` how many places have been seen
    to; ``leaders`` the first places as they were when the last question closed.
    """

    id: str
    room_id: str
    payer_id: str
    title: str
    phase: str
    total: int
    number: int
    auto_s: int | None
    next_at_ms: int
    prizes: list[dict[str, Any]]
    prizes_for: str
    opened_at_ms: int
    players: int = 0
    winners: int | None = None
    awarded: int = 0
    leaders: list[dict[str, Any]] | None = None
    ended_at_ms: int | None = None

    @property
    def holder(self) -> Holder:
        return Holder(self.id, self.room_id, self.payer_id, self.title)

    @property
    def held(self) -> list[Prize]:
        return [prize_of(wire) for wire in self.prizes]

    def wire(self, question: QuestionRow | None) -> dict[str, Any]:
        """As everybody may see it; ``question`` is the one that was asked last."""
        return {
            "id": self.id,
            "title": self.title,
            "state": "ended" if self.phase == "awarding" else self.phase,
            "total": self.total,
            "auto_s": self.auto_s,
            "prizes": self.prizes,
            "prizes_for": self.prizes_for,
            "opened_at_ms": self.opened_at_ms,
            "question": question.wire() if question else None,
            "players": self.players,
            "leaders": self.leaders or [],
        }


quizzes_table = Table(
    "quizzes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("payer_id", String(128), nullable=False),
    Column("title", Text, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("total", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("auto_s", Integer),
    Column("next_at_ms", BigInteger, nullable=False),
    Column("prizes", Json, nullable=False),
    Column("prizes_for", String(16), nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("players", BigInteger, nullable=False),
    Column("winners", Integer),
    Column("awarded", Integer, nullable=False),
    Column("leaders", Json),
    Column("ended_at_ms", BigInteger),
    Index("ix_quizzes_room", "room_id", "phase", "id"),
)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """``solution`` is the right option; ``counts`` how many chose each. It goes out when it is closed."""

    quiz_id: str
    number: int
    text: str
    options: list[str]
    solution: int
    seconds: int
    counts: list[int]
    asked_at_ms: int | None = None
    ends_at_ms: int | None = None
    closed_at_ms: int | None = None

    def wire(self) -> dict[str, Any]:
        """As everybody may see it, once it has been asked."""
        closed = self.closed_at_ms is not None
        return {
            "number": self.number,
            "text": self.text,
            "options": self.options,
            "seconds": self.seconds,
            "asked_at_ms": self.asked_at_ms,
            "ends_at_ms": self.ends_at_ms,
            "right": self.solution if closed else None,
            "counts": self.counts if closed else None,
        }

    def staff_wire(self) -> dict[str, Any]:
        """As whoever runs the quiz may see it, asked or not."""
        return self.wire() | {"right": self.solution, "counts": self.counts}

    def signal(self) -> dict[str, int]:
        """What the room's signals say of it: how many chose each option, by the option's number."""
        return {"question": self.number} | {str(n): count for n, count in enumerate(self.counts)}


quiz_questions_table = Table(
    "quiz_questions",
    metadata,
    Column("quiz_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("options", Json, nullable=False),
    Column("solution", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("counts", Json, nullable=False),
    Column("asked_at_ms", BigInteger),
    Column("ends_at_ms", BigInteger),
    Column("closed_at_ms", BigInteger),
)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """Somebody's answer to a question. ``points`` are 0 for a wrong one, and secret until it is closed."""

    quiz_id: str
    user_id: str
    number: int
    choice: int
    received_at_ms: int
    taken_ms: int
    points: int


quiz_answers_table = Table(
    "quiz_answers",
    metadata,
    Column("quiz_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("choice", Integer, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("taken_ms", Integer, nullable=False),
    Column("points", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PlayerRow:
    """What somebody's answers come to, those to the open question included."""

    quiz_id: str
    user_id: str
    user_name: str
    answered: int = 0
    rights: int = 0
    points: int = 0
    taken_ms: int = 0

    def wire(self) -> dict[str, Any]:
        """A place as the room sees it."""
        return {
            "user": {"id": self.user_id, "name": self.user_name},
            "points": self.points,
            "rights": self.rights,
            "taken_ms": self.taken_ms,
        }


quiz_players_table = Table(
    "quiz_players",
    metadata,
    Column("quiz_id", String(36), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("rights", Integer, nullable=False),
    Column("points", Integer, nullable=False),
    Column("taken_ms", BigInteger, nullable=False),
)

QUIZZES: Kind[QuizRow] = Kind(quizzes_table, QuizRow, Rank.PLAYS)
QUESTIONS: Kind[QuestionRow] = Kind(quiz_questions_table, QuestionRow, Rank.PLAY_ENTRIES, locked=False)
ANSWERS: Kind[AnswerRow] = Kind(quiz_answers_table, AnswerRow, Rank.PLAY_ENTRIES, locked=False)
PLAYERS: Kind[PlayerRow] = Kind(quiz_players_table, PlayerRow, Rank.PLAY_ENTRIES, locked=False)

_p = quiz_players_table.c
_BEST_FIRST = (_p.points.desc(), _p.taken_ms, _p.user_id)


def read_quiz(conn: Connection, quiz_id: str) -> QuizRow | None:
    row = conn.execute(select(quizzes_table).where(quizzes_table.c.id == quiz_id)).one_or_none()
    return QuizRow(*row) if row else None


def read_quizzes(
    conn: Connection, room_id: str, *, before: str | None = None, limit: int = 50
) -> list[QuizRow]:
    """A room's quizzes, newest first; ``before`` is the last id of the page before."""
    query = select(quizzes_table).where(quizzes_table.c.room_id == room_id)
    if before is not None:
        query = query.where(quizzes_table.c.id < before)
    return [QuizRow(*r) for r in conn.execute(query.order_by(quizzes_table.c.id.desc()).limit(limit))]


def read_running(conn: Connection, room_id: str, phases: Sequence[str]) -> list[str]:
    """The ids of a room's quizzes in these phases."""
    quizzes = quizzes_table.c
    return list(conn.scalars(select(quizzes.id).where(quizzes.room_id == room_id, quizzes.phase.in_(phases))))


def read_questions(conn: Connection, quiz_id: str) -> list[QuestionRow]:
    questions = quiz_questions_table.c
    query = select(quiz_questions_table).where(questions.quiz_id == quiz_id).order_by(questions.number)
    return [QuestionRow(*r) for r in conn.execute(query)]


def _ranked(*columns: Any) -> Select[Any]:
    return select(*columns).where(_p.quiz_id == bindparam("quiz_id"), _p.points > 0)


_WINNING = (
    _ranked(quiz_players_table)
    .where(_p.rights >= bindparam("rights"))
    .order_by(*_BEST_FIRST)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_WINNERS = _ranked(func.count()).where(_p.rights >= bindparam("rights"))
_PLACES = _ranked(_p.user_id, func.row_number().over(order_by=_BEST_FIRST).label("place")).subquery()
_PLACES_OF = select(_PLACES).where(_PLACES.c.user_id.in_(bindparam("users", expanding=True)))


def read_best(
    conn: Connection, quiz_id: str, *, rights: int = 0, offset: int = 0, limit: int = LEADERS_SHOWN
) -> list[PlayerRow]:
    """Players with points in the order of their places, of those with at least so many right answers."""
    bounds = {"quiz_id": quiz_id, "rights": rights, "offset": offset, "limit": limit}
    return [PlayerRow(*r) for r in conn.execute(_WINNING, bounds)]


def count_best(conn: Connection, quiz_id: str, *, rights: int = 0) -> int:
    """How many :func:`read_best` would give."""
    return conn.scalar(_WINNERS, {"quiz_id": quiz_id, "rights": rights}) or 0


def read_places(conn: Connection, quiz_id: str, user_ids: Sequence[str]) -> dict[str, int]:
    """The places of those of them who have points, from 1."""
    found = conn.execute(_PLACES_OF, {"quiz_id": quiz_id, "users": list(user_ids)})
    return {record.user_id: record.place for record in found}


def read_players(conn: Connection, quiz_id: str, user_ids: Sequence[str]) -> dict[str, PlayerRow]:
    query = select(quiz_players_table).where(_p.quiz_id == quiz_id, _p.user_id.in_(user_ids))
    return {r.user_id: PlayerRow(*r) for r in conn.execute(query)}


def read_answers(conn: Connection, quiz_id: str, user_ids: Sequence[str]) -> dict[str, list[AnswerRow]]:
    """Their answers, by user, in the order of the questions."""
    answers = quiz_answers_table.c
    query = (
        select(quiz_answers_table)
        .where(answers.quiz_id == quiz_id, answers.user_id.in_(user_ids))
        .order_by(answers.number)
    )
    found: dict[str, list[AnswerRow]] = {}
    for record in conn.execute(query):
        found.setdefault(record.user_id, []).append(AnswerRow(*record))
    return found
