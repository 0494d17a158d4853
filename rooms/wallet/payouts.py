"""Payouts: a host's earnings become money outside. A request moves the coins aside; an operator, who sees to
the money, marks it done, or returns the coins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Index, String, Table, Text, select

from rooms.errors import Refused
from rooms.heads import USERS
from rooms.ports import Audit, Caller
from rooms.rows import Kind, Rank, Steps, new_id
from rooms.schema import metadata
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.corrections import NO_ROOM, require_operator
from rooms.wallet.rules import Account, Entry

STATUSES = ("requested", "done", "returned")


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """``coins`` in all, ``takings`` of them from orders, the rest from gifts. ``status``: requested, then
    done or returned; ``note`` is the operator's word on that."""

    id: str
    host_id: str
    coins: int
    takings: int
    status: str
    requested_at_ms: int
    settled_at_ms: int | None = None
    settled_by: str | None = None
    note: str | None = None

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "host": self.host_id,
            "coins": self.coins,
            "status": self.status,
            "requested_at_ms": self.requested_at_ms,
            "settled_at_ms": self.settled_at_ms,
            "note": self.note,
        }


payouts_table = Table(
    "payouts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("host_id", String(128), nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("takings", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger),
    Column("settled_by", String(128)),
    Column("note", Text),
    Index("ix_payouts_host", "host_id", "id"),
    Index("ix_payouts_status", "status", "id"),
    CheckConstraint("coins > 0 AND takings >= 0 AND takings <= coins", name="payouts_of_coins"),
)

PAYOUTS: Kind[PayoutRow] = Kind(payouts_table, PayoutRow, Rank.PAYOUTS)


class Payouts:
    """``minimum`` coins, at least, are paid out at once."""

    def __init__(self, audit: Audit, *, minimum: int = 1) -> None:
        self._audit = audit
        self.minimum = minimum

    def request(self, tx: Unit, coins: int, caller: Caller) -> Steps[Any]:
        """Move so many of the caller's earnings aside, then of the takings. Refuses with ``below_minimum``,
        ``insufficient_funds``."""
        host = caller.id or ""
        yield ledger.accounts(*_accounts(host))
        yield USERS.rows(host)
        if coins < self.minimum:
            raise Refused("below_minimum", details={"minimum": self.minimum})
        earnings, takings, waiting, _ = _accounts(host)
        from_earnings = min(coins, ledger.balance(tx, earnings))
        has = ledger.balance(tx, earnings) + ledger.balance(tx, takings)
        if has < coins:
            raise Refused("insufficient_funds", details={"balance": has, "needed": coins})
        payout = PayoutRow(new_id(), host, coins, coins - from_earnings, "requested", tx.now_ms)
        entries = _parts(payout, host, -1)
        ledger.move(tx, "payout", payout.id, (*entries, Entry(waiting, coins)), actor_id=host)
        tx.put(PAYOUTS, payout)
        return _told(tx, payout)

    def done(self, tx: Unit, payout_id: str, note: str | None, caller: Caller) -> Steps[Any]:
        """Operator: the money was sent. Refuses with ``forbidden``, ``not_found``, ``payout_settled``."""
        payout = yield from self._asked(tx, payout_id, caller)
        _, _, waiting, paid_out = _accounts(payout.host_id)
        ledger.pay(tx, "payout_done", payout.id, waiting, paid_out, payout.coins, actor_id=caller.id)
        return self._settled(tx, payout, "done", note, caller)

    def give_back(self, tx: Unit, payout_id: str, note: str | None, caller: Caller) -> Steps[Any]:
        """Operator: it comes to nothing, and the coins are where they were. Refuses as ``done`` does."""
        payout = yield from self._asked(tx, payout_id, caller)
        waiting = _accounts(payout.host_id)[2]
        entries = _parts(payout, payout.host_id, 1)
        ledger.move(
            tx, "payout_back", payout.id, (*entries, Entry(waiting, -payout.coins)), actor_id=caller.id
        )
        return self._settled(tx, payout, "returned", note, caller)

    def _asked(self, tx: Unit, payout_id: str, caller: Caller) -> Steps[PayoutRow]:
        yield PAYOUTS.rows(payout_id)
        payout = tx.get(PAYOUTS, payout_id)
        yield ledger.accounts(*(_accounts(payout.host_id) if payout else ()))
        yield USERS.rows(payout.host_id if payout else "")
        require_operator(caller)
        payout = tx.get(PAYOUTS, payout_id)
        if payout is None:
            raise Refused("not_found", "There is no such payout.")
        if payout.status != "requested":
            raise Refused("payout_settled", details={"status": payout.status})
        return payout

    def _settled(self, tx: Unit, payout: PayoutRow, status: str, note: str | None, caller: Caller) -> Any:
        payout = tx.put(
            PAYOUTS,
            replace(payout, status=status, settled_at_ms=tx.now_ms, settled_by=caller.id, note=note),
        )
        detail = {"host": payout.host_id, "coins": payout.coins, "note": note}
        self._audit.note(tx, NO_ROOM, caller, f"payout.{status}", payout.id, detail)
        return _told(tx, payout)


def read_payouts(
    conn: Connection,
    *,
    host_id: str | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[PayoutRow]:
    """Payouts, newest first; ``before`` is the last id of the page before."""
    query = select(payouts_table)
    for column, value in ((payouts_table.c.host_id, host_id), (payouts_table.c.status, status)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(payouts_table.c.id < before)
    return [PayoutRow(*r) for r in conn.execute(query.order_by(payouts_table.c.id.desc()).limit(limit))]


def _accounts(host: str) -> tuple[Account, Account, Account, Account]:
    return (
        Account("earnings", host),
        Account("takings", host),
        Account("payout", host),
        Account("paid_out", host),
    )


def _parts(payout: PayoutRow, host: str, sign: int) -> tuple[Entry, ...]:
    """What a payout takes from (-1) or gives back to (1) the host's two accounts."""
    earnings, takings, *_ = _accounts(host)
    parts = ((earnings, payout.coins - payout.takings), (takings, payout.takings))
    return tuple(Entry(account, sign * coins) for account, coins in parts if coins)


def _told(tx: Unit, payout: PayoutRow) -> dict[str, Any]:
    tx.tell(payout.host_id, "payout", {"payout": payout.wire()})
    return {"payout": payout.wire()}
