"""Proving quizzes: scores are what answers are worth, and coins lie aside for as long as they can be won."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, func, select

from rooms.play.quizzes.rules import RUNNING
from rooms.play.quizzes.store import quiz_answers_table, quiz_players_table, quizzes_table
from rooms.wallet.reconcile import Check, Finding, stream
from rooms.wallet.store import accounts_table

_a, _p, _q = quiz_answers_table.c, quiz_players_table.c, quizzes_table.c


def every_score_is_its_answers(conn: Connection) -> Iterator[Finding]:
    """Each player's points and number of answers. The database compares, and gives only what differs."""
    given, worth = func.count(_a.number), func.coalesce(func.sum(_a.points), 0)
    mine = and_(_a.quiz_id == _p.quiz_id, _a.user_id == _p.user_id)
    query = (
        select(_p.quiz_id, _p.user_id, _p.answered, _p.points, given, worth)
        .select_from(quiz_players_table.outerjoin(quiz_answers_table, mine))
        .group_by(_p.quiz_id, _p.user_id, _p.answered, _p.points)
        .having((given != _p.answered) | (worth != _p.points))
    )
    for row in stream(conn, query):
        quiz_id, user_id, answered, points, count, total = tuple(row)
        ref = f"quiz {quiz_id} of {user_id}"
        yield Finding(ref, "answers and points", [count, int(total)], [answered, points])


def every_pot_is_kept(conn: Connection) -> Iterator[Finding]:
    """What lies in escrow of a quiz: all its coins while it runs, nothing when it is over."""
    account = and_(accounts_table.c.kind == "escrow", accounts_table.c.owner == _q.id)
    query = select(_q.id, _q.phase, _q.prizes, func.coalesce(accounts_table.c.balance, 0)).select_from(
        quizzes_table.outerjoin(accounts_table, account)
    )
    for row in stream(conn, query.where(_q.phase != "awarding")):
        quiz_id, phase, prizes, balance = tuple(row)
        coins = sum(prize["amount"] * prize["count"] for prize in prizes if prize["kind"] == "coins")
        held = coins if phase in RUNNING else 0
        if balance != held:
            yield Finding(f"escrow:{quiz_id}", f"coins of a quiz that is {phase}", held, balance)


CHECKS: tuple[Check, ...] = (every_score_is_its_answers, every_pot_is_kept)
