"""What was said a moment ago, in bounded memory: by each sender, and nearly the same by many.

It belongs to one node and one thread, the writer's; other threads hand in what other nodes published by
``hear``. After a restart it is empty, and it is right about a sender as long as that one stays on one node:
it finds nuisance, it isn't what keeps a listed word out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from moderation.filter.folded import Folded
from moderation.filter.near import Sketch, are_near

RECENT_MS = 30_000
WAVE_MS = 180_000
RECENT_MAX = 8
SENDERS_MAX = 20_000
ROOMS_MAX = 512
WAVES_MAX = 256
ACCOUNTS_MAX = 64
HEARD_MAX = 4096

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A comment that was taken. ``folded`` is what the word lists see of it."""

    text: str
    folded: str
    sketch: Sketch | None
    at_ms: int


@dataclass(slots=True, eq=False)
class _Wave:
    """Nearly the same text, and who has written it when."""

    like: Sketch
    senders: OrderedDict[str, int] = field(default_factory=OrderedDict)


class _Room:
    """A room's waves, the one that grew last at the end."""

    def __init__(self) -> None:
        self._waves: OrderedDict[int, _Wave] = OrderedDict()
        self._by_key: dict[int, _Wave] = {}

    def find(self, like: Sketch) -> _Wave | None:
        for key in like.keys:
            wave = self._by_key.get(key)
            if wave is not None and are_near(wave.like, like):
                return wave
        return None

    def add(self, like: Sketch, user_id: str, now_ms: int) -> Undo:
        wave = self.find(like)
        if wave is None:
            wave = _Wave(like)
            self._by_key.update(dict.fromkeys(like.keys, wave))
        self._waves[id(wave)] = wave
        self._waves.move_to_end(id(wave))
        before = wave.senders.get(user_id)
        wave.senders[user_id] = now_ms
        wave.senders.move_to_end(user_id)
        if len(wave.senders) > ACCOUNTS_MAX:
            wave.senders.popitem(last=False)
        while len(self._waves) > WAVES_MAX:
            self._forget(next(iter(self._waves.values())))

        def undo() -> None:
            if before is not None:
                wave.senders[user_id] = before
                return
            wave.senders.pop(user_id, None)
            if not wave.senders:
                self._forget(wave)

        return undo

    def _forget(self, wave: _Wave) -> None:
        self._waves.pop(id(wave), None)
        for key in wave.like.keys:
            if self._by_key.get(key) is wave:
                del self._by_key[key]


class Memory:
    """Bounded: rooms, waves in a room, senders and what is kept of each; the longest unused goes first."""

    def __init__(self) -> None:
        self._senders: OrderedDict[tuple[str, str], tuple[Said, ...]] = OrderedDict()
        self._rooms: OrderedDict[str, _Room] = OrderedDict()
        self._heard: deque[tuple[str, str, str, int]] = deque(maxlen=HEARD_MAX)

    def recent(self, room_id: str, user_id: str, now_ms: int) -> Sequence[Said]:
        """What somebody said in a room in the last half minute, oldest first."""
        said = self._senders.get((room_id, user_id), ())
        return [one for one in said if now_ms - RECENT_MS < one.at_ms]

    def accounts(self, room_id: str, user_id: str, like: Sketch, now_ms: int) -> int:
        """How many others have said nearly the same in the room in the last minutes."""
        self._take_in()
        room = self._rooms.get(room_id)
        wave = room.find(like) if room is not None else None
        if wave is None:
            return 0
        return sum(who != user_id and now_ms - WAVE_MS < at for who, at in wave.senders.items())

    def count(self, room_id: str, user_id: str, text: str, folded: Folded, now_ms: int) -> Undo:
        """A comment was taken. Gives what forgets it again, for when its transaction fails."""
        like = folded.like
        said, sender = Said(text, folded.seen.text, like, now_ms), (room_id, user_id)
        before = self._senders.get(sender, ())
        after = self._senders[sender] = (*before, said)[-RECENT_MAX:]
        self._senders.move_to_end(sender)
        if len(self._senders) > SENDERS_MAX:
            self._senders.popitem(last=False)
        forget = self._room(room_id).add(like, user_id, now_ms) if like is not None else None

        def undo() -> None:
            now = self._senders.get(sender, ())
            kept = before if now is after else tuple(one for one in now if one is not said)
            if kept:
                self._senders[sender] = kept
            else:
                self._senders.pop(sender, None)
            if forget is not None:
                forget()

        return undo

    def hear(self, room_id: str, user_id: str, text: str, at_ms: int) -> None:
        """Another node published a comment, or this one did: whoever is counted already isn't again. From
        any thread; the oldest are dropped if too many come before anybody asks."""
        self._heard.append((room_id, user_id, text, at_ms))

    def _take_in(self) -> None:
        while self._heard:
            room_id, user_id, text, at_ms = self._heard.popleft()
            like = Folded(text).like
            if like is not None:
                self._room(room_id).add(like, user_id, at_ms)

    def _room(self, room_id: str) -> _Room:
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
            if len(self._rooms) > ROOMS_MAX:
                self._rooms.popitem(last=False)
        else:
            self._rooms.move_to_end(room_id)
        return room
