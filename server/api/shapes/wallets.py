"""Wallets, statements, payouts and packs of coins, as docs/protocol.md has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Minor, Page, TimeMs

Coins = Annotated[int, Field(description="Coins, or points in an account of points")]


@with_config(OPEN)
class Pack(TypedDict):
    id: str
    coins: Count
    price_minor: Minor
    currency: str


@with_config(OPEN)
class Packs(Page[Pack]):
    """``worth_minor``: by currency, what a hundred coins are worth as payment, in its minor unit."""

    worth_minor: dict[str, int]


@with_config(OPEN)
class Wallet(TypedDict):
    """``accounts``: by kind, what is in the user's other accounts."""

    coins: Count
    points: Count
    accounts: dict[str, int]


@with_config(OPEN)
class StatementLine(TypedDict):
    """One entry of an account: ``seq`` counts them, ``balance`` is what there was after it. ``id`` is the
    movement's, ``kind`` and ``ref`` what it was for."""

    seq: int
    amount: Coins
    balance: Coins
    id: str
    kind: str
    ref: str
    at_ms: TimeMs
    room: str | None
    reason: str | None


@with_config(OPEN)
class Payout(TypedDict):
    id: str
    host: str
    coins: Count
    status: Literal["requested", "done", "returned"]
    requested_at_ms: TimeMs
    settled_at_ms: TimeMs | None
    note: str | None


@with_config(OPEN)
class OfPayout(TypedDict):
    payout: Payout


@with_config(OPEN)
class Earnings(TypedDict):
    host: str
    accounts: dict[str, int]
    payouts: list[Payout]
    payout_min: Count


@with_config(OPEN)
class Corrected(TypedDict):
    movement: str
    balance: Coins
