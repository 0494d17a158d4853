"""Stock sync: what the shop behind says is on hand, SKU by SKU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import Field
from sqlalchemy import Connection, select

from rooms.commands import ExternalId, Id, Stock, StockDelta, Version
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller, Standing
from rooms.rows import Steps
from rooms.shop.rules import count_anew, refuse_stale, restock
from rooms.shop.sale_store import SALES
from rooms.shop.sales import say_what_is_left
from rooms.shop.shelf import read_shelves_of
from rooms.shop.store import SKUS, SkuRow, skus_table
from rooms.unit import Unit


class StockRow(BaseModel):
    """One SKU's stock: ``set`` is what is on hand, held units included; ``change`` adds or takes away. With
    ``version`` it is refused (``stale_version``) if what is on hand has changed since that version."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sku: Id | None = None
    external_id: ExternalId | None = None
    set: Annotated[Stock | None, Field(description="On hand, held units included.")] = None
    change: StockDelta | None = None
    version: Version | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.sku is None) == (self.external_id is None):
            raise ValueError("give either sku or external_id")
        if (self.set is None) == (self.change is None):
            raise ValueError("give either set or change")
        return self


def adjust(sku: SkuRow, row: StockRow) -> SkuRow:
    """The SKU after the shop's word. Raises ``Refused``: ``stale_version``, ``not_enough_stock``."""
    refuse_stale(sku, row.version)
    return restock(sku, row.change or 0) if row.set is None else count_anew(sku, row.set)


class StockSync:
    """Writes rows of stock, each by itself."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def write(self, tx: Unit, seller_id: str, rows: Sequence[StockRow], caller: Caller) -> Steps[Any]:
        """A result for each row, as ``{lines}`` in their order: ``{sku, external_id, stock, held, version}``
        as it is then, or ``{sku, external_id, error}``; a SKU that isn't the seller's is ``not_found``. Rows
        of one SKU follow each other. Refuses as a whole only with ``forbidden``."""
        self._standing.require_seller(caller, seller_id)
        ids = find_skus(tx.conn, seller_id, rows)
        known = {sku_id for sku_id in ids if sku_id}
        yield SALES.rows(*known)
        yield SKUS.rows(*known)
        shelves = read_shelves_of(tx.conn, {sku.product_id for i in known if (sku := tx.get(SKUS, i))})
        yield ROOMS.rows(*{row.room_id for row in shelves})
        before = {sku_id: tx.get(SKUS, sku_id) for sku_id in known}
        items = [self._one(tx, seller_id, sku_id, row) for sku_id, row in zip(ids, rows, strict=True)]
        for sku_id in sorted(known):
            sku = tx.get(SKUS, sku_id)
            if sku is not None and sku != before[sku_id]:
                _tell(tx, sku, [row.room_id for row in shelves if row.product_id == sku.product_id])
        return {"lines": items}

    def _one(self, tx: Unit, seller_id: str, sku_id: str | None, row: StockRow) -> dict[str, Any]:
        sku = tx.get(SKUS, sku_id) if sku_id else None
        if sku is None or sku.seller_id != seller_id:
            return {"sku": row.sku, "external_id": row.external_id, "error": error_of(Refused("not_found"))}
        named = {"sku": sku.id, "external_id": sku.external_id}
        try:
            new = adjust(sku, row)
        except Refused as refused:
            return named | {"error": error_of(refused)}
        if new != sku:
            tx.put(SKUS, new)
        if new.stock != sku.stock:
            say_what_is_left(tx, new)
        return named | {"stock": new.stock, "held": new.held, "version": new.version}


def _tell(tx: Unit, sku: SkuRow, room_ids: Sequence[str]) -> None:
    """Viewers get what is left as a signal; who reads the logs later (webhooks) needs it in one."""
    for room_id in room_ids:
        data = {"sku": sku.id, "stock": sku.stock, "held": sku.held, "version": sku.version}
        tx.brief(room_id, "stock", data, action="see_orders")


def find_skus(conn: Connection, seller_id: str, rows: Sequence[StockRow]) -> list[str | None]:
    """The rows' SKUs by id; None: the seller has none of that external id."""
    names = sorted({row.external_id for row in rows if row.external_id is not None})
    columns = skus_table.c
    found: dict[str, str] = {}
    if names:
        query = select(columns.external_id, columns.id).where(
            columns.seller_id == seller_id, columns.external_id.in_(names)
        )
        found = {record.external_id: record.id for record in conn.execute(query)}
    return [row.sku if row.external_id is None else found.get(row.external_id) for row in rows]


def error_of(refused: Refused) -> dict[str, Any]:
    """What is wrong with one row of several."""
    wire: dict[str, Any] = {"code": refused.code, "message": refused.message}
    return wire | ({"details": refused.details} if refused.details is not None else {})
