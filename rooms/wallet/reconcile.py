"""Proving the ledger: whatever it says must follow from its entries, and whatever was paid must be in it.

Each check is a generator over one snapshot of the database. It streams, so that memory doesn't grow with the
ledger, and gives what is wrong; nothing at all from a ledger that is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, Select, and_, case, exists, func, or_, select
from sqlalchemy.engine import Row

from rooms.shop.store import orders_table, payments_table
from rooms.wallet.crediting import TOPUP, TOPUP_BACK
from rooms.wallet.payouts import payouts_table
from rooms.wallet.purse import COINS, ORDER, ORDER_BACK
from rooms.wallet.rules import KINDS, OVERDRAWN
from rooms.wallet.store import accounts_table, entries_table, movements_table

AT_ONCE = 2_000

_accounts, _entries, _movements = accounts_table.c, entries_table.c, movements_table.c
_POINTS = tuple(sorted(name for name, kind in KINDS.items() if kind.unit == "points"))


class Finding(NamedTuple):
    """What isn't as it must be: of an account (``kind:owner``), a movement, or what coins moved for."""

    ref: str
    what: str
    expected: Any
    found: Any


Check = Callable[[Connection], Iterable[Finding]]


def stream(conn: Connection, query: Executable) -> Iterator[Row[Any]]:
    """The rows of a query, a bounded number in memory at a time, on both databases."""
    return iter(conn.execute(query, execution_options={"yield_per": AT_ONCE}))


def check_accounts(conn: Connection) -> Iterator[Finding]:
    """Every balance is the sum of its account's entries, which are numbered 1, 2, 3, … and have the balance
    after each; and only some kinds of account are ever below zero."""
    query = (
        select(entries_table, _accounts.balance.label("stands"), _accounts.seq.label("last"))
        .outerjoin(accounts_table, and_(_accounts.kind == _entries.kind, _accounts.owner == _entries.owner))
        .order_by(_entries.kind, _entries.owner, _entries.seq)
    )
    for (kind, owner), rows in groupby(stream(conn, query), key=lambda row: (row.kind, row.owner)):
        yield from _check_account(kind, f"{kind}:{owner}", rows)
    has_entries = exists().where(_entries.kind == _accounts.kind, _entries.owner == _accounts.owner)
    empty = select(accounts_table).where(~has_entries, or_(_accounts.balance != 0, _accounts.seq != 0))
    for row in stream(conn, empty):
        yield Finding(f"{row.kind}:{row.owner}", "a balance without entries", 0, row.balance)


def _check_account(kind: str, ref: str, rows: Iterable[Row[Any]]) -> Iterator[Finding]:
    seq = balance = 0
    stands = last = None
    for row in rows:
        stands, last = row.stands, row.last
        seq, balance = seq + 1, balance + row.amount
        if row.seq != seq:
            yield Finding(ref, "the number of an entry", seq, row.seq)
            seq = row.seq
        if row.balance != balance:
            yield Finding(ref, f"the balance after entry {row.seq}", balance, row.balance)
        if balance < 0 and kind not in OVERDRAWN:
            yield Finding(ref, f"the balance after entry {row.seq} is below zero", 0, balance)
    if kind not in KINDS:
        yield Finding(ref, "the kind of account", "one that there is", kind)
    if stands != balance:
        yield Finding(ref, "the balance", balance, stands)
    if last != seq:
        yield Finding(ref, "the number of entries", seq, last)


def check_movements(conn: Connection) -> Iterator[Finding]:
    """Every movement's entries sum to zero, coins and points apart, and belong to a movement that there is;
    a correction says why it was made."""
    points = func.sum(case((_entries.kind.in_(_POINTS), _entries.amount), else_=0))
    coins = func.sum(case((_entries.kind.in_(_POINTS), 0), else_=_entries.amount))
    sums = (
        select(_entries.movement_id, coins.label("coins"), points.label("points"))
        .group_by(_entries.movement_id)
        .having(or_(coins != 0, points != 0))
    )
    for row in stream(conn, sums):
        for unit, found in (("coins", int(row.coins)), ("points", int(row.points))):
            if found:
                yield Finding(row.movement_id, f"the sum of a movement's {unit}", 0, found)
    known = exists().where(_movements.id == _entries.movement_id)
    for row in stream(conn, select(_entries.movement_id).distinct().where(~known)):
        yield Finding(row.movement_id, "the movement of entries", "one", None)
    has_entries = exists().where(_entries.movement_id == _movements.id)
    for row in stream(conn, select(_movements.id).where(~has_entries)):
        yield Finding(row.id, "the entries of a movement", "some", None)
    silent = select(_movements.id).where(_movements.kind == "correction", _movements.reason.is_(None))
    for row in stream(conn, silent):
        yield Finding(row.id, "the reason of a correction", "one", None)


