"""The recent packets of a track, one copy for all viewers, so that any of them can have one again."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """Keeps the latest ``size`` sequence numbers (never wrapping integers); older ones are forgotten."""

    __slots__ = ("_mask", "_slots")

    def __init__(self, size: int) -> None:
        if size <= 0 or size & (size - 1):
            raise ValueError("the size of a ring is a power of two")
        self._mask = size - 1
        self._slots: list[tuple[int, T] | None] = [None] * size

    def put(self, sequence: int, item: T) -> bool:
        """Stores; false when it is a repeat or older than what is in its place."""
        slot = self._slots[sequence & self._mask]
        if slot is not None and slot[0] >= sequence:
            return False
        self._slots[sequence & self._mask] = (sequence, item)
        return True

    def get(self, sequence: int) -> T | None:
        slot = self._slots[sequence & self._mask]
        return slot[1] if slot is not None and slot[0] == sequence else None
