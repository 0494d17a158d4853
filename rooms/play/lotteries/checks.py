"""Proving lotteries: the coins that lie aside are those still to be won, and every claim has its movement."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, String, and_, cast, func, literal, select

from rooms.play.lotteries.rules import prize_index
from rooms.play.lotteries.store import LotteryRow, lotteries_table, lottery_winners_table
from rooms.play.prizes import Prize
from rooms.wallet.reconcile import Check, Finding, moved_into, stream
from rooms.wallet.store import accounts_table

_l, _w, _accounts = lotteries_table.c, lottery_winners_table.c, accounts_table.c
_REF = _w.lottery_id + literal(":") + cast(_w.place, String)
"""What a claim's movement is for."""


def check_lottery_pots(conn: Connection) -> Iterator[Finding]:
    """In escrow of a lottery are all its coins until it is drawn, then those that somebody may still claim,
    and nothing once it is over."""
    account = and_(_accounts.kind == "escrow", _accounts.owner == _l.id)
    query = select(lotteries_table, func.coalesce(_accounts.balance, 0)).select_from(
        lotteries_table.outerjoin(accounts_table, account)
    )
    for row in map(tuple, stream(conn, query)):
        lottery, balance = LotteryRow(*row[:-1]), int(row[-1])
        due = _to_be_won(conn, lottery)
        if balance != due:
            yield Finding(f"escrow:{lottery.id}", f"coins of a lottery that is {lottery.phase}", due, balance)


def check_lottery_claims(conn: Connection) -> Iterator[Finding]:
    """Whoever has claimed coins got them, and who has not got none."""
    moved = moved_into("prize", _REF, "wallet").label("moved")
    query = select(lotteries_table, _w.place, _w.prize, _w.status, moved).join(
        lottery_winners_table, _w.lottery_id == _l.id
    )
    for row in map(tuple, stream(conn, query)):
        lottery, (place, prize, status, found) = LotteryRow(*row[:-4]), row[-4:]
        won = None if prize is None else _single(lottery, prize)
        due = won.amount if won and won.kind == "coins" and status == "claimed" else None
        got = None if found is None else int(found)
        if got != due:
            yield Finding(f"{lottery.id}:{place}", f"coins of a place that is {status}", due, got)


def _to_be_won(conn: Connection, lottery: LotteryRow) -> int:
    """Coins that are promised, by the lottery's own rows."""
    if lottery.phase in ("ended", "cancelled"):
        return 0
    if lottery.phase != "drawn":
        return sum(prize.amount * prize.count for prize in lottery.held if prize.kind == "coins")
    waiting = select(_w.prize).where(_w.lottery_id == lottery.id, _w.status == "waiting")
    won = [_single(lottery, prize) for prize in conn.scalars(waiting)]
    return sum(prize.amount for prize in won if prize.kind == "coins")


def _single(lottery: LotteryRow, prize: int) -> Prize:
    """What the single prize of a number is one of."""
    return lottery.held[prize_index(lottery.prizes, prize)]


CHECKS: tuple[Check, ...] = (check_lottery_pots, check_lottery_claims)
