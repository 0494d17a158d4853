"""The decisions about flash sales, pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rooms.commands import StartSale
from rooms.errors import Refused
from rooms.shop.pricing import SalePrice
from rooms.shop.sale_store import PastSaleRow, SaleRow
from rooms.shop.store import SkuRow

Phase = Literal["scheduled", "running", "ended"]

AHEAD_MAX_MS = 30 * 24 * 3_600_000
"""How far ahead a sale can be announced."""
STOCK_HELD_RETRY_MS = 5000


def phase(sale: SaleRow, now_ms: int) -> Phase:
    """What is so by the clock: a sale is bought in from its first millisecond, whether or not the timer that
    says so to the room has come around yet."""
    if now_ms < sale.starts_at_ms:
        return "scheduled"
    return "running" if now_ms < sale.ends_at_ms else "ended"


def planned(cmd: StartSale, sku: SkuRow, sale_id: str, now_ms: int) -> SaleRow:
    """The sale that a command asks for, ``running`` if it begins at once; raises ``Refused``:
    ``bad_request`` for a start in the past or a price above the list's, ``not_enough_stock``."""
    starts_at_ms = now_ms + 1000 * (cmd.countdown_s or 0) if cmd.starts_at_ms is None else cmd.starts_at_ms
    if not now_ms <= starts_at_ms <= now_ms + AHEAD_MAX_MS:
        raise Refused("bad_request", "starts_at_ms: between now and 30 days from now, please")
    if cmd.price_minor > sku.price_minor:
        raise Refused("bad_request", "price_minor: a sale's price can't be above the list price")
    if cmd.quantity > sku.stock:
        raise Refused("not_enough_stock", details={"left": sku.stock})
    return SaleRow(
        sku=sku.id,
        id=sale_id,
        room_id=cmd.room,
        product_id=sku.product_id,
        price_minor=cmd.price_minor,
        currency=sku.currency,
        quantity=cmd.quantity,
        remaining=cmd.quantity,
        held=0,
        per_buyer=cmd.per_buyer,
        starts_at_ms=starts_at_ms,
        ends_at_ms=starts_at_ms + 1000 * cmd.duration_s,
        status="running" if starts_at_ms == now_ms else "scheduled",
        stackable=int(cmd.stackable),
        created_at_ms=now_ms,
    )


def applying(
    sale: SaleRow | None, past: PastSaleRow | None, named: str | None, now_ms: int
) -> SaleRow | None:
    """The sale whose price a buyer gets: the SKU's, if it runs. Raises ``Refused`` if another one was named:
    ``not_started``, ``sold_out``, ``sale_ended``, ``not_found``. ``past`` is the named one, if it is over."""
    at = phase(sale, now_ms) if sale else "ended"
    if named is None or (sale is not None and named == sale.id and at == "running"):
        return sale if at == "running" else None
    if sale is not None and named == sale.id:
        if at == "ended":
            raise Refused("sale_ended")
        wait_ms = sale.starts_at_ms - now_ms
        raise Refused("not_started", retry_after_ms=wait_ms, details={"starts_at_ms": sale.starts_at_ms})
    if past is None:
        raise Refused("not_found", "There is no such sale of this product.")
    raise Refused("sold_out" if past.reason == "sold_out" else "sale_ended")


def price_of(sale: SaleRow) -> SalePrice:
    return SalePrice(sale.id, sale.price_minor, stackable=bool(sale.stackable))


def take(sale: SaleRow, qty: int, bought: int) -> SaleRow:
    """Hold some for somebody who has ``bought`` units of it; raises ``Refused``: ``sold_out``,
    ``stock_held``, ``buyer_limit``, ``not_enough_stock``."""
    if sale.remaining == 0:
        if sale.held:
            raise Refused("stock_held", retry_after_ms=STOCK_HELD_RETRY_MS)
        raise Refused("sold_out")
    if bought + qty > sale.per_buyer:
        left = max(sale.per_buyer - bought, 0)
        raise Refused("buyer_limit", details={"limit": sale.per_buyer, "left": left})
    if sale.remaining < qty:
        raise Refused("not_enough_stock", details={"left": sale.remaining})
    return replace(sale, remaining=sale.remaining - qty, held=sale.held + qty)


def give_back(sale: SaleRow, qty: int) -> SaleRow:
    """A hold at the sale's price ends unpaid: others may have it."""
    return replace(sale, remaining=sale.remaining + qty, held=sale.held - qty)


def sell(sale: SaleRow, qty: int) -> SaleRow:
    """A hold at the sale's price is paid."""
    return replace(sale, held=sale.held - qty)


def take_back(sale: SaleRow, qty: int) -> SaleRow:
    """What was paid for is back on the shelf."""
    return replace(sale, remaining=sale.remaining + qty)


def is_sold_out(sale: SaleRow, sku: SkuRow | None) -> bool:
    """Whether nothing is left and nothing can come back: of the sale, or of the stock below it."""
    if sale.remaining == 0 and sale.held == 0:
        return True
    return sku is None or (sku.stock == 0 and sku.held == 0)


def on_offer(sku: SkuRow, sale: SaleRow | None) -> int:
    """What can be bought now: while a sale runs, no more than is left of it."""
    return sku.stock if sale is None or sale.status != "running" else min(sku.stock, sale.remaining)
