"""A red packet's decisions, pure: how coins become shares, and what opening and ending do.

**The random split.** With R coins and n shares left, a share is drawn evenly from 1 to m, m + 1 being 2R/n:
between one coin and nearly twice the average, R/n on average. 2R/n is mostly no whole number; then m + 1 is
the next smaller or the next greater one, at random, so often that the average is R/n all the same. So every
share is worth coins/count on average, exactly. The later ones would vary more, though, so all are shuffled in
the end: then no place is better or worse than another in any way, and it doesn't matter when one opens.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

from rooms.errors import Refused

SEED_BYTES = 32
ON_AIR = ("live", "interrupted")
ROOM_MAX = 20
"""Packets that may be open in a room at a time."""
SENDER_MAX = 3
"""And of one sender there."""
RETRY_MS = 10_000

Ending = Literal["empty", "expired"]


class Dice:
    """Numbers from a secret seed (BLAKE2b in counter mode), each equally likely. The same seed gives the same
    numbers again."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._block = 0
        self._left: list[int] = []

    def below(self, limit: int) -> int:
        """0 to ``limit`` - 1. What would favour the smaller ones is thrown away."""
        fair = 2**64 - 2**64 % limit
        while (number := self._next()) >= fair:
            pass
        return number % limit

    def _next(self) -> int:
        if not self._left:
            block = hashlib.blake2b(self._block.to_bytes(8, "big"), key=self._seed).digest()
            self._left = [int.from_bytes(block[at : at + 8], "big") for at in range(0, len(block), 8)]
            self._block += 1
        return self._left.pop()


def most(coins: int, count: int) -> tuple[int, int]:
    """The random split's next share of ``coins`` for ``count`` > 1: it is drawn from 1 to m, or from 1 to
    m + 1 with a chance of r in ``count``; gives (m, r). At least a coin is left for each of the others."""
    twice, rest = divmod(2 * coins, count)
    return twice - 1, rest


def split_randomly(coins: int, count: int, seed: bytes) -> list[int]:
    """``count`` shares that sum to ``coins``, at least 1 each, in the order in which they are opened."""
    dice, shares = Dice(seed), []
    for left in range(count, 1, -1):
        high, rest = most(coins, left)
        if rest and dice.below(left) < rest:
            high += 1
        share = 1 + dice.below(high)
        shares.append(share)
        coins -= share
    shares.append(coins)
    for last in range(count - 1, 0, -1):
        other = dice.below(last + 1)
        shares[last], shares[other] = shares[other], shares[last]
    return shares


def split_equally(coins: int, count: int) -> list[int]:
    """The same without luck: where it can't be divided, those who open first get a coin more."""
    each, rest = divmod(coins, count)
    return [each + 1] * rest + [each] * (count - rest)


def split(coins: int, count: int, how: str, seed: bytes) -> list[int]:
    """Raises ``ValueError`` where there isn't a coin for each."""
    if not 1 <= count <= coins:
        raise ValueError(f"{coins} coins for {count}")
    return split_randomly(coins, count, seed) if how == "random" else split_equally(coins, count)


@dataclass(frozen=True, slots=True)
class Packet:
    """A red packet as it is: ``opened`` shares of ``count`` are gone, ``left_coins`` of ``coins`` are in it.
    ``ended``: None while it can be opened. ``best_…``: the luckiest so far. ``who`` may open it: ``all``, or
    the host's ``followers``."""

    id: str
    room_id: str
    sender_id: str
    sender_name: str
    coins: int
    count: int
    split: str
    greeting: str
    sent_at_ms: int
    closes_at_ms: int
    opened: int
    left_coins: int
    ended: str | None
    ended_at_ms: int | None
    best_id: str | None
    best_name: str | None
    best_coins: int
    who: str = "all"

    def card(self) -> dict[str, Any]:
        """What never changes of it, as everybody may see it."""
        return {
            "id": self.id,
            "user": {"id": self.sender_id, "name": self.sender_name},
            "coins": self.coins,
            "count": self.count,
            "split": self.split,
            "who": self.who,
            "greeting": self.greeting,
            "sent_at_ms": self.sent_at_ms,
            "closes_at_ms": self.closes_at_ms,
        }

    def wire(self) -> dict[str, Any]:
        """As it is now. Who was luckiest is said when it has ended."""
        return {
            **self.card(),
            "room": self.room_id,
            "opened": self.opened,
            "left": self.count - self.opened,
            "left_coins": self.left_coins,
            "ended": self.ended,
            "ended_at_ms": self.ended_at_ms,
            "luckiest": self.luckiest() if self.ended else None,
        }

    def luckiest(self) -> dict[str, Any] | None:
        """Who got most, the first of equals. With equal shares nobody is."""
        if self.split != "random" or self.best_id is None:
            return None
        return {"user": {"id": self.best_id, "name": self.best_name}, "coins": self.best_coins}


def refuse_unless_open(packet: Packet, now_ms: int) -> None:
    """Raises ``Refused``: ``packet_empty``, ``over``. Both are final: shares never come back."""
    if packet.opened == packet.count:
        raise Refused("packet_empty")
    if packet.ended is not None or now_ms >= packet.closes_at_ms:
        raise Refused("over", "The time to open this packet is over.")


def refuse_strangers(packet: Packet, user_id: str, host_id: str, *, follows: bool) -> None:
    """Raises ``Refused("followers_only")``, which following mends. The host can't follow, and the sender
    needn't."""
    if packet.who == "followers" and not follows and user_id not in (host_id, packet.sender_id):
        raise Refused("followers_only")


def opened_by(packet: Packet, user_id: str, name: str, coins: int, now_ms: int) -> Packet:
    """The packet without its next share, which is worth ``coins``; ended if that was the last."""
    if coins > packet.best_coins:
        packet = replace(packet, best_id=user_id, best_name=name, best_coins=coins)
    packet = replace(packet, opened=packet.opened + 1, left_coins=packet.left_coins - coins)
    return ended(packet, "empty", now_ms) if packet.opened == packet.count else packet


def ended(packet: Packet, why: Ending, now_ms: int) -> Packet:
    """What is in it then goes back to its sender."""
    return replace(packet, ended=why, ended_at_ms=now_ms, left_coins=0)


def refuse_too_many(in_room: int, of_sender: int) -> None:
    """Raises ``Refused("too_many_packets")`` if another one may not be opened now."""
    if in_room >= ROOM_MAX or of_sender >= SENDER_MAX:
        limits = {"room": ROOM_MAX, "sender": SENDER_MAX}
        raise Refused("too_many_packets", retry_after_ms=RETRY_MS, details={"limits": limits})
