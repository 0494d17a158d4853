"""One clock for the pings of all connections: who is due for what at each turn. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turn(Generic[T]):
    """Who is due: to be pinged, to have answered the last ping, to have connected."""

    to_ping: tuple[T, ...]
    to_have_answered: tuple[T, ...]
    to_have_connected: tuple[T, ...]


class Wheel(Generic[T]):
    """A member is pinged each ``ping_turns`` turns, counted from when it joined, so pings are spread as
    arrivals were; ``answer_turns`` later it must have answered. ``connect_turns`` after it joined, and then
    each ``ping_turns``, it is looked at whether it has connected."""

    def __init__(self, *, ping_turns: int, answer_turns: int, connect_turns: int) -> None:
        if not (0 < answer_turns < ping_turns and 0 < connect_turns < ping_turns):
            raise ValueError("answers and connects are due within one round of pings")
        self._slots: list[set[T]] = [set() for _ in range(ping_turns)]
        self._answer_turns = answer_turns
        self._connect_turns = connect_turns
        self._at = 0

    def __iter__(self) -> Iterator[T]:
        for slot in self._slots:
            yield from slot

    def join(self, member: T) -> int:
        """Give the member a place, which ``leave`` wants back."""
        self._slots[self._at].add(member)
        return self._at

    def leave(self, member: T, slot: int) -> None:
        self._slots[slot].discard(member)

    def turn(self) -> Turn[T]:
        """Go on by one turn."""
        self._at = (self._at + 1) % len(self._slots)
        return Turn(
            tuple(self._slots[self._at]),
            tuple(self._slots[self._at - self._answer_turns]),
            tuple(self._slots[self._at - self._connect_turns]),
        )