def check_totals(conn: Connection) -> Iterator[Finding]:
    """All coins together are zero, and all points: none was ever made or lost."""
    totals: dict[str, int] = {"coins": 0, "points": 0}
    for row in conn.execute(select(_accounts.kind, func.sum(_accounts.balance)).group_by(_accounts.kind)):
        totals[KINDS[row[0]].unit if row[0] in KINDS else "coins"] += int(row[1])
    for unit, total in totals.items():
        if total:
            yield Finding(unit, f"the sum of all {unit}", 0, total)


def moved_into(kind: str, ref: Any, account: str) -> Any:
    """A column: what the movement of a kind for ``ref``, a column too, put into accounts of one kind. None:
    there is no such movement."""
    movement, entry = movements_table.alias(), entries_table.alias()
    here = and_(entry.c.movement_id == movement.c.id, entry.c.kind == account)
    return (
        select(func.coalesce(func.sum(entry.c.amount), 0))
        .select_from(movement.outerjoin(entry, here))
        .where(movement.c.kind == kind, movement.c.ref == ref)
        .group_by(movement.c.id)
        .scalar_subquery()
    )


def check_moved(
    conn: Connection, rows: Select[Any], kind: str, expected: Callable[[Row[Any]], int | None]
) -> Iterator[Finding]:
    """Whether things moved what they should: each of ``rows`` has ``ref``, the thing's id, and ``moved``, a
    column of :func:`moved_into`. ``expected`` says what a thing should have moved; None: nothing at all."""
    for row in stream(conn, rows):
        wanted, found = expected(row), None if row.moved is None else int(row.moved)
        if wanted != found:
            yield Finding(row.ref, f"the movement {kind}", wanted, found)


def check_known(conn: Connection, kinds: Sequence[str], refs: Any) -> Iterator[Finding]:
    """Whether coins moved for something that there isn't: ``refs`` is the column of all ids that are."""
    query = select(_movements.kind, _movements.ref).where(
        _movements.kind.in_(kinds), ~exists().where(refs == _movements.ref)
    )
    for row in stream(conn, query):
        yield Finding(row.ref, f"what the movement {row.kind} was for", "is there", None)


def check_topups(conn: Connection) -> Iterator[Finding]:
    """Every top-up that was paid gave its coins, once; those that were refunded took them back; no other
    did."""
    orders = orders_table.c

    def rows(kind: str, account: str) -> Select[Any]:
        moved = moved_into(kind, orders.id, account).label("moved")
        return select(orders.id.label("ref"), orders.status, orders.coins, moved).where(
            orders.coins.is_not(None)
        )

    yield from check_moved(
        conn,
        rows(TOPUP, "wallet"),
        TOPUP,
        lambda row: row.coins if row.status in ("paid", "refunded") else None,
    )
    yield from check_moved(
        conn,
        rows(TOPUP_BACK, "issued"),
        TOPUP_BACK,
        lambda row: row.coins if row.status == "refunded" else None,
    )
    yield from check_known(conn, (TOPUP, TOPUP_BACK), orders.id)


def check_orders(conn: Connection) -> Iterator[Finding]:
    """Every order that was paid with coins took some, once, and as many went back if it was refunded; an
    attempt that failed took none."""
    payments = payments_table.c
    taken = moved_into(ORDER, payments.id, "wallet").label("taken")

    def rows(kind: str) -> Select[Any]:
        moved = moved_into(kind, payments.id, "wallet").label("moved")
        return select(payments.id.label("ref"), payments.status, payments.amount_minor, taken, moved).where(
            payments.provider == COINS
        )

    for row in stream(conn, rows(ORDER)):
        paid = row.status not in ("started", "failed") and row.amount_minor > 0
        if paid != (row.moved is not None and row.moved < 0):
            yield Finding(row.ref, f"the movement {ORDER}", "some" if paid else None, _number(row.moved))
    yield from check_moved(
        conn,
        rows(ORDER_BACK),
        ORDER_BACK,
        lambda row: -int(row.taken) if row.status == "refunded" and row.taken is not None else None,
    )
    yield from check_known(conn, (ORDER, ORDER_BACK), payments.id)


def check_payouts(conn: Connection) -> Iterator[Finding]:
    """Every payout took its coins aside, and then either out or back."""
    payouts = payouts_table.c
    for kind, account, statuses in (
        ("payout", "payout", ("requested", "done", "returned")),
        ("payout_done", "paid_out", ("done",)),
        ("payout_back", "payout", ("returned",)),
    ):
        moved = moved_into(kind, payouts.id, account).label("moved")
        rows = select(payouts.id.label("ref"), payouts.status, payouts.coins, moved)
        sign = -1 if kind == "payout_back" else 1
        yield from check_moved(
            conn,
            rows,
            kind,
            lambda row, sign=sign, statuses=statuses: (  # type: ignore[misc]
                sign * row.coins if row.status in statuses else None
            ),
        )
        yield from check_known(conn, (kind,), payouts.id)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


CHECKS: tuple[Check, ...] = (
    check_accounts,
    check_movements,
    check_totals,
    check_topups,
    check_orders,
    check_payouts,
)
