"""Proving gifts: each has its movement, each combo is its gifts, each board is what was given.

The databases compare, and give only what differs; so memory doesn't grow with what is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from rooms.gifts.fans import fans_table
from rooms.gifts.store import combos_table, given_table, totals_table
from rooms.wallet.reconcile import Check, Finding
from rooms.wallet.store import entries_table, movements_table

_given, _movements, _entries = given_table.c, movements_table.c, entries_table.c
AT_ONCE = 500


def _moved(kind: str, owner: ColumnElement[str]) -> ColumnElement[int]:
    """What a gift's movement did to one account."""
    mine = and_(_entries.kind == kind, _entries.owner == owner)
    return func.coalesce(func.sum(case((mine, _entries.amount), else_=0)), 0)


def _with_entries(kind: str, *more: ColumnElement[Any]) -> Select[Any]:
    """Every gift, with the entries of its movement of that kind, if there is one."""
    moved = and_(_movements.kind == kind, _movements.ref == _given.id)
    source = given_table.outerjoin(movements_table, moved).outerjoin(
        entries_table, _entries.movement_id == _movements.id
    )
    return select(_given.id, *more).select_from(source).group_by(_given.id)


def every_gift_has_its_movement(conn: Connection) -> Iterator[Finding]:
    """The giver's, the host's and the platform's entries are what the gift says."""
    gave, got = _moved("wallet", _given.giver_id), _moved("earnings", _given.host_id)
    shared = _moved("platform", _given.host_id)
    query = _with_entries("gift", _given.coins, _given.platform_coins, gave, got, shared).having(
        or_(
            gave != -_given.coins,
            got != _given.coins - _given.platform_coins,
            shared != _given.platform_coins,
        )
    )
    for gift, coins, platform, *found in _stream(conn, query):
        expected = [-coins, coins - platform, platform]
        yield Finding(f"gift:{gift}", "wallet, earnings, platform", expected, [int(n) for n in found])


def every_refund_has_its_movement(conn: Connection) -> Iterator[Finding]:
    """A gift that was given back gave its giver all coins back, and no other did."""
    back = _moved("wallet", _given.giver_id)
    expected = case((_given.refunded_at_ms.is_(None), 0), else_=_given.coins)
    query = _with_entries("gift_back", expected, back).having(back != expected)
    for gift, wanted, found in _stream(conn, query):
        yield Finding(f"gift:{gift}", "given back", int(wanted), int(found))


def every_movement_has_its_gift(conn: Connection) -> Iterator[Finding]:
    source = movements_table.outerjoin(given_table, _given.id == _movements.ref)
    query = select(_movements.id, _movements.ref).select_from(source)
    query = query.where(_movements.kind.in_(("gift", "gift_back")), _given.id.is_(None))
    for movement, ref in _stream(conn, query):
        yield Finding(f"movement:{movement}", "the gift that it was for", ref, None)


def every_combo_is_its_gifts(conn: Connection) -> Iterator[Finding]:
    """Its gifts are numbered without holes; and one that may go on says what they are together."""
    n = func.count()
    numbered = select(_given.combo_id, n, func.min(_given.combo_n), func.max(_given.combo_n))
    holes = or_(func.min(_given.combo_n) != 1, func.max(_given.combo_n) != n)
    for combo, count, first, last in _stream(conn, numbered.group_by(_given.combo_id).having(holes)):
        yield Finding(f"combo:{combo}", "its first and last place", [1, count], [first, last])
    now = combos_table.c
    count, coins = (func.coalesce(func.sum(column), 0) for column in (_given["count"], _given.coins))
    gifts = func.count(_given.id)
    query = select(now.id, now.n, now["count"], now.coins, gifts, count, coins).select_from(
        combos_table.outerjoin(given_table, _given.combo_id == now.id)
    )
    query = query.group_by(now.id, now.n, now["count"], now.coins).having(
        or_(now.n != gifts, now["count"] != count, now.coins != coins)
    )
    for combo, *found in _stream(conn, query):
        plain = [int(number) for number in found]
        yield Finding(f"combo:{combo}", "gifts, pieces, coins", plain[3:], plain[:3])


def every_board_is_what_was_given(conn: Connection) -> Iterator[Finding]:
    """Totals of streams, weeks and all time, each against the gifts that count for it."""
    stream = literal("stream:") + _given.room_id + literal(":") + cast(_given.stream, _TEXT)
    week = literal("week:") + cast(_given.week, _TEXT)
    kept = [
        _kept(totals_table, totals_table.c.scope),
        _kept(fans_table, literal("all", _TEXT)),
        *(_counted(scope) for scope in (stream, week, literal("all", _TEXT))),
    ]
    both = union_all(*kept).subquery()
    said, found = func.sum(both.c.said), func.sum(both.c.coins)
    query = select(both.c.host_id, both.c.scope, both.c.user_id, found, said)
    query = query.group_by(both.c.host_id, both.c.scope, both.c.user_id).having(said != found)
    for host, scope, user, expected, total in _stream(conn, query):
        yield Finding(f"board:{host}:{scope}:{user}", "coins given", int(expected), int(total))


_TEXT = totals_table.c.scope.type


def _kept(table: Table, scope: ColumnElement[str]) -> Select[Any]:
    c = table.c
    return select(
        c.host_id, scope.label("scope"), c.user_id, c.coins.label("said"), literal(0).label("coins")
    )


def _counted(scope: ColumnElement[str]) -> Select[Any]:
    return select(
        _given.host_id,
        scope.label("scope"),
        _given.giver_id.label("user_id"),
        literal(0).label("said"),
        _given.coins.label("coins"),
    ).where(_given.refunded_at_ms.is_(None))


def _stream(conn: Connection, query: Select[Any]) -> Iterator[Any]:
    yield from conn.execute(query, execution_options={"yield_per": AT_ONCE})


CHECKS: tuple[Check, ...] = (
    every_gift_has_its_movement,
    every_refund_has_its_movement,
    every_movement_has_its_gift,
    every_combo_is_its_gifts,
    every_board_is_what_was_given,
)
