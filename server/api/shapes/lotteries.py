"""Lotteries, as docs/protocol.md has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs
from server.api.shapes.shop import Order


@with_config(OPEN)
class Prize(TypedDict):
    """``count`` winners get ``amount`` each: pieces of the SKU ``ref``, one coupon ``ref``, or coins."""

    kind: Literal["product", "coupon", "coins"]
    ref: str | None
    amount: Count
    count: Count
    title: str


@with_config(OPEN)
class Entrants(TypedDict):
    count: Count
    weight: Count
    hash: str


@with_config(OPEN)
class ShownWinner(TypedDict):
    place: Count
    entry: str
    prize: Count
    user: Person


@with_config(OPEN)
class Lottery(TypedDict):
    """``entrants`` from its closing on, ``seed`` from the draw on."""

    id: str
    title: str
    state: Literal["open", "closed", "drawn", "ended", "cancelled"]
    conditions: list[dict[str, Any]]
    prizes: list[Prize]
    winners: Count
    weights: dict[str, Any] | None
    opened_at_ms: TimeMs
    closes_at_ms: TimeMs
    claim_s: Count
    unclaimed: Literal["redraw", "return"]
    commitment: str
    rules_hash: str
    prizes_hash: str
    entrants: Entrants | None
    seed: str | None
    drawn_at_ms: TimeMs | None
    claim_by_ms: TimeMs | None
    winners_shown: Annotated[list[ShownWinner], Field(description="The first 20.")]
    given_back: NotRequired[Annotated[int, Field(description="Single prizes that nobody got.")]]


@with_config(OPEN)
class Opened(TypedDict):
    commitment: str
    rules_hash: str
    prizes_hash: str


@with_config(OPEN)
class Place(TypedDict):
    place: Count
    entry: str
    prize: Count
    status: Literal["waiting", "claimed", "unclaimed"]


@with_config(OPEN)
class DrawFile(TypedDict):
    """A draw, to be checked: docs/draws.md. ``entries``: ``tag:nonce:weight`` each, sorted."""

    format: Literal["danmart-draw-1"]
    rules: dict[str, Any]
    prizes: list[Prize]
    opened: Opened
    closed: Entrants
    seed: str
    winners: list[Place]
    entries: list[str]


@with_config(OPEN)
class Entry(TypedDict):
    lottery: str
    tag: str
    nonce: str
    weight: Count


@with_config(OPEN)
class Won(TypedDict):
    lottery: str
    title: str
    status: Literal["waiting", "claimed", "unclaimed"]
    place: Count
    prize: Prize
    claim_by_ms: TimeMs | None


@with_config(OPEN)
class OfLottery(TypedDict):
    lottery: Lottery


@with_config(OPEN)
class OfEntry(TypedDict):
    entry: Entry


@with_config(OPEN)
class Standing(TypedDict):
    """``conditions``: each with ``done``, and ``have``, how far the caller is with it."""

    conditions: list[dict[str, Any]]
    entered: bool
    entry: Entry | None
    won: Won | None
    entrants: Count


@with_config(OPEN)
class Given(TypedDict):
    """One of them: coins, the id of a claimed coupon, or an order that is paid."""

    coins: NotRequired[Count]
    coupon: NotRequired[str]
    order: NotRequired[Order]


@with_config(OPEN)
class Claimed(TypedDict):
    prize: Prize
    given: Given
