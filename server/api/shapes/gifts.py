"""What answers say of gifts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs
from server.api.shapes.rooms import Event

Coins = Annotated[int, Field(ge=0, description="Coins")]


@with_config(OPEN)
class Gift(TypedDict):
    """A gift of the catalogue; ``names`` by language."""

    id: str
    names: dict[str, str]
    picture: str
    price: Coins
    tier: Literal["small", "medium", "large"]
    effect: Literal["none", "float", "shower", "firework", "parade"]
    position: int
    withdrawn: bool
    changed_at_ms: TimeMs


@with_config(OPEN)
class Catalogue(TypedDict):
    items: list[Gift]


@with_config(OPEN)
class OfGift(TypedDict):
    gift: Gift


@with_config(OPEN)
class GivenGift(TypedDict):
    """A gift that was given: ``gift`` is its id in the catalogue, ``combo`` its combo's, ``earned`` the
    host's part of its coins."""

    id: str
    room: str
    user: Person
    gift: str
    count: Count
    coins: Coins
    earned: Coins
    combo: str
    at_ms: TimeMs
    refunded_at_ms: TimeMs | None


@with_config(OPEN)
class OfGiven(TypedDict):
    gift: GivenGift


@with_config(OPEN)
class BoardPlace(TypedDict):
    place: Annotated[int, Field(ge=1)]
    user: Person
    coins: Coins


@with_config(OPEN)
class FanLevel(TypedDict):
    """``next``: the points at which the next level begins."""

    level: Count
    points: Count
    next: Count


@with_config(OPEN)
class Board(TypedDict):
    """Who gave most; ``you`` is the caller's own place, null without one."""

    span: Literal["stream", "week", "all"]
    items: list[BoardPlace]
    you: BoardPlace | None
    fan: FanLevel | None


@with_config(OPEN)
class Gave(TypedDict):
    """``coins``: what the caller has left."""

    event: Event
    coins: Coins
    fan: FanLevel
