"""A node's view of one room: the log up to its last frame, and what is to go into the next one. No I/O.

``to`` is the offset of the last frame; the state is folded up to there and no further, so that whoever enters
continues exactly with the next frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from rooms.corrections import Corrections
from rooms.history import RoomNow, visible
from rooms.log import LogEvent, Visibility
from rooms.state import corrected, encode_state, fold_all

RECENT_KEPT = 1000

# Kinds that a viewer should not wait for: they flush the frame with everything pending before them.
URGENT = frozenset(
    {
        "room.status",
        "room.pause",
        "comment.deleted",
        "comment.masked",
        "comment.purged",
        "avatar.removed",
        "product.pinned",
        "product.unpinned",
        "sale.scheduled",
        "sale.started",
        "sale.ended",
        "coupon.dropped",
        "coupon.closed",
        "lottery.opened",
        "lottery.closed",
        "lottery.drawn",
        "lottery.ended",
        "quiz.opened",
        "quiz.asked",
        "quiz.closed",
        "quiz.ended",
        "poll.opened",
        "poll.closed",
        "poll.ended",
        "packet.opened",
        "packet.ended",
        "guest.joined",
        "guest.left",
        "stage.layout",
    }
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all viewers of a room are sent: the log from ``first`` to ``to``."""

    room_id: str
    epoch: str
    first: int
    to: int
    events: tuple[LogEvent, ...]
    left_out: int
    shadows: tuple[LogEvent, ...] = ()
    """Comments that only their own senders may see, and nobody may know of."""

    @property
    def items(self) -> tuple[bytes, ...]:
        """The events as they go over the wire, JSON in UTF-8."""
        return tuple(event.body for event in self.events)

    @property
    def has_comments(self) -> bool:
        """Whether there may be something in it that a viewer who doesn't keep up can do without."""
        return any(event.kind == "comment" for event in self.events)

    def shortened(self) -> Frame:
        """The same span for a viewer who doesn't keep up: without the comments of those who have no rank in
        the room, which are counted as left out."""
        kept = tuple(event for event in self.events if not _can_be_missed(event))
        return replace(self, events=kept, left_out=self.left_out + len(self.events) - len(kept))

    def seen_by(self, user_id: str) -> Frame:
        """The same with what this user has said in the shadow."""
        own = [event for event in self.shadows if event.user_id == user_id]
        return replace(self, events=tuple(sorted((*self.events, *own), key=lambda event: event.offset)))

    def payload(self) -> dict[str, Any]:
        """The message ``events`` of docs/protocol.md."""
        return {
            "room": self.room_id,
            "epoch": self.epoch,
            "from": self.first,
            "to": self.to,
            "items": [orjson.Fragment(item) for item in self.items],
            "skipped": {"comment": self.left_out} if self.left_out else {},
        }


def _can_be_missed(event: LogEvent) -> bool:
    if event.kind != "comment":
        return False
    badges = (orjson.loads(event.body).get("user") or {}).get("badges", ())
    # A level, ``fan:7``, is no rank.
    return all(":" in badge for badge in badges)


class RoomView:
    """One room on one node."""

    def __init__(self, room_id: str, now: RoomNow, *, recent_kept: int = RECENT_KEPT) -> None:
        self.room_id = room_id
        self.state = now.state
        self.epoch = now.epoch
        self.to = now.offset
        self._pending: list[LogEvent] = []
        self._early: dict[int, LogEvent] = {}
        self._recent: deque[LogEvent] = deque(maxlen=recent_kept)
        self._snapshot: bytes | None = None

    @property
    def head(self) -> int:
        """The last offset that has arrived here."""
        return self._pending[-1].offset if self._pending else self.to

    @property
    def has_news(self) -> bool:
        return bool(self._pending)

    @property
    def urgent(self) -> bool:
        return any(event.kind in URGENT for event in self._pending)

    @property
    def has_hole(self) -> bool:
        """Whether entries wait here for others before them."""
        return bool(self._early)

    def take(self, events: Sequence[LogEvent]) -> bool:
        """Take entries in; repeats are dropped. False: there is a hole, which SQL must fill first.

        What comes too early waits for what is missing (mostly another node's news, already on their way), a
        bounded number of entries.
        """
        foreign = False
        for event in events:
            if event.epoch != self.epoch:
                foreign = True
            elif event.offset == self.head + 1:
                self._pending.append(event)
            elif event.offset > self.head and len(self._early) < RECENT_KEPT:
                self._early[event.offset] = event
        while (following := self._early.pop(self.head + 1, None)) is not None:
            self._pending.append(following)
        if self._early:
            head = self.head
            self._early = {offset: event for offset, event in self._early.items() if offset > head}
        return not self._early and not foreign

    def forget_early(self) -> None:
        """Give up what waits: it will be read from SQL."""
        self._early.clear()

    def correct(self, by: Corrections) -> None:
        """Take what was deleted, masked or purged out of everything that this node keeps."""
        if not by:
            return
        self._pending = [by.of(e) for e in self._pending]
        self._early = {offset: by.of(e) for offset, e in self._early.items()}
        self._recent = deque((by.of(e) for e in self._recent), self._recent.maxlen)
        # The fold takes them out too, but only with the frame that has the correction.
        self.state = corrected(self.state, by)
        self._snapshot = None

    def cut(self) -> Frame | None:
        """The next frame, if there is news: what is pending becomes the past."""
        if not self._pending:
            return None
        pending, self._pending = self._pending, []
        self.state = fold_all(self.state, pending)
        shown, left_out = visible(pending, None)
        shadows = tuple(event for event in pending if event.visibility == Visibility.SHADOW)
        frame = Frame(
            self.room_id, self.epoch, self.to + 1, pending[-1].offset, tuple(shown), left_out, shadows
        )
        self._recent.extend(pending)
        self.to = frame.to
        self._snapshot = None
        return frame

    def snapshot(self) -> bytes:
        """The state as of ``to``, encoded once for all who enter before the next frame."""
        if self._snapshot is None:
            self._snapshot = encode_state(self.state)
        return self._snapshot

    def missed(self, after: int) -> list[LogEvent] | None:
        """The entries after an offset up to ``to``, or None if memory doesn't reach back so far."""
        if after >= self.to:
            return []
        if not self._recent or self._recent[0].offset > after + 1:
            return None
        return [e for e in self._recent if e.offset > after]
