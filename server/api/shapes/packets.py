"""Red packets, as docs/protocol.md has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from server.api.shapes.base import OPEN, Count, Person, TimeMs


@with_config(OPEN)
class PacketCard(TypedDict):
    """What never changes of a packet."""

    id: str
    user: Person
    coins: Count
    count: Count
    split: Literal["random", "equal"]
    who: Literal["all", "followers"]
    greeting: str
    sent_at_ms: TimeMs
    closes_at_ms: TimeMs


@with_config(OPEN)
class PacketLuckiest(TypedDict):
    """Who got most: the first of those with as much."""

    user: Person
    coins: Count


@with_config(OPEN)
class Packet(PacketCard):
    """``luckiest`` once it has ended; null if it was split equally, or nobody opened it."""

    room: str
    opened: Count
    left: Count
    left_coins: Count
    ended: Literal["empty", "expired"] | None
    ended_at_ms: TimeMs | None
    luckiest: PacketLuckiest | None


@with_config(OPEN)
class PacketShare(TypedDict):
    user: Person
    place: Annotated[int, Field(ge=1, description="The how manieth it was.")]
    coins: Annotated[int, Field(ge=1)]
    opened_at_ms: TimeMs


@with_config(OPEN)
class PacketSent(TypedDict):
    """``coins`` are those left in the wallet."""

    packet: PacketCard
    coins: Count


@with_config(OPEN)
class PacketOpened(TypedDict):
    """``coins`` are all in the wallet."""

    share: PacketShare
    coins: Count


@with_config(OPEN)
class PacketOpens(TypedDict):
    """``you`` is one's own share; ``next`` the next page's ``after``."""

    packet: Packet
    you: PacketShare | None
    items: list[PacketShare]
    next: int | None
