"""A viewer's place in the log, over all its connections. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

HOLES_KEPT = 1000


class Manner(Enum):
    """How a viewer behaves."""

    STEADY = "steady"
    SLOW = "slow"
    """Enters, and never reads again."""


@dataclass(slots=True, eq=False)
class Viewer:
    """Where a viewer is, and what it was not told in order.

    ``holes`` are the spans that no frame or recovery covered; ``repeated`` counts entries that came again.
    """

    token: str | None = None
    user_id: str | None = None
    manner: Manner = Manner.STEADY
    epoch: str = ""
    offset: int = -1
    entered_at: int = -1
    gaps: int = 0
    repeated: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)
    gone: bool = False
    """Has left for good: nothing after ``offset`` is owed to it."""

    @property
    def has_entered(self) -> bool:
        return self.offset >= 0

    def begin(self, epoch: str, offset: int) -> None:
        """A snapshot was given: what lies before it is not owed any more."""
        self.epoch, self.offset = epoch, offset
        if self.entered_at < 0:
            self.entered_at = offset

    def advance(self, epoch: str, first: int, to: int) -> None:
        """The log from ``first`` to ``to`` was given."""
        if epoch != self.epoch:
            self._hole(self.offset + 1, self.offset)
            self.begin(epoch, to)
            return
        if first > self.offset + 1:
            self._hole(self.offset + 1, first - 1)
        elif first <= self.offset:
            self.repeated += min(to, self.offset) - first + 1
        self.offset = max(self.offset, to)

    def _hole(self, first: int, to: int) -> None:
        self.gaps += 1
        if len(self.holes) < HOLES_KEPT:
            self.holes.append((first, to))
