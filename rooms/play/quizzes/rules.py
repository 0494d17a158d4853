"""A quiz's decisions, pure: no I/O, no clock. Times are the server's, in milliseconds; scores are integers.

An answer is late by when it reached the server, not by when it was sent: that only the client knows, and
clients claim what they like. What the way takes is allowed for by what the server measured itself, the round
trip of its own pings on that connection, and never by more than ``ALLOWANCE_MAX_MS``. So who holds back the
answers to pings gains half a second at most, and who was never measured gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rooms.errors import Refused
from rooms.play.quizzes.store import AnswerRow, PlayerRow, QuestionRow, QuizRow

ALLOWANCE_MAX_MS = 500
SETTLE_MS = 500
"""For answers that were received in time and still wait to be written."""
CLOSES_AFTER_MS = ALLOWANCE_MAX_MS + SETTLE_MS
"""So long after its countdown a question is closed, and what is counted is final."""
IDLE_MS = 600_000
"""A quiz ends by itself when nothing has happened for so long: its host has gone."""
POINTS_MAX = 1000
POINTS_SLOWEST = 500
RUNNING = ("open", "asked", "closed")


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a command reached the server, and the round trip of its connection as the server measured it (0:
    not measured)."""

    received_at_ms: int
    round_trip_ms: int = 0


def allowance_ms(round_trip_ms: int) -> int:
    """What is allowed for the way: the round trip, from 0 to ``ALLOWANCE_MAX_MS``."""
    return max(0, min(round_trip_ms, ALLOWANCE_MAX_MS))


def in_time(arrival: Arrival, ends_at_ms: int) -> bool:
    """Whether an answer counts: received before the end of the countdown plus the allowance."""
    return arrival.received_at_ms < ends_at_ms + allowance_ms(arrival.round_trip_ms)


def taken_ms(arrival: Arrival, asked_at_ms: int, seconds: int) -> int:
    """How long an answer took, less the allowance: from 0 to the whole countdown."""
    taken = arrival.received_at_ms - asked_at_ms - allowance_ms(arrival.round_trip_ms)
    return max(0, min(taken, seconds * 1000))


def points(taken: int, seconds: int) -> int:
    """For a right answer: ``POINTS_MAX`` at once, in a straight line down to ``POINTS_SLOWEST`` at the end of
    the countdown, rounded up."""
    return POINTS_MAX - (POINTS_MAX - POINTS_SLOWEST) * taken // (seconds * 1000)


def refuse_unless_running(quiz: QuizRow) -> None:
    """Raises ``Refused("over")``."""
    if quiz.phase not in RUNNING:
        raise Refused("over", "This quiz is over.", details={"state": quiz.phase})


def next_number(quiz: QuizRow) -> int:
    """The number of the question to ask next. Raises ``Refused``: ``over``, ``question_open``."""
    refuse_unless_running(quiz)
    if quiz.phase == "asked":
        raise Refused("question_open", details={"question": quiz.number})
    if quiz.number == quiz.total:
        raise Refused("over", "There are no more questions.", details={"state": quiz.phase})
    return quiz.number + 1


def judge(
    quiz: QuizRow,
    question: QuestionRow | None,
    option: int,
    known: AnswerRow | None,
    user_id: str,
    at: Arrival,
) -> AnswerRow:
    """Somebody's answer to a question, with what it is worth; ``known`` is the one that they gave before.

    Raises ``Refused``: ``over`` (the quiz, the question, or its countdown), ``wrong_question`` (it hasn't
    been asked), ``unknown_option``, ``already_answered``.
    """
    refuse_unless_running(quiz)
    if question is None or question.asked_at_ms is None or question.ends_at_ms is None:
        raise Refused("wrong_question", details={"question": quiz.number})
    if question.number != quiz.number or quiz.phase != "asked":
        raise Refused("over", "This question is closed.", details={"question": quiz.number})
    if known is not None:
        raise Refused("already_answered", details={"option": known.choice})
    if option >= len(question.options):
        raise Refused("unknown_option", details={"options": len(question.options)})
    if not in_time(at, question.ends_at_ms):
        late_ms = at.received_at_ms - question.ends_at_ms
        details = {"late_ms": late_ms, "allowed_ms": allowance_ms(at.round_trip_ms)}
        raise Refused("over", "Too late: the countdown was over.", details=details)
    taken = taken_ms(at, question.asked_at_ms, question.seconds)
    worth = points(taken, question.seconds) if option == question.solution else 0
    return AnswerRow(quiz.id, user_id, question.number, option, at.received_at_ms, taken, worth)


def scored(player: PlayerRow, answer: AnswerRow, *, right: bool) -> PlayerRow:
    """With one answer more. Only right ones take time: so places depend on how fast somebody knew."""
    player = replace(player, answered=player.answered + 1)
    if not right:
        return player
    return replace(
        player,
        rights=player.rights + 1,
        points=player.points + answer.points,
        taken_ms=player.taken_ms + answer.taken_ms,
    )


def counted(question: QuestionRow, option: int) -> QuestionRow:
    """With one answer more for an option."""
    counts = [count + (n == option) for n, count in enumerate(question.counts)]
    return replace(question, counts=counts)


def rank_key(player: PlayerRow) -> tuple[int, int, str]:
    """Places: by points, ties by the time that right answers took, then by user."""
    return -player.points, player.taken_ms, player.user_id


def leaders(players: Sequence[PlayerRow], limit: int) -> list[PlayerRow]:
    """The first places among those who have points."""
    return sorted((player for player in players if player.points), key=rank_key)[:limit]


def shares(pot: int, winners: int) -> tuple[int, int]:
    """What each of ``winners`` (at most ``pot``) gets of the coins that all share, and what is left over."""
    return divmod(pot, winners) if winners else (0, pot)
