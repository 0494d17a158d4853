"""What is on its way to one endpoint: how far each log is dealt with, and who goes next."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from server.webhooks.events import Message


class Track:
    """One log of one room. ``read`` is how far it was read, ``mark`` up to where all of it is dealt with.

    What is marked is what may be saved: after a crash, reading goes on behind it, and what was sent from
    beyond it is sent again.
    """

    __slots__ = ("_open", "epoch", "head", "read", "saved")

    def __init__(self, epoch: str, at: int) -> None:
        self.epoch = epoch
        self.saved = self.read = self.head = at
        self._open: dict[int, int] = {}

    @property
    def is_behind(self) -> bool:
        return self.head > self.read

    @property
    def mark(self) -> int:
        # Positions are opened in order, so the first that is open is the lowest.
        return next(iter(self._open), self.read + 1) - 1

    def opened(self, position: int, messages: int) -> None:
        """An entry that makes so many messages was read. Raises ``ValueError`` if it isn't a later one."""
        if position <= self.read:
            raise ValueError(f"position {position} comes after {self.read}")
        self.read = position
        if messages:
            self._open[position] = messages

    def skipped(self, to: int) -> None:
        """There is nothing of interest up to there."""
        self.read = max(self.read, to)

    def closed(self, position: int) -> None:
        """One message of that entry is dealt with."""
        left = self._open[position] - 1
        if left:
            self._open[position] = left
        else:
            del self._open[position]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way; ``attempts`` that failed before, and whether it came from a delivery's row."""

    message: Message
    attempts: int = 0
    again: bool = False


class Lanes:
    """Messages in the order in which they came, of one subject one after another. Bounded by who fills it."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Parcel]] = OrderedDict()
        self._busy: dict[str, Parcel] = {}
        self._queued = 0

    def __len__(self) -> int:
        """Those that wait and those under way."""
        return self._queued + len(self._busy)

    @property
    def under_way(self) -> int:
        return len(self._busy)

    def add(self, parcel: Parcel) -> None:
        self._waiting.setdefault(parcel.message.subject, deque()).append(parcel)
        self._queued += 1

    def next(self) -> Parcel | None:
        """The oldest whose subject has nothing under way; it is under way from now on."""
        for subject, lane in self._waiting.items():
            if subject not in self._busy:
                parcel = lane.popleft()
                if not lane:
                    del self._waiting[subject]
                else:
                    self._waiting.move_to_end(subject)
                self._queued -= 1
                self._busy[subject] = parcel
                return parcel
        return None

    def is_outdone(self, parcel: Parcel) -> bool:
        """Whether a later message says the same thing better: how it is now, of the same subject."""
        later = self._waiting.get(parcel.message.subject, ())
        return parcel.message.latest and any(p.message.type == parcel.message.type for p in later)

    def finish(self, parcel: Parcel) -> None:
        del self._busy[parcel.message.subject]

    def oldest_ms(self) -> int | None:
        """When the oldest of them happened."""
        fronts = [lane[0].message.at_ms for lane in self._waiting.values()]
        return min([*fronts, *(p.message.at_ms for p in self._busy.values())], default=None)
