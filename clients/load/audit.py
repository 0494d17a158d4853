"""Holding what viewers were given against the room's log. No I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clients.load.spans import Fact
from clients.load.viewer import Manner, Viewer


@dataclass(frozen=True, slots=True)
class RoomLog:
    """A room's log from ``start`` + 1 to ``head``: the ascending offsets of what is shown to all."""

    epoch: str
    start: int
    head: int
    offsets: Sequence[int]

    def shown(self, first: int, to: int) -> int:
        """How many entries between two offsets, both included, are shown to all."""
        return max(0, bisect_right(self.offsets, to) - bisect_left(self.offsets, first))


@dataclass(frozen=True, slots=True)
class Verdict:
    """``lost``: entries that a viewer should have been given and was not. ``gaps``: jumps in what it was
    given. ``repeats``: entries given again. ``foreign``: entries given that the log doesn't have."""

    lost: int
    gaps: int
    repeats: int
    foreign: int


def audit(
    viewers: Iterable[Viewer], facts: Iterable[tuple[Fact, int]], log: RoomLog | None = None
) -> Verdict:
    """What went wrong. Without a log (a server that keeps none), only what the frames themselves betray."""
    lost = gaps = repeats = foreign = 0
    for viewer in viewers:
        gaps += viewer.gaps
        repeats += viewer.repeated
        if log is not None:
            lost += _owed(viewer, log)
        else:
            lost += sum(to - first + 1 for first, to in viewer.holes)
    known = frozenset(log.offsets) if log is not None else frozenset()
    for fact, times in facts:
        missing = fact.unaccounted
        if log is not None and fact.first > log.start and fact.to <= log.head:
            came = set(fact.offsets)
            foreign += len(came - known - fact.own) * times
            # What the log shows to all and the frame has not must have been counted as left out.
            missing = max(missing, log.shown(fact.first, fact.to) - len(came & known) - fact.skipped)
        lost += missing * times
    return Verdict(lost, gaps, repeats, foreign)


def _owed(viewer: Viewer, log: RoomLog) -> int:
    if not viewer.has_entered or viewer.epoch != log.epoch:
        return 0
    missing = sum(log.shown(first, to) for first, to in viewer.holes)
    if not viewer.gone and viewer.manner is Manner.STEADY:
        missing += log.shown(viewer.offset + 1, log.head)
    return missing
