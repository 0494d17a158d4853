"""Serial number arithmetic for 16-bit sequence numbers and 32-bit timestamps (RFC 1982, RFC 3550)."""

from __future__ import annotations


def distance16(new: int, old: int) -> int:
    """How far ``new`` is ahead of ``old``, in -32768..32767, over the wrap of 16-bit numbers."""
    return ((new - old + 0x8000) & 0xFFFF) - 0x8000


def distance32(new: int, old: int) -> int:
    """How far ``new`` is ahead of ``old``, in -2**31..2**31-1, over the wrap of 32-bit numbers."""
    return ((new - old + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Unwrapper:
    """Turns 16-bit numbers that arrive roughly in order into integers that never wrap."""

    __slots__ = ("highest",)

    def __init__(self) -> None:
        self.highest: int | None = None

    def unwrap(self, number: int) -> int:
        """The number nearest to the highest one seen that has these low 16 bits."""
        if self.highest is None:
            self.highest = number
            return number
        extended = self.highest + distance16(number, self.highest & 0xFFFF)
        self.highest = max(self.highest, extended)
        return extended
