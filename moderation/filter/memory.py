"""What was said a moment ago, in bounded memory: by each sender, and nearly the same by many.

It belongs to one node and one thread, the writer's; another hands in what was published, here or elsewhere,
by ``hear``, which only puts it down. What a sender said at other nodes is read when they say something here;
what it does to waves, a little with each comment that is checked, so that nobody waits for a backlog. After a
restart it is empty: it finds nuisance, it isn't what keeps a listed word out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
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
TOLD_MAX = 4096
"""Senders whose words from elsewhere wait to be read, up to ``RECENT_MAX`` of each."""
TAKEN_AT_ONCE = 16
TAKEN_A_MOMENT = 64
"""How many comments of others are folded with one that is checked here, and with all that are checked in one
group (they have one time): some milliseconds, of the twenty that the writer may be held for."""

Undo = Callable[[], None]


@dataclass(slots=True, eq=False)
class Said:
    """A comment that was taken. ``folded`` is what the word lists see of it. Only to be read."""

    text: str
    folded: str
    sketch: Sketch | None
    at_ms: int


@dataclass(slots=True, eq=False)
class _Wave:
    """Nearly the same text, and who has written it when."""

    like: Sketch
    senders: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def is_stale(self, now_ms: int) -> bool:
        """Whether the sender who was here the longest counts no more."""
        return next(iter(self.senders.values())) <= now_ms - WAVE_MS


class _Room:
    """A room's waves, the one that grew last at the end."""

    def __init__(self) -> None:
        self._waves: OrderedDict[int, _Wave] = OrderedDict()
        self._by_key: dict[int, _Wave] = {}
        self._asked: tuple[Sketch, _Wave | None] | None = None
        """What was looked for last: a comment is, when it is judged and when it counts."""

    def find(self, like: Sketch) -> _Wave | None:
        asked = self._asked
        if asked is None or asked[0] is not like:
            asked = self._asked = like, self._find(like)
        return asked[1]

    def _find(self, like: Sketch) -> _Wave | None:
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
            self._asked = None
        self._waves[id(wave)] = wave
        self._waves.move_to_end(id(wave))
        before = wave.senders.get(user_id)
        wave.senders[user_id] = now_ms
        wave.senders.move_to_end(user_id)
        if len(wave.senders) > ACCOUNTS_MAX or wave.is_stale(now_ms):
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
        self._asked = None
        for key in wave.like.keys:
            if self._by_key.get(key) is wave:
                del self._by_key[key]


class Memory:
    """Bounded: rooms, waves in a room, senders and what is kept of each; the longest unused goes first."""

    def __init__(self) -> None:
        self._senders: OrderedDict[tuple[str, str], tuple[Said, ...]] = OrderedDict()
        self._rooms: OrderedDict[str, _Room] = OrderedDict()
        self._heard: deque[tuple[str, str, str, int]] = deque(maxlen=HEARD_MAX)
        self._told: OrderedDict[tuple[str, str], tuple[tuple[str, int], ...]] = OrderedDict()
        self._moment, self._taken = 0, 0

    def recent(self, room_id: str, user_id: str, now_ms: int) -> Sequence[Said]:
        """What somebody said in a room in the last half minute, oldest first."""
        sender = (room_id, user_id)
        said = self._listen(sender, now_ms) if sender in self._told else self._senders.get(sender)
        return [one for one in said if now_ms - RECENT_MS < one.at_ms] if said else ()

    def accounts(self, room_id: str, user_id: str, like: Sketch, now_ms: int) -> int:
        """How many others have said nearly the same in the room in the last minutes."""
        if self._heard:
            self._take_in(now_ms)
        room = self._rooms.get(room_id)
        wave = room.find(like) if room is not None else None
        if wave is None:
            return 0
        since = now_ms - WAVE_MS
        return len([at for who, at in wave.senders.items() if at > since and who != user_id])

    def count(self, room_id: str, user_id: str, text: str, folded: Folded, now_ms: int) -> Undo:
        """A comment was taken. Gives what forgets it again, for when its transaction fails."""
        like = folded.like
        said, sender = Said(text, folded.seen.text, like, now_ms), (room_id, user_id)
        before = self._senders.get(sender, ())
        after = self._keep(sender, (*before, said))
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
        """Another node published a comment, or this one did: what is counted already isn't again. From any
        one thread beside the writer's; the oldest are dropped if too many come before anybody asks."""
        self._heard.append((room_id, user_id, text, at_ms))
        sender = (room_id, user_id)
        # Taken out and put in at the end: each step is whole, whatever the writer does between them.
        self._told[sender] = (*self._told.pop(sender, ()), (text, at_ms))[-RECENT_MAX:]
        if len(self._told) > TOLD_MAX:
            with suppress(KeyError):  # the writer was quicker
                self._told.popitem(last=False)

    def _listen(self, sender: tuple[str, str], now_ms: int) -> tuple[Said, ...]:
        """What a sender has said, with what they said at other nodes since this was asked last."""
        said, told = self._senders.get(sender, ()), self._told.pop(sender, ())
        # A comment is known by its time: what was taken here is told here, too.
        known = {one.at_ms for one in said}
        fresh = [one for one in told if one[1] not in known and now_ms - RECENT_MS < one[1]]
        if not fresh:
            return said
        room = self._room(sender[0])
        for text, at_ms in fresh:
            folded = Folded(text)
            if folded.like is not None:
                room.add(folded.like, sender[1], at_ms)
            said = (*said, Said(text, folded.seen.text, folded.like, at_ms))
        return self._keep(sender, sorted(said, key=lambda one: one.at_ms))

    def _keep(self, sender: tuple[str, str], said: Sequence[Said]) -> tuple[Said, ...]:
        kept = self._senders[sender] = tuple(said[-RECENT_MAX:])
        self._senders.move_to_end(sender)
        if len(self._senders) > SENDERS_MAX:
            self._senders.popitem(last=False)
        return kept

    def _take_in(self, now_ms: int) -> None:
        """Let a few of those that were heard join their waves."""
        if now_ms != self._moment:
            self._moment, self._taken = now_ms, 0
        for _ in range(min(TAKEN_AT_ONCE, TAKEN_A_MOMENT - self._taken)):
            if not self._heard:
                return
            room_id, user_id, text, at_ms = self._heard.popleft()
            if any(one.at_ms == at_ms for one in self._senders.get((room_id, user_id), ())):
                continue  # it joined when it was counted
            self._taken += 1
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
