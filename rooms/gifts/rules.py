"""The rules of giving: combos, boards, and what a refund takes from whom. Pure; coins are integers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from rooms.errors import Refused
from rooms.wallet.rules import Account, Entry, wallet

COUNT_MAX = 9999
PRICE_MAX = 100_000
COMBO_MS = 5000
ON_AIR = frozenset({"live", "interrupted"})
"""One gives to a host who is there, or will be right back."""

Tier = Literal["small", "medium", "large"]
Effect = Literal["none", "float", "shower", "firework", "parade"]
Span = Literal["stream", "week", "all"]


@dataclass(frozen=True, slots=True)
class GiftRules:
    """``share_percent`` is the platform's of every gift; from ``banner_coins`` on a gift of any tier is
    announced over the picture."""

    share_percent: int = 50
    banner_coins: int = 500


@dataclass(frozen=True, slots=True)
class Combo:
    """The same viewer's same gift, again and again: what it has come to in one stream of one room.

    ``n`` is how many gifts it has, ``count`` how many pieces they are together, ``coins`` what they cost.
    """

    room_id: str
    giver_id: str
    gift_id: str
    id: str
    stream: int
    n: int
    count: int
    coins: int
    last_ms: int

    def wire(self) -> dict[str, Any]:
        return {"id": self.id, "count": self.count, "coins": self.coins}


def prolonged(last: Combo | None, fresh: Combo) -> Combo:
    """The combo with one more gift in it, which ``fresh`` would be alone; or ``fresh``, if the last is over.

    A clock that was set back doesn't end a combo, and doesn't lengthen it either.
    """
    if last is None or last.stream != fresh.stream or fresh.last_ms - last.last_ms > COMBO_MS:
        return fresh
    return replace(
        last,
        n=last.n + 1,
        count=last.count + fresh.count,
        coins=last.coins + fresh.coins,
        last_ms=max(last.last_ms, fresh.last_ms),
    )


def refuse_unless_given_freely(status: str, giver_id: str, host_id: str) -> None:
    """Raises ``Refused``: ``gift_to_self``, ``not_live``."""
    if giver_id == host_id:
        raise Refused("gift_to_self")
    if status not in ON_AIR:
        raise Refused("not_live")


def is_banner(tier: str, coins: int, rules: GiftRules) -> bool:
    return tier == "large" or coins >= rules.banner_coins


def week_of(at_ms: int) -> int:
    """The ISO week in UTC, as a number that sorts: 202601 is the first of 2026."""
    year, week, _ = datetime.fromtimestamp(at_ms // 1000, UTC).isocalendar()
    return year * 100 + week


def scope_of(span: Literal["stream", "week"], room_id: str, stream: int, week: int) -> str:
    """What a board's totals are kept under, beside the host."""
    return f"week:{week}" if span == "week" else f"stream:{room_id}:{stream}"


def giving(giver_id: str, host_id: str, host_coins: int, platform_coins: int) -> list[Entry]:
    """A gift's entries in the ledger."""
    return [
        Entry(wallet(giver_id), -(host_coins + platform_coins)),
        Entry(Account("earnings", host_id), host_coins),
        Entry(Account("platform", host_id), platform_coins),
    ]


def giving_back(
    giver_id: str, host_id: str, host_coins: int, platform_coins: int, earnings: int, platform: int
) -> list[Entry]:
    """A refund's entries. What the host has been paid out meanwhile can't be taken from these accounts any
    more; it is then owed, as a correction that the operator has to put right."""
    from_host, from_platform = min(host_coins, earnings), min(platform_coins, platform)
    owed = host_coins - from_host + platform_coins - from_platform
    return [
        Entry(wallet(giver_id), host_coins + platform_coins),
        Entry(Account("earnings", host_id), -from_host),
        Entry(Account("platform", host_id), -from_platform),
        Entry(Account("correction", host_id), -owed),
    ]
