"""What becomes of a quiz's prizes: awarded by places, some at a time, or given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rooms.errors import Refused
from rooms.heads import ROOMS, USERS
from rooms.play import prizes
from rooms.play.prizes import Prize
from rooms.play.quizzes import rules
from rooms.play.quizzes.store import QUIZZES, PlayerRow, QuizRow, count_best, read_best
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from rooms.wallet.news import tell_wallet

AT_ONCE = 100
"""So many winners in one transaction, that nobody waits long behind it."""


def award_some(tx: Unit, quiz: QuizRow, timer_kind: str) -> Steps[None]:
    """Give the next places their prizes; after the last one, what nobody won goes back.

    The quiz is locked and over, so places don't change any more, and what is read has been committed.
    """
    rights = quiz.number if quiz.prizes_for == "shared" else 0
    places = sum(prize.count for prize in quiz.held)
    if quiz.winners is None:
        most = quiz.held[0].amount if quiz.prizes_for == "shared" else places
        quiz = replace(quiz, winners=min(count_best(tx.conn, quiz.id, rights=rights), most))
    winners = quiz.winners or 0
    limit = min(AT_ONCE, winners - quiz.awarded)
    players = read_best(tx.conn, quiz.id, rights=rights, offset=quiz.awarded, limit=limit)
    yield from prizes.load(tx, quiz.holder, quiz.held, [player.user_id for player in players])
    yield USERS.rows(quiz.payer_id, *(player.user_id for player in players))
    yield ROOMS.rows(quiz.room_id)
    now = tx.get(QUIZZES, quiz.id)
    if now is None or (now.phase, now.awarded) != ("awarding", quiz.awarded):
        return  # another timer in this group has done it
    for place, player in enumerate(players, quiz.awarded + 1):
        _award(tx, quiz, place, player)
    quiz = replace(quiz, awarded=quiz.awarded + len(players))
    if quiz.awarded < winners:
        tx.wake(timer_kind, quiz.id, quiz.room_id, tx.now_ms)
    else:
        _return_rest(tx, quiz)
        quiz = replace(quiz, phase="ended")
    tx.put(QUIZZES, quiz)


def call_off(tx: Unit, quiz: QuizRow) -> None:
    """The room has ended: everything that was put aside goes back."""
    for index, prize in enumerate(quiz.held):
        _give_back(tx, quiz, prize, prize.count, f"off:{index}")
    tx.put(QUIZZES, replace(quiz, phase="cancelled", ended_at_ms=tx.now_ms))
    ended = {"id": quiz.id, "reason": "room", "leaders": quiz.leaders or []}
    tx.append(quiz.room_id, "quiz.ended", ended)


def prize_of_place(quiz: QuizRow, place: int) -> Prize:
    """What one who has a place (from 1) gets, ``count`` being 1."""
    if quiz.prizes_for == "shared":
        share, _ = rules.shares(quiz.held[0].amount, quiz.winners or 0)
        return replace(quiz.held[0], amount=share)
    return replace(quiz.held[_indexes(quiz.held)[place - 1]], count=1)


def _indexes(held: Sequence[Prize]) -> list[int]:
    return list(prizes.units(held))


def _award(tx: Unit, quiz: QuizRow, place: int, player: PlayerRow) -> None:
    prize = prize_of_place(quiz, place)
    winner, ref = Caller(player.user_id, player.user_name), f"{quiz.id}:{place}"
    try:
        given = prizes.award(tx, quiz.holder, prize, winner, ref=ref)
    except Refused as refusal:  # of a coupon that they have won too often already
        _give_back(tx, quiz, prize, 1, f"{place}:{refusal.code}")
        return
    if given.movement:
        tell_wallet(tx, player.user_id, given.movement, prize.amount)
    won: dict[str, Any] = {"quiz": quiz.id, "title": quiz.title, "place": place, "points": player.points}
    tx.tell(player.user_id, "quiz", won | {"prize": prize.wire(), "given": given.wire}, room_id=quiz.room_id)


def _return_rest(tx: Unit, quiz: QuizRow) -> None:
    """What there were no winners for, or couldn't be shared evenly."""
    if quiz.prizes_for == "shared":
        _, rest = rules.shares(quiz.held[0].amount, quiz.winners or 0)
        if rest:
            _give_back(tx, quiz, replace(quiz.held[0], amount=rest), 1, "rest:0")
        return
    left = Counter(_indexes(quiz.held)[quiz.winners or 0 :])
    for index, count in sorted(left.items()):
        _give_back(tx, quiz, quiz.held[index], count, f"rest:{index}")


def _give_back(tx: Unit, quiz: QuizRow, prize: Prize, count: int, why: str) -> None:
    movement = prizes.give_back(tx, quiz.holder, prize, count, ref=f"{quiz.id}:{why}")
    if movement:
        tell_wallet(tx, quiz.payer_id, movement, prize.amount * count)
