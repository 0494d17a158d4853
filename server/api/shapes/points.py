"""What answers say of followers and points."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs
from server.api.shapes.rooms import Event
from server.api.shapes.shop import ClaimedCoupon


@with_config(OPEN)
class Following(TypedDict):
    following: bool
    followers: Count


@with_config(OPEN)
class Follower(TypedDict):
    user: Person
    since_ms: TimeMs


@with_config(OPEN)
class Followers(TypedDict):
    """``next`` is the next page's ``cursor``; null at the end. ``followers`` is how many there are."""

    items: list[Follower]
    next: str | None
    followers: Count


@with_config(OPEN)
class Task(TypedDict):
    """``points`` for every ``per`` of it, at most ``times`` a day; ``done`` of it today, which ``earned``."""

    task: Literal["visit", "watch", "comment", "like", "share", "purchase", "gift"]
    points: Count
    per: Annotated[int, Field(ge=1, description="Milliseconds for `watch`, coins for `gift`")]
    times: Count
    done: Count
    earned: Count


@with_config(OPEN)
class Level(TypedDict):
    """``earned`` is all that was ever earned; ``next`` where the next level begins, null at the last."""

    level: Count
    earned: Count
    next: int | None


@with_config(OPEN)
class Offer(TypedDict):
    """``amount`` are coins, or pieces of the gift, or one coupon; ``mine`` is how many of it the caller has
    had."""

    id: str
    kind: Literal["coins", "coupon", "gift"]
    title: str
    points: Count
    amount: Count
    room: str | None
    coupon: str | None
    gift: str | None
    stock: Count
    per_person: Count
    mine: Count
    withdrawn: bool


@with_config(OPEN)
class Offers(TypedDict):
    items: list[Offer]


@with_config(OPEN)
class Points(TypedDict):
    """The caller's points, level and day, and what can be had for points in the room."""

    points: Count
    level: Level
    tasks: list[Task]
    today: Annotated[int, Field(ge=0, description="Points earned today")]
    a_day: Count
    day_ends_ms: TimeMs
    offers: list[Offer]


@with_config(OPEN)
class Redeemed(TypedDict):
    """``points`` is what is left of them; and what was given."""

    offer: Offer
    points: Count
    coins: NotRequired[Count]
    coupon: NotRequired[ClaimedCoupon]
    gift: NotRequired[Event]


@with_config(OPEN)
class Shared(TypedDict):
    """``points``: what it earned."""

    points: Count
