"""What the audit keeps of files and stock that a seller's shop sends: who, how much, and what was refused.

A job is many transactions. It is noted with the first, and its outcome when all are done: a job that a crash
cut short has its first line only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps
from rooms.shop.store import PRODUCTS
from rooms.unit import Unit

REFUSED_KEPT = 20
_NAMES = ("row", "sku_row", "sku", "external_id")


@dataclass(frozen=True, slots=True)
class SellerJob:
    """``action``: ``products.import`` or ``stock.put``. ``digest``: SHA-256 of what was sent, in hexadecimal.
    ``about``: its size and form."""

    seller_id: str
    action: str
    digest: str
    about: Mapping[str, Any]


class Jobs:
    """Notes them in the seller's trail."""

    def __init__(self, standing: Standing, audit: Audit) -> None:
        self._standing = standing
        self._audit = audit

    def begin(self, tx: Unit, job: SellerJob, caller: Caller) -> None:
        """In the transaction of the job's first lines."""
        self._audit.note_of_seller(tx, job.seller_id, caller, job.action, job.digest, dict(job.about))

    def end(self, tx: Unit, job: SellerJob, outcome: Mapping[str, Any], caller: Caller) -> Steps[Any]:
        """``outcome`` as ``tally`` gives it."""
        yield PRODUCTS.rows()
        self._standing.require_seller(caller, job.seller_id)
        detail = {**job.about, **outcome}
        self._audit.note_of_seller(tx, job.seller_id, caller, f"{job.action}.done", job.digest, detail)
        return {}


def tally(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What became of a job's lines: how many of each ``status`` (``done`` where a line has none), why lines
    were refused, and which ones, the first few. Pure."""
    statuses: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    for line in lines:
        error = line.get("error")
        statuses["refused" if error else line.get("status", "done")] += 1
        if error:
            codes[error["code"]] += 1
            if len(refused) < REFUSED_KEPT:
                refused.append(
                    {name: line[name] for name in _NAMES if name in line} | {"code": error["code"]}
                )
    return {**statuses} | ({"refusals": dict(codes), "refused_lines": refused} if refused else {})
