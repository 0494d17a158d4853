"""Flash sales: announced, begun and ended by the host, the clock, or the last unit paid for.

A sale's row is its SKU's: whoever changes it, or buys, holds its lock. A sale that is over leaves the table
and is kept among the past ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rooms.commands import EndSale, StartSale
from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, TimerRow
from rooms.ports import Audit, Caller, Standing
from rooms.rows import Steps, new_id
from rooms.shop import sale_rules as rules
from rooms.shop.sale_store import (
    PAST_SALES,
    SALE_BUYERS,
    SALES,
    PastSaleRow,
    SaleBuyerRow,
    SaleRow,
    read_sku_of_sale,
)
from rooms.shop.shelf import SHELF
from rooms.shop.store import PRODUCTS, SKUS, OrderRow, SkuRow, read_product_id
from rooms.unit import Unit

SALE_TIMER = "sale.turn"


class Sales:
    """The commands ``sale.start`` and ``sale.end``, and the turns that the clock brings."""

    def __init__(self, standing: Standing, audit: Audit) -> None:
        self._standing = standing
        self._audit = audit

    def start(self, tx: Unit, cmd: StartSale, caller: Caller) -> Steps[Any]:
        """Announce a sale, or begin it at once. Refuses with ``forbidden``, ``not_found``, ``sale_exists``,
        ``not_enough_stock``, ``bad_request``."""
        # The product's lock keeps its removal, and another sale of the SKU, from coming in between.
        product_id = read_product_id(tx.conn, cmd.sku) or ""
        yield PRODUCTS.rows(product_id)
        yield SALES.rows(cmd.sku)
        yield SKUS.rows(cmd.sku)
        before = tx.get(SALES, cmd.sku)
        yield ROOMS.rows(cmd.room, before.room_id if before else cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, product_id))
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_products")
        sku, shown = tx.get(SKUS, cmd.sku), tx.get(SHELF, cmd.room, product_id)
        if sku is None or shown is None:
            raise Refused("not_found", "There is no such product on this room's shelf.")
        before = tx.get(SALES, cmd.sku)
        if before is not None and rules.phase(before, tx.now_ms) != "ended":
            raise Refused("sale_exists", details={"sale": before.id})
        sale = rules.planned(cmd, sku, new_id(), tx.now_ms)
        if before is not None:
            end_sale(tx, before, "time")
        tx.put(SALES, sale)
        if sale.status == "running":
            tx.append(cmd.room, "sale.started", {"sale": sale.wire()})
            say_what_is_left(tx, sku)
        else:
            tx.append(cmd.room, "sale.scheduled", {"sale": sale.wire()})
            tx.wake(SALE_TIMER, _ref(sale), cmd.room, sale.starts_at_ms)
        tx.wake(SALE_TIMER, _ref(sale), cmd.room, sale.ends_at_ms)
        self._audit.note(tx, cmd.room, caller, "sale.start", sale.id, sale.wire())
        return {"sale": sale.wire()}

    def end(self, tx: Unit, cmd: EndSale, caller: Caller) -> Steps[Any]:
        """End it early, or call it off. Refuses with ``forbidden``, ``not_found``, ``sale_ended``."""
        sku_id = read_sku_of_sale(tx.conn, cmd.sale) or ""
        yield SALES.rows(sku_id)
        yield SKUS.rows(sku_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield PAST_SALES.rows(cmd.sale)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_products")
        sale, past = tx.get(SALES, sku_id), tx.get(PAST_SALES, cmd.sale)
        if past is not None and past.room_id == cmd.room:
            raise Refused("sale_ended", details={"reason": past.reason})
        if sale is None or sale.id != cmd.sale or sale.room_id != cmd.room:
            raise Refused("not_found", "There is no such sale in this room.")
        ended = end_sale(tx, sale, "host")
        self._audit.note(tx, cmd.room, caller, "sale.end", sale.id, ended.wire())
        return {"sale": ended.wire()}

    def turn(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of a start or an end: whatever the clock says is done, unless it is done already."""
        sku_id, _, sale_id = timer.ref.partition(" ")
        yield TIMERS.rows(timer.id)
        yield SALES.rows(sku_id)
        yield SKUS.rows(sku_id)
        yield ROOMS.rows(timer.room_id)
        if tx.get(TIMERS, timer.id) is None or timer.due_at_ms > tx.now_ms:
            return {}
        tx.drop(TIMERS, timer.id)
        sale, sku = tx.get(SALES, sku_id), tx.get(SKUS, sku_id)
        if sale is None or sale.id != sale_id:
            return {}
        at = rules.phase(sale, tx.now_ms)
        if at == "ended":
            end_sale(tx, sale, "time")
        elif at == "running" and sale.status == "running":
            # The last unit was sold in another room that shows the product.
            end_if_sold_out(tx, sale, sale.room_id)
        elif at == "running":
            sale = tx.put(SALES, replace(sale, status="running"))
            tx.append(sale.room_id, "sale.started", {"sale": sale.wire()})
            if sku is not None:
                say_what_is_left(tx, sku)
        return {}


def _ref(sale: SaleRow) -> str:
    return f"{sale.sku} {sale.id}"


# What orders and the shelf do to a sale. The rows of `SALES` and `SKUS` and the room must have been loaded.


def end_sale(tx: Unit, sale: SaleRow, reason: str) -> PastSaleRow:
    """The sale is over; holds at its price stay. ``reason``: ``sold_out``, ``time``, ``host``,
    ``product_removed``."""
    past = tx.put(PAST_SALES, PastSaleRow.of(sale, tx.now_ms, reason))
    tx.drop(SALES, sale.sku)
    tx.append(sale.room_id, "sale.ended", {"id": sale.id, "reason": reason})
    sku = tx.get(SKUS, sale.sku)
    if sku is not None:
        say_what_is_left(tx, sku)
    return past


def say_what_is_left(tx: Unit, sku: SkuRow) -> None:
    """Let the next signals of the rooms that show it say what can be bought now: where a sale runs, no more
    than is left of it."""
    sale = tx.get(SALES, sku.id)
    tx.stock_left(sku.id, sku.stock, in_room={sale.room_id: rules.on_offer(sku, sale)} if sale else {})


def sale_of(tx: Unit, order: OrderRow) -> SaleRow | None:
    """The sale at whose price the order was made, if it isn't over."""
    sale = tx.get(SALES, order.sku)
    return sale if sale is not None and sale.id == order.sale_id else None


def count_bought(tx: Unit, sale: SaleRow, buyer_id: str, qty: int) -> None:
    """``qty`` more (or fewer) units are this buyer's. ``SALE_BUYERS`` must have been asked for."""
    before = tx.get(SALE_BUYERS, sale.id, buyer_id)
    tx.put(SALE_BUYERS, SaleBuyerRow(sale.id, buyer_id, (before.qty if before else 0) + qty))


def end_if_sold_out(tx: Unit, sale: SaleRow, room_id: str) -> None:
    """``room_id`` is locked. A sale in another room is ended by its own turn, which comes at once."""
    if not rules.is_sold_out(sale, tx.get(SKUS, sale.sku)):
        return
    if sale.room_id == room_id:
        end_sale(tx, sale, "sold_out")
    else:
        tx.wake(SALE_TIMER, _ref(sale), sale.room_id, tx.now_ms)
