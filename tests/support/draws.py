"""Published files of draws that never took place, always the same for the same arguments."""

from __future__ import annotations

import hashlib
from typing import Any

from rooms.play.lotteries import draw


def entries(count: int, *, weighted: bool = True) -> list[str]:
    """The sorted list of so many entrants."""
    lines = []
    for n in range(count):
        digest = hashlib.sha256(str(n).encode()).hexdigest()
        lines.append(draw.line_of(digest[:32], digest[32:], 1 + n % 7 if weighted else 1))
    return sorted(lines)


def draw_file(
    count: int, *, winners: int, late: int = 0, seed: bytes = b"a seed", weighted: bool = True
) -> dict[str, Any]:
    """A draw among ``count``, of whose first winners ``late`` didn't claim."""
    seed = hashlib.sha256(seed).digest()
    rules = {
        "id": "01",
        "room": "tea",
        "title": "Tea for two · 茶",
        "conditions": [{"kind": "comment", "phrase": 'tea "please" \\ 茶'}],
        "weights": {"by": "gift_coins", "per": 100, "max": 7} if weighted else None,
        "winners": winners,
        "opened_at_ms": 1_800_000_000_000,
        "closes_by_ms": 1_800_000_060_000,
        "claim_s": 600,
        "unclaimed": "redraw",
    }
    prizes = [{"kind": "coins", "ref": None, "amount": 10, "count": winners, "title": ""}]
    lines = entries(count, weighted=weighted)
    hashed = draw.EntrantsHash()
    hashed.update(lines)
    weights = [int(line[66:]) for line in lines]
    rules_hash, prizes_hash = draw.rules_hash(rules), draw.prizes_hash(prizes)
    places = draw.places(weights, seed, hashed.digest(), winners + late)
    return {
        "format": draw.FORMAT,
        "rules": rules,
        "prizes": prizes,
        "opened": {
            "commitment": draw.commitment(seed, rules_hash, prizes_hash).hex(),
            "rules_hash": rules_hash.hex(),
            "prizes_hash": prizes_hash.hex(),
        },
        "closed": {"count": count, "weight": sum(weights), "hash": hashed.digest().hex()},
        "seed": seed.hex(),
        "winners": [
            {
                "place": place,
                "entry": lines[at][:32],
                "prize": place if place < winners else place - winners,
                "status": "unclaimed" if place < late else "claimed",
            }
            for place, at in enumerate(places)
        ],
        "entries": lines,
    }
