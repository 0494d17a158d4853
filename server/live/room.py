"""One room on this node: its view of the log, who watches, and what the next signal will say."""

from __future__ import annotations

import asyncio
import math
from collections import Counter as Tally
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from rooms.follows import FOLLOWERS
from rooms.heads import RoomRow
from rooms.log import StaffEvent
from server.live.connection import Connection
from server.live.view import RoomView

# Staff events that may be committed while somebody enters, between the reading and the answer.
STAFF_KEPT = 1000
# More plays than a room shows at a time.
COUNTS_KEPT = 20

# Who may see any of the staff's events; their actions are in them (rooms/log.py).
STAFF_ACTIONS = frozenset({"see_staff", "see_orders"})


@dataclass(eq=False, slots=True)
class LiveRoom:
    """A room on this node: its view of the log, who watches, and what the next signal will say."""

    view: RoomView
    row: RoomRow
    stock: dict[str, int]
    likes: int
    members: dict[str, Connection] = field(default_factory=dict)
    changed_stock: dict[str, int] = field(default_factory=dict)
    coupons: dict[str, int] = field(default_factory=dict)
    """How many are left of each coupon that is dropped now."""
    changed_coupons: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Numbers of plays (entered, opened, voted), as last heard, of the newest ``COUNTS_KEPT``."""
    changed_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    followers: int = 0
    """Of the room's host."""
    reactions: int = 0
    told_viewers: int = -1
    told_likes: int = -1
    told_followers: int = -1
    empty_since: float | None = None
    filling: asyncio.Task[None] | None = None
    known: int = 0
    """The log's head as others have told it; until ``view`` is there, something is missing here."""
    staff_head: int = 0
    staff_filling: asyncio.Task[None] | None = None
    unshared_likes: int = 0
    elsewhere: int = 0
    """Viewers on other nodes."""
    unique_viewers: int | None = None
    staff: deque[StaffEvent] = field(default_factory=lambda: deque(maxlen=STAFF_KEPT))
    staff_members: dict[str, Connection] = field(default_factory=dict)
    """Those of the members who may see something of the staff's: nobody looks through thousands for them."""
    people: Tally[str] = field(default_factory=Tally)
    """How many connections each viewer has here."""
    flushed_s: float = -math.inf
    """When an urgent event last didn't wait for the tick."""

    @property
    def viewers_here(self) -> int:
        """On this node."""
        return len(self.people)

    @property
    def viewers(self) -> int:
        """On all nodes together."""
        return self.viewers_here + self.elsewhere

    def seat(self, connection: Connection) -> None:
        """Make the connection a member, or see again what a member may see."""
        if connection.id not in self.members:
            self.members[connection.id] = connection
            self.people[connection.viewer_id] += 1
        if connection.actions & STAFF_ACTIONS:
            self.staff_members[connection.id] = connection
        else:
            self.staff_members.pop(connection.id, None)

    def unseat(self, connection: Connection) -> None:
        """Whoever it is, it is no member from here on."""
        self.staff_members.pop(connection.id, None)
        if self.members.pop(connection.id, None) is None:
            return
        self.people[connection.viewer_id] -= 1
        if not self.people[connection.viewer_id]:
            del self.people[connection.viewer_id]

    def count(self, play_id: str, counts: dict[str, int]) -> None:
        """Let the next signal say these numbers of a play, or how many followers there are."""
        if play_id == FOLLOWERS:
            self.followers = counts["n"]
            return
        known = self.counts.pop(play_id, {}) | counts
        self.counts[play_id] = self.changed_counts[play_id] = known
        while len(self.counts) > COUNTS_KEPT:
            oldest = next(iter(self.counts))
            del self.counts[oldest]
            self.changed_counts.pop(oldest, None)

    def signals(self) -> dict[str, Any]:
        """The signals object with every field, for who enters."""
        return {
            "room": self.row.id,
            "viewers": self.viewers,
            "likes": self.likes,
            "stock": self.stock,
            "coupons": self.coupons,
            "plays": self.counts,
            "followers": self.followers,
            "reaction": 0,
        }

    def next_signals(self) -> dict[str, Any] | None:
        """What changed since the last signal, or None."""
        viewers = self.viewers
        news: dict[str, Any] = {}
        if viewers != self.told_viewers:
            news["viewers"] = self.told_viewers = viewers
        if self.likes != self.told_likes:
            news["likes"] = self.told_likes = self.likes
        if self.followers != self.told_followers:
            news["followers"] = self.told_followers = self.followers
        if self.changed_stock:
            news["stock"], self.changed_stock = self.changed_stock, {}
        if self.changed_coupons:
            news["coupons"], self.changed_coupons = self.changed_coupons, {}
        if self.changed_counts:
            news["plays"], self.changed_counts = self.changed_counts, {}
        if self.reactions:
            news["reaction"], self.reactions = self.reactions, 0
        return {"room": self.row.id, **news} if news else None
