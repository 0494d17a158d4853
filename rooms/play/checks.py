"""Proving what lies aside: coins in escrow belong to something in which they can still be won."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, exists, select

from rooms.play.lotteries import store as lotteries
from rooms.play.packets.store import packets_table
from rooms.play.quizzes import rules as quizzes
from rooms.play.quizzes.store import quizzes_table
from rooms.wallet.reconcile import Check, Finding, stream
from rooms.wallet.store import accounts_table


def check_escrow(conn: Connection) -> Iterator[Finding]:
    """Whose coins they are is found by what promises them; this begins at the accounts, so that none is
    forgotten whose lottery, quiz or packet is over, or was never there."""
    account = accounts_table.c
    lottery, quiz, packet = lotteries.lotteries_table.c, quizzes_table.c, packets_table.c
    runs = (
        exists().where(lottery.id == account.owner, lottery.phase.in_((*lotteries.RUNNING, "drawn"))),
        exists().where(quiz.id == account.owner, quiz.phase.in_((*quizzes.RUNNING, "awarding"))),
        exists().where(packet.id == account.owner, packet.ended.is_(None)),
    )
    query = select(account.owner, account.balance).where(account.kind == "escrow", account.balance != 0)
    for row in stream(conn, query.where(*(~each for each in runs))):
        owner, balance = tuple(row)
        yield Finding(f"escrow:{owner}", "coins that nobody can win any more", 0, balance)


CHECKS: tuple[Check, ...] = (check_escrow,)
