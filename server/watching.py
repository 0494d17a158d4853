"""Who is in the rooms of this node, looked at every few seconds, and told once a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rooms.days import Days
from rooms.points.minutes import Minute
from rooms.watching import Span, Stream
from server.live.room import LiveRoom

LOOK_EVERY_MS = 5_000
GAP_MS = 12_000
"""Who was seen twice within so long was there in between: a look may come late on a busy node."""
PEOPLE_AT_ONCE = 60
"""So many people's minutes are written in one transaction."""
SLICE = 500
KEPT_MAX = 100_000
"""People whose doings are in memory; what more of them do doesn't count until the next write."""


@dataclass(slots=True)
class _Seen:
    """Somebody since the last write. ``spans`` are those that are over."""

    name: str
    from_ms: int
    until_ms: int
    spans: list[Span] = field(default_factory=list)


Key = tuple[str, Stream | None]
"""A room, and its stream if it is live."""


class Watching:
    """What this node has seen and not yet told. Owned by the loop.

    A look is a loop over the rooms' members, a slice at a time, so nobody who enters or leaves has to be
    noted; somebody who was there for less than a few seconds may be missed. Two tabs of one user are one.
    """

    def __init__(self, rooms: Callable[[], list[LiveRoom]], days: Days) -> None:
        self._rooms = rooms
        self._days = days
        self._seen: dict[Key, dict[str, _Seen]] = {}
        self._likes: dict[tuple[str, int, str], int] = {}
        self._came: set[tuple[int, str]] = set()
        self._new: dict[str, set[tuple[int, str]]] = {}

    def liked(self, room_id: str, user_id: str, likes: int, now_ms: int) -> None:
        """Somebody's likes were counted."""
        key = (room_id, self._days.of(now_ms), user_id)
        if key in self._likes or len(self._likes) < KEPT_MAX:
            self._likes[key] = self._likes.get(key, 0) + likes

    async def look(self, now_ms: int) -> None:
        """See who is where now."""
        day = self._days.of(now_ms)
        self._came = {came for came in self._came if came[0] == day}
        for room in self._rooms():
            stream = stream_of(room)
            here = self._seen.setdefault((room.row.id, stream), {})
            for number, member in enumerate(list(room.members.values()), 1):
                user = member.identity
                if user.id is not None and user.id != room.row.host_id:
                    if stream is not None:
                        self._see(here, user.id, user.name, now_ms)
                    self._come(room.row.id, day, user.id)
                if number % SLICE == 0:
                    await asyncio.sleep(0)

    def take(self, now_ms: int) -> tuple[list[Minute], dict[str, str]]:
        """What is to be written, a transaction each, with the names of the people in it. Who is still there
        is seen on from here."""
        names: dict[str, str] = {}
        spans: dict[Key, list[Span]] = {}
        for key, people in list(self._seen.items()):
            for user_id, seen in list(people.items()):
                names[user_id] = seen.name
                spans.setdefault(key, []).extend(_spans(user_id, seen))
                if now_ms - seen.until_ms > GAP_MS:
                    del people[user_id]
                else:
                    seen.from_ms, seen.spans = seen.until_ms, []
            if not people:
                del self._seen[key]
        return [*self._minutes(spans)], names

    def give_back(self, minute: Minute) -> None:
        """It couldn't be written: tell it next time, if there is room for it."""
        people = self._seen.setdefault((minute.room_id, minute.stream), {})
        for span in minute.spans:
            if (seen := people.get(span.user_id)) is not None:
                seen.spans.append(span)
            elif len(people) < KEPT_MAX:
                people[span.user_id] = _Seen("", span.from_ms, span.until_ms)
        for (day, user_id), amounts in minute.others.items():
            if amounts.get("visit"):
                self._new.setdefault(minute.room_id, set()).add((day, user_id))
            if likes := amounts.get("like"):
                key = (minute.room_id, day, user_id)
                self._likes[key] = self._likes.get(key, 0) + likes

    def _see(self, here: dict[str, _Seen], user_id: str, name: str, now_ms: int) -> None:
        seen = here.get(user_id)
        if seen is None:
            if len(here) < KEPT_MAX:
                here[user_id] = _Seen(name, now_ms, now_ms)
            return
        if now_ms - seen.until_ms > GAP_MS:
            seen.spans = _spans(user_id, seen)
            seen.from_ms = now_ms
        seen.until_ms = max(seen.until_ms, now_ms)
        seen.name = name

    def _come(self, room_id: str, day: int, user_id: str) -> None:
        """The first time in a day that this node sees somebody; whether another did, the database knows."""
        if (day, user_id) not in self._came and len(self._came) < KEPT_MAX:
            self._came.add((day, user_id))
            self._new.setdefault(room_id, set()).add((day, user_id))

    def _minutes(self, spans: dict[Key, list[Span]]) -> Iterator[Minute]:
        others = self._take_others()
        for (room_id, stream), told in spans.items():
            theirs = others.get(room_id, {})
            for part in _portions(told):
                here = {span.user_id for span in part}
                mine = {key: theirs.pop(key) for key in list(theirs) if key[1] in here}
                yield Minute(room_id, stream, part, mine)
        for room_id, rest in others.items():
            items = list(rest.items())
            for at in range(0, len(items), PEOPLE_AT_ONCE):
                yield Minute(room_id, None, (), dict(items[at : at + PEOPLE_AT_ONCE]))

    def _take_others(self) -> dict[str, dict[tuple[int, str], dict[str, int]]]:
        others: dict[str, dict[tuple[int, str], dict[str, int]]] = {}
        for room_id, came in self._new.items():
            for who in came:
                others.setdefault(room_id, {}).setdefault(who, {})["visit"] = 1
        for (room_id, day, user_id), likes in self._likes.items():
            others.setdefault(room_id, {}).setdefault((day, user_id), {})["like"] = likes
        self._new, self._likes = {}, {}
        return others


def stream_of(room: LiveRoom) -> Stream | None:
    """The stream that a room shows now; None: it isn't live."""
    state = room.view.state.room
    started_ms = state.get("started_at_ms")
    return Stream(room.row.id, started_ms) if state.get("status") == "live" and started_ms else None


def _spans(user_id: str, seen: _Seen) -> list[Span]:
    last = [Span(user_id, seen.from_ms, seen.until_ms)] if seen.until_ms > seen.from_ms else []
    return [*seen.spans, *last]


def _portions(spans: list[Span]) -> Iterator[list[Span]]:
    for at in range(0, len(spans), PEOPLE_AT_ONCE):
        yield spans[at : at + PEOPLE_AT_ONCE]
