"""Proving red packets: their shares are what was sent, every open has its movement, and nothing is left over.

The databases compare, and give only what differs; so memory doesn't grow with what is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, case, func, literal, or_, select

from rooms.play.packets.store import packet_opens_table, packet_shares_table, packets_table
from rooms.wallet.reconcile import Check, Finding, check_known, check_moved, moved_into, stream
from rooms.wallet.store import accounts_table

_p, _o = packets_table.c, packet_opens_table.c
_accounts = accounts_table.c
_REF = _o.packet_id + literal(":") + _o.user_id
"""What an open's movement is for."""


def check_packet_shares(conn: Connection) -> Iterator[Finding]:
    """Every packet has as many shares as it says, of a coin at least, and they sum to its coins; those that
    were opened were the first of them, in their order."""
    query = (
        select(_p.id, _p.coins, _p.count, packet_shares_table.c.shares)
        .outerjoin(packet_shares_table, packet_shares_table.c.packet_id == _p.id)
        .order_by(_p.id)
    )
    for packet_id, coins, count, shares in map(tuple, stream(conn, query)):
        if shares is None:
            yield Finding(packet_id, "the packet's shares", "some", None)
            continue
        if (len(shares), sum(shares)) != (count, coins):
            yield Finding(
                packet_id, "the number and the sum of its shares", [count, coins], [len(shares), sum(shares)]
            )
        if min(shares) < 1:
            yield Finding(packet_id, "the smallest share", "1 or more", min(shares))
        opens = select(_o.place, _o.coins).where(_o.packet_id == packet_id).order_by(_o.place)
        for number, (place, got) in enumerate(conn.execute(opens), 1):
            share = shares[place - 1] if 0 < place <= len(shares) else None
            if (place, got) != (number, share):
                yield Finding(packet_id, f"open {number}: place and coins", [number, share], [place, got])


def check_packet_totals(conn: Connection) -> Iterator[Finding]:
    """Every packet counts its opens and its coins right; in escrow is what is left, and nothing once it has
    ended."""
    opened = func.count(_o.user_id)
    gone = func.coalesce(func.sum(_o.coins), 0)
    in_escrow = func.coalesce(
        select(_accounts.balance)
        .where(_accounts.kind == "escrow", _accounts.owner == _p.id)
        .scalar_subquery(),
        0,
    )
    over = and_(_p.ended.is_not(None), _p.left_coins != 0)
    still_open = and_(_p.ended.is_(None), _p.left_coins != _p.coins - gone)
    query = (
        select(_p.id, _p.opened, _p.left_coins, _p.coins, _p.ended, opened, gone, in_escrow)
        .outerjoin(packet_opens_table, _o.packet_id == _p.id)
        .group_by(_p.id)
        .having(or_(_p.opened != opened, in_escrow != _p.left_coins, over, still_open))
    )
    for packet_id, said, left, coins, ended, really, paid, held in map(tuple, stream(conn, query)):
        due = 0 if ended else coins - int(paid)
        expected, found = [int(really), due, due], [said, left, int(held)]
        yield Finding(packet_id, "opened, coins left, coins in escrow", expected, found)


def check_packet_movements(conn: Connection) -> Iterator[Finding]:
    """Every packet took its coins from its sender, every open gave its share, and what nobody opened went
    back; and no other packet moved coins."""
    sent = select(_p.id.label("ref"), _p.coins, moved_into("packet", _p.id, "escrow").label("moved"))
    yield from check_moved(conn, sent, "packet", lambda row: int(row.coins))
    got = moved_into("packet_open", _REF, "wallet").label("moved")
    opens = select(_REF.label("ref"), _o.coins, got)
    yield from check_moved(conn, opens, "packet_open", lambda row: int(row.coins))
    opened = select(func.coalesce(func.sum(_o.coins), 0)).where(_o.packet_id == _p.id).scalar_subquery()
    back = moved_into("packet_back", _p.id, "wallet").label("moved")
    due = case((_p.ended == "expired", _p.coins - opened), else_=None).label("due")
    ended = select(_p.id.label("ref"), due, back)
    yield from check_moved(conn, ended, "packet_back", lambda row: None if row.due is None else int(row.due))
    yield from check_known(conn, ("packet", "packet_back"), _p.id)
    yield from check_known(conn, ("packet_open",), _REF)


CHECKS: tuple[Check, ...] = (check_packet_shares, check_packet_totals, check_packet_movements)
