"""What of a draw is done outside of transactions: the list of entrants, taken in part by part. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from rooms.play.lotteries import draw

PART = 10_000
"""Entries that are read and hashed at a time: some ten milliseconds."""


class Entrants:
    """A lottery's sorted list, about 90 bytes an entrant: its hash, and who has which place."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._weights = array("Q")
        self._hash = draw.EntrantsHash()
        self.last = ""

    def add(self, lines: Sequence[str]) -> None:
        """The next part of the list: ``PART`` lines, or fewer in the last one."""
        self._hash.update(lines)
        self._parts.append("".join([line[:32] for line in lines]).encode("ascii"))
        self._weights.extend([int(line[66:]) for line in lines])
        self.last = lines[-1][:32]

    @property
    def count(self) -> int:
        return len(self._weights)

    @property
    def weight(self) -> int:
        return sum(self._weights)

    def digest(self) -> bytes:
        return self._hash.digest()

    def places(self, seed: bytes, count: int) -> list[str]:
        """The tags of those who have the first ``count`` places."""
        return [self._tag(at) for at in draw.places(self._weights, seed, self.digest(), count)]

    def _tag(self, at: int) -> str:
        part, place = divmod(at, PART)
        return self._parts[part][place * 32 : place * 32 + 32].decode("ascii")
