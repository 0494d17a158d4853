"""Proving points: what people's days say they earned is what the ledger gave them, and so is what was
redeemed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Row

from rooms.points.offers import offers_table, redeemed_table
from rooms.points.store import days_table, earned_table
from rooms.wallet.reconcile import Finding, stream
from rooms.wallet.store import entries_table, movements_table


def check_points_earned(conn: Connection) -> Iterator[Finding]:
    """Everybody's sum is what their days come to, and what movements of the kind ``points`` gave them, less
    ``points_back``."""
    days = select(days_table.c.user_id, func.sum(days_table.c.total).label("sum"))
    days = days.group_by(days_table.c.user_id).having(func.sum(days_table.c.total) > 0)
    earned = select(earned_table.c.user_id, earned_table.c.earned.label("sum")).where(
        earned_table.c.earned > 0
    )
    entries, movements = entries_table.c, movements_table.c
    moved = (
        select(entries.owner.label("user_id"), func.sum(entries.amount).label("sum"))
        .join(movements_table, movements.id == entries.movement_id)
        .where(entries.kind == "points", movements.kind.in_(("points", "points_back")))
        .group_by(entries.owner)
        .having(func.sum(entries.amount) > 0)
    )
    for other, what in ((days, "points of all days"), (moved, "points by the ledger")):
        yield from _same(
            stream(conn, earned.order_by("user_id")), stream(conn, other.order_by("user_id")), what
        )


def check_points_days(conn: Connection) -> Iterator[Finding]:
    """Every day's total is what its tasks earned."""
    for row in stream(conn, select(days_table).order_by(days_table.c.day, days_table.c.user_id)):
        found = sum(row.earned.values())
        if found != row.total:
            yield Finding(f"{row.day}:{row.user_id}", "points of a day", row.total, found)


def check_redeemed(conn: Connection) -> Iterator[Finding]:
    """Of every offer as many were taken as people have had, and each of those was paid for once."""
    columns, movements = redeemed_table.c, movements_table.c
    had = select(columns.offer_id, func.sum(columns.count)).group_by(columns.offer_id)
    counts = {offer_id: int(count) for offer_id, count in conn.execute(had)}
    refs = select(movements.ref).where(movements.kind == "redeem").order_by(movements.ref)
    for offer in conn.execute(select(offers_table)):
        if offer.taken != counts.pop(offer.id, 0):
            yield Finding(offer.id, "how many of an offer were had", offer.taken, counts.get(offer.id, 0))
    for offer_id, count in counts.items():
        yield Finding(offer_id, "the offer that people have had", "is there", count)
    paid: dict[str, int] = {}
    for offer_id, rows in groupby(r.ref.partition(":")[0] for r in stream(conn, refs)):
        paid[offer_id] = paid.get(offer_id, 0) + len(list(rows))
    for offer in conn.execute(select(offers_table.c.id, offers_table.c.taken)):
        if offer.taken != paid.pop(offer.id, 0):
            yield Finding(offer.id, "movements for an offer", offer.taken, paid.get(offer.id, 0))


def _same(one: Iterator[Row[Any]], other: Iterator[Row[Any]], what: str) -> Iterator[Finding]:
    """Two lists by user, in the same order, must say the same of everybody."""
    left, right = next(one, None), next(other, None)
    key = attrgetter("user_id")
    while left is not None or right is not None:
        if right is None or (left is not None and key(left) < key(right)):
            yield Finding(f"points:{key(left)}", what, int(left.sum), 0)  # type: ignore[union-attr]
            left = next(one, None)
        elif left is None or key(right) < key(left):
            yield Finding(f"points:{key(right)}", what, 0, int(right.sum))
            right = next(other, None)
        else:
            if int(left.sum) != int(right.sum):
                yield Finding(f"points:{key(left)}", what, int(left.sum), int(right.sum))
            left, right = next(one, None), next(other, None)


CHECKS = (check_points_earned, check_points_days, check_redeemed)
