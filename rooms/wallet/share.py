"""How what a viewer gives is shared between the host and the platform. Pure, exact to the coin."""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """Together they are what was given."""

    host: int
    platform: int


def split(coins: int, share_percent: int) -> Share:
    """``share_percent`` (0-100) of the coins are the platform's.

    What can't be divided is the host's: the platform's share is rounded down, so that of a single coin the
    host gets that coin. The whole of a gift is shared at once, not each of its pieces.

    Raises ``ValueError`` for a share that isn't between 0 and 100, or coins below zero.
    """
    if not 0 <= share_percent <= 100 or coins < 0:
        raise ValueError(f"{share_percent} per cent of {coins} coins")
    platform = coins * share_percent // 100
    return Share(coins - platform, platform)
