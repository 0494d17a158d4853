"""The ledger's rules: what accounts there are, and what a movement does to balances. Pure.

Every movement's entries sum to zero, coins and points apart. So coins are never made or lost, only moved:
what a user bought came out of that user's ``issued`` account, whose balance is what was ever issued, negated.
Accounts that many would share (the platform's share, what was issued) are kept for each host or user apart,
so that two groups of commands wait for each other only where they move the same people's coins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from rooms.errors import Refused

Unit = Literal["coins", "points"]

AMOUNT_MAX = 10**12
"""Of one entry and of a balance, either way: sums of many stay exact everywhere, in JavaScript too."""


class Account(NamedTuple):
    """Whose coins (or points), and what they are for. ``owner`` is a user's id, or the id of what holds them
    in escrow."""

    kind: str
    owner: str


class Entry(NamedTuple):
    """What a movement adds to an account, or takes from it if negative. Never 0."""

    account: Account
    amount: int


class AccountKind(NamedTuple):
    unit: Unit
    below_zero: bool
    """Whether its balance may be negative. For all others the database checks that it isn't, too."""
    code: str
    """The error if it hasn't enough."""


KINDS: Mapping[str, AccountKind] = MappingProxyType(
    {
        # A user's, to give and to buy with.
        "wallet": AccountKind("coins", False, "insufficient_coins"),
        # A host's, from gifts; and what of it is being paid out, or was.
        "earnings": AccountKind("coins", False, "insufficient_funds"),
        "payout": AccountKind("coins", False, "insufficient_funds"),
        "paid_out": AccountKind("coins", False, "insufficient_funds"),
        # The platform's share of what a host was given.
        "platform": AccountKind("coins", False, "insufficient_funds"),
        # A seller's, from orders paid with coins.
        "takings": AccountKind("coins", False, "insufficient_funds"),
        # Held for a red packet or a prize, by its id.
        "escrow": AccountKind("coins", False, "insufficient_funds"),
        # Where coins come from: bought by a user, or put right by an operator.
        "issued": AccountKind("coins", True, "insufficient_funds"),
        "correction": AccountKind("coins", True, "insufficient_funds"),
        # A user's points; and where they come from and go to.
        "points": AccountKind("points", False, "insufficient_points"),
        "points_issued": AccountKind("points", True, "insufficient_points"),
    }
)

OVERDRAWN = tuple(sorted(name for name, kind in KINDS.items() if kind.below_zero))
"""Kinds whose balances may be negative."""


def wallet(user_id: str) -> Account:
    return Account("wallet", user_id)


def merged(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """One entry an account, in the order of accounts; those that come to nothing are left out."""
    sums: dict[Account, int] = {}
    for account, amount in entries:
        sums[account] = sums.get(account, 0) + amount
    return tuple(Entry(account, sums[account]) for account in sorted(sums) if sums[account])


def check_balanced(entries: Iterable[Entry]) -> None:
    """Raises ``ValueError`` (a programming error) if they don't sum to zero in each unit, name a kind of
    account that there isn't, or move more than there can be."""
    sums: dict[str, int] = {}
    for account, amount in entries:
        unit = KINDS[account.kind].unit if account.kind in KINDS else None
        if unit is None:
            raise ValueError(f"there is no kind of account called {account.kind!r}")
        if not 0 < abs(amount) <= AMOUNT_MAX:
            raise ValueError(f"an entry of {amount}")
        sums[unit] = sums.get(unit, 0) + amount
    if any(sums.values()):
        raise ValueError(f"the entries don't sum to zero: {sums}")


def taken_back(account: Account, balance: int, amount: int, cover: Account) -> tuple[Entry, ...]:
    """Entries that take ``amount`` out of an account as far as that is there; the rest comes from ``cover``,
    a correction account, which may go below zero. For what has to go back whether or not it was spent."""
    there = min(max(balance, 0), amount)
    parts = (Entry(account, -there), Entry(cover, there - amount))
    return tuple(part for part in parts if part.amount)


def after(account: Account, balance: int, amount: int) -> int:
    """The balance after an entry.

    Refuses with ``insufficient_coins``, ``insufficient_points``, ``insufficient_funds``, by the kind of
    account; ``too_many`` if nobody may have as much.
    """
    kind, new = KINDS[account.kind], balance + amount
    if amount < 0 and new < 0 and not kind.below_zero:
        raise Refused(kind.code, details={"balance": balance, "needed": -amount})
    if abs(new) > AMOUNT_MAX:
        raise Refused("too_many", details={"limit": AMOUNT_MAX})
    return new
