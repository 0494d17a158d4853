"""The bus as its users see it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rooms.log import LogEvent, PrivateEvent, StaffEvent
from rooms.unit import News


@dataclass(slots=True)
class RoomNews:
    """What one commit had for one room, or what another node counted.

    ``likes`` are those that viewers of another node gave;
    ``origin``: who publishes the room may have changed. ``counts`` are numbers of plays, by play.
    ``publisher`` is how who publishes at another node fares, by slot.
    """

    room_id: str
    events: list[LogEvent] = field(default_factory=list)
    staff: list[StaffEvent] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    likes: int = 0
    origin: bool = False
    coupons: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    publisher: dict[str, dict[str, Any]] = field(default_factory=dict)


def merge(several: Sequence[RoomNews]) -> RoomNews:
    """News of one room in the order of their commits, as if they had been one commit's."""
    if len(several) == 1:
        return several[0]
    merged = RoomNews(several[0].room_id)
    for news in several:
        merged.events += news.events
        merged.staff += news.staff
        merged.stock |= news.stock
        merged.likes += news.likes
        merged.origin |= news.origin
        merged.coupons |= news.coupons
        for play_id, counts in news.counts.items():
            merged.counts.setdefault(play_id, {}).update(counts)
        merged.publisher |= news.publisher
    return merged


RoomListener = Callable[[RoomNews], None]
UserListener = Callable[[list[PrivateEvent]], None]
GrownListener = Callable[[Collection[str]], None]


class Bus(Protocol):
    """Room and user channels. Listeners are called on the loop and return at once.

    What is committed on this node reaches them in order of commit. What others commit comes in the order of
    their node, but may overtake, be missed or come twice: numbers tell, and SQL has everything.
    """

    @property
    def healthy(self) -> bool:
        """Whether news of other nodes arrive. False: whoever shows something must follow SQL meanwhile."""
        ...

    def publish(self, news: News) -> None:
        """Hand on what a group committed. Never raises, never waits."""
        ...

    def share_likes(self, room_id: str, count: int) -> None:
        """Tell the other nodes of likes; this node's listeners aren't told. Never raises, never waits."""
        ...

    def call_origin(self, room_id: str) -> None:
        """Have the node that publishes a room look at its lease; this node's listeners aren't told. Never
        raises, never waits."""
        ...

    def share_publisher(self, room_id: str, health: dict[str, Any]) -> None:
        """Tell the other nodes how a publisher here fares; this node's listeners aren't told. Never raises,
        never waits."""
        ...

    def tell_grown(self, room_ids: Collection[str]) -> None:
        """Tell the readers of logs on other nodes that these rooms' logs go on; this node's aren't told.
        Never raises, never waits."""
        ...

    async def join_grown(self, listener: GrownListener) -> None:
        """Hear of rooms whose logs go on, until the bus is closed. Returns as ``join_room`` does."""
        ...

    async def join_room(self, room_id: str, listener: RoomListener) -> None:
        """Returns when what is committed from now on will reach the listener, unless it is lost on the way.

        While the bus isn't ``healthy`` it returns at once.
        """
        ...

    async def leave_room(self, room_id: str, listener: RoomListener) -> None: ...

    async def join_user(self, user_id: str, listener: UserListener) -> None: ...

    async def leave_user(self, user_id: str, listener: UserListener) -> None: ...

    async def close(self) -> None: ...


def by_room(news: News) -> dict[str, RoomNews]:
    """A commit's news, apart for each room."""
    rooms: dict[str, RoomNews] = {}

    def of(room_id: str) -> RoomNews:
        return rooms.setdefault(room_id, RoomNews(room_id))

    for event in news.events:
        of(event.room_id).events.append(event)
    for staff_event in news.staff:
        of(staff_event.room_id).staff.append(staff_event)
    for room_id, stock in news.stock.items():
        of(room_id).stock.update(stock)
    for room_id, coupons in news.coupons.items():
        of(room_id).coupons.update(coupons)
    for room_id, plays in news.counts.items():
        of(room_id).counts.update(plays)
    return rooms


def by_user(news: News) -> dict[str, list[PrivateEvent]]:
    """A commit's private events, apart for each user."""
    users: dict[str, list[PrivateEvent]] = {}
    for event in news.private:
        users.setdefault(event.user_id, []).append(event)
    return users
