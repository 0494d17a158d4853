"""What coins cost, and what costs coins. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CoinPack:
    """So many coins for a price in money."""

    id: str
    coins: int
    price_minor: int
    currency: str

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "coins": self.coins,
            "price_minor": self.price_minor,
            "currency": self.currency,
        }


@dataclass(frozen=True, slots=True)
class CoinRules:
    """``worth_minor``: by currency, for how many minor units a hundred coins are taken as payment. What is
    sold in another currency can't be bought with coins."""

    packs: Sequence[CoinPack] = ()
    worth_minor: Mapping[str, int] | None = None

    def pack(self, pack_id: str) -> CoinPack | None:
        return next((pack for pack in self.packs if pack.id == pack_id), None)

    def price(self, total_minor: int, currency: str) -> int | None:
        """What an amount of money is in coins, rounded up to whole ones; None: not to be had for coins."""
        worth = (self.worth_minor or {}).get(currency)
        return None if worth is None else -(-total_minor * 100 // worth)
