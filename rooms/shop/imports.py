"""Upserting products from a file: what each line comes to (pure), and a chunk of lines as one command.

Lines of one product go together. Each line is done or refused by itself; a product whose every line is
refused stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select

from rooms.commands import SKUS_MAX
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller, Standing
from rooms.rows import Steps, new_id
from rooms.shop.changes import count_products, put_changes
from rooms.shop.rules import count_anew, refuse_stale
from rooms.shop.sale_store import SALES
from rooms.shop.sheets import Fault, FileHead, FileSku, Line
from rooms.shop.shelf import SHELF, ShelfRow, read_shelves_of
from rooms.shop.shelves import Shelves
from rooms.shop.stock import error_of
from rooms.shop.store import (
    PRODUCTS,
    SKUS,
    ProductRow,
    SkuRow,
    in_order,
    products_table,
    read_products,
    read_skus,
    skus_table,
)
from rooms.unit import Unit

PER_SELLER_MAX = 20_000

LINES_AT_ONCE = 25
"""Lines of the first transaction, far below the 20 ms that nothing may hold the writer longer than; and of
one look at what a file would come to."""

Entry = Sequence[Line]
"""The lines of one product, in the order of the file."""


# Before the database is asked


def grouped(lines: Iterable[Line | Fault]) -> tuple[list[Entry], list[Fault]]:
    """The file's lines by product, and those that contradict a line before them."""
    entries: dict[tuple[str, str], list[Line]] = {}
    faults: list[Fault] = []
    names: dict[str, int] = {}
    for line in lines:
        if isinstance(line, Fault):
            faults.append(line)
            continue
        entry = entries.setdefault(line.product_key, [])
        try:
            _refuse_contradiction(line, entry, names)
        except Refused as refused:
            faults.append(Fault(line.place, refused))
            continue
        entry.append(line)
        if line.sku.external_id is not None:
            names[line.sku.external_id] = line.place.row
    return [entry for entry in entries.values() if entry], faults


def _refuse_contradiction(line: Line, entry: Entry, names: Mapping[str, int]) -> None:
    if (seen := names.get(line.sku.external_id or "")) is not None:
        raise Refused("external_id_taken", f"Row {seen} has this SKU's external id already.")
    if len(entry) >= SKUS_MAX:
        raise Refused("too_many", f"A product has at most {SKUS_MAX} SKUs.", details={"limit": SKUS_MAX})
    for before in entry:
        if line.place.sku_row is not None and before.place.row != line.place.row:
            raise Refused("external_id_taken", f"Row {before.place.row} is this product already.")
        if _sku_key(line.sku) == _sku_key(before.sku):
            raise Refused("bad_request", f"Row {before.place.row} is this SKU already.")
        for name in FileHead.model_fields:
            mine, theirs = getattr(line.head, name), getattr(before.head, name)
            if mine is not None and theirs is not None and mine != theirs:
                raise Refused(
                    "bad_request", f"{name}: row {before.place.row} says otherwise of this product."
                )


def _sku_key(sku: FileSku) -> tuple[str | None, ...]:
    if sku.id is not None:
        return ("id", sku.id)
    return ("external_id", sku.external_id) if sku.external_id is not None else ("name", sku.name or "")


def chunks(entries: Iterable[Entry], limit: int = LINES_AT_ONCE) -> Iterator[list[Entry]]:
    """Entries for one transaction each; none has more than ``limit`` lines, unless a product alone does."""
    chunk: list[Entry] = []
    lines = 0
    for entry in entries:
        if chunk and lines + len(entry) > limit:
            yield chunk
            chunk, lines = [], 0
        chunk.append(entry)
        lines += len(entry)
    if chunk:
        yield chunk


# Deciding


@dataclass(slots=True)
class Found:
    """What there is already, and what the lines so far have made of it: products and SKUs by product, and
    which product the SKU of an external id belongs to."""

    products: dict[str, ProductRow]
    skus: dict[str, list[SkuRow]]
    owners: dict[str, str]
    _names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = {p.external_id: p.id for p in self.products.values() if p.external_id}

    def named(self, external_id: str | None) -> ProductRow | None:
        if external_id is None:
            return None
        return self.products.get(self._names.get(external_id, ""))

    def product(self, entry: Entry) -> ProductRow | None:
        kind, key = entry[0].product_key
        return self.products.get(key) if kind == "id" else self.named(key)

    def keep(self, product: ProductRow, skus: list[SkuRow]) -> None:
        self.products[product.id], self.skus[product.id] = product, skus
        if product.external_id:
            self._names[product.external_id] = product.id
        self.owners |= {sku.external_id: product.id for sku in skus if sku.external_id}


@dataclass(slots=True)
class Outcome:
    """What an entry comes to: the product before and after (None: nothing is made of it), and its lines'."""

    old: tuple[ProductRow, list[SkuRow]] | None
    product: ProductRow | None
    skus: list[SkuRow]
    results: list[dict[str, Any]] = field(default_factory=list)


def decide(entry: Entry, found: Found, seller_id: str, now_ms: int, space: int = SKUS_MAX) -> Outcome:
    """Every line has one result, in their order: ``{row, status, product, sku}`` or ``{row, status, error}``.
    What is made of the product is put into ``found``, for the entries after this one. ``space``: how many
    SKUs more the shelves that show the product have room for."""
    old = found.product(entry)
    old_skus = found.skus.get(old.id, []) if old else []
    try:
        product = _product(entry, old, found, seller_id, now_ms)
    except Refused as refused:
        return Outcome(None, None, [], [refused_line(Fault(line.place, refused)) for line in entry])
    outcome = Outcome((old, old_skus) if old else None, product, list(old_skus))
    limit = min(SKUS_MAX, len(old_skus) + max(space, 0))
    head_changed = old is not None and product != old
    for line in entry:
        alone = old_skus[0] if len(old_skus) == 1 and len(entry) == 1 else None
        try:
            result = _take(
                outcome.skus, line, product, _currency(entry, old_skus), found.owners, alone, limit
            )
        except Refused as refused:
            outcome.results.append(refused_line(Fault(line.place, refused)))
            continue
        if head_changed and result["status"] == "unchanged":
            result["status"] = "updated"
        head_changed = False
        outcome.results.append(result)
    if all("error" in result for result in outcome.results):
        outcome.product = None
    else:
        found.keep(product, outcome.skus)
    return outcome


def _currency(entry: Entry, skus: Sequence[SkuRow]) -> str | None:
    """The product's one currency: the one that it has, or the first that the file says."""
    if skus:
        return skus[0].currency
    return next((line.head.currency for line in entry if line.head.currency), None)


def refused_line(fault: Fault) -> dict[str, Any]:
    """A line's result."""
    return {**fault.place.wire(), "status": "refused", "error": error_of(fault.refused)}


def _product(entry: Entry, old: ProductRow | None, found: Found, seller_id: str, now_ms: int) -> ProductRow:
    said: dict[str, Any] = {}
    for line in entry:
        for name in ("external_id", "title", "category", "description", "pictures"):
            if (value := getattr(line.head, name)) is not None:
                said.setdefault(name, list(value) if name == "pictures" else value)
    namesake = found.named(said.get("external_id"))
    if namesake is not None and namesake is not old:
        raise Refused("external_id_taken")
    if old is not None:
        if old.external_id is not None and said.get("external_id", old.external_id) != old.external_id:
            raise Refused("external_id_taken", "This product has another external id already.")
        return replace(old, **said)
    if entry[0].head.id is not None:
        raise Refused("not_found", "The seller has no product with this id.")
    if "title" not in said:
        raise Refused("bad_request", "title: a new product needs one.")
    fields: dict[str, Any] = {"category": "", "description": "", "pictures": []} | said
    return ProductRow(id=new_id(), seller_id=seller_id, created_at_ms=now_ms, **fields)


def _take(
    skus: list[SkuRow],
    line: Line,
    product: ProductRow,
    currency: str | None,
    owners: Mapping[str, str],
    alone: SkuRow | None,
    limit: int,
) -> dict[str, Any]:
    """Put one line into the product's SKUs; gives its result. Raises ``Refused``."""
    if currency is None:
        raise Refused("bad_request", "currency: a new product needs one.")
    if line.head.currency not in (None, currency):
        raise Refused("bad_request", f"currency: a product has one, and this one's is {currency}.")
    if owners.get(line.sku.external_id or "", product.id) != product.id:
        raise Refused("external_id_taken")
    old = _match(skus, line.sku, alone)
    new = _edited(old, line.sku) if old else _new_sku(skus, line.sku, product, currency, limit)
    if any(sku.name == new.name for sku in skus if sku.id != new.id):
        raise Refused("bad_request", "name: another SKU of the product has this one.")
    if old is None:
        skus.append(new)
        status = "created"
    else:
        skus[skus.index(old)] = new
        status = "unchanged" if new == old else "updated"
    return {**line.place.wire(), "status": status, "product": product.id, "sku": new.id}


def _match(skus: Sequence[SkuRow], said: FileSku, alone: SkuRow | None) -> SkuRow | None:
    """The SKU that a line means: by id, by external id, by name; ``alone`` if it says nothing of these."""
    if said.id is not None:
        found = next((sku for sku in skus if sku.id == said.id), None)
        if found is None:
            raise Refused("not_found", "The product has no SKU with this id.")
        return found
    if said.external_id is not None:
        for sku in skus:
            if sku.external_id == said.external_id:
                return sku
    elif said.name is None and alone is not None:
        return alone
    # One that has no external id yet, or that the file doesn't name by it, goes by its name.
    for sku in skus:
        if sku.name == (said.name or "") and (said.external_id is None or sku.external_id is None):
            return sku
    return None


def _edited(sku: SkuRow, said: FileSku) -> SkuRow:
    if said.stock is not None and said.stock != sku.on_hand:
        refuse_stale(sku, said.version)
        sku = count_anew(sku, said.stock)
    if said.external_id is not None and sku.external_id not in (None, said.external_id):
        raise Refused("external_id_taken", "This SKU has another external id already.")
    return replace(
        sku,
        name=sku.name if said.name is None else said.name,
        price_minor=sku.price_minor if said.price_minor is None else said.price_minor,
        external_id=said.external_id or sku.external_id,
    )


def _new_sku(skus: Sequence[SkuRow], said: FileSku, product: ProductRow, currency: str, limit: int) -> SkuRow:
    if said.price_minor is None:
        raise Refused("bad_request", "price_minor: a new SKU needs one.")
    if len(skus) >= limit:
        message = "This product can have no more SKUs, or a shelf that shows it is full."
        raise Refused("too_many", message, details={"limit": limit})
    return SkuRow(
        id=new_id(),
        product_id=product.id,
        seller_id=product.seller_id,
        name=said.name or "",
        price_minor=said.price_minor,
        currency=currency,
        stock=said.stock or 0,
        held=0,
        external_id=said.external_id,
        position=max((sku.position for sku in skus), default=0) + 1,
    )


# With the database


def find_products(conn: Connection, seller_id: str, entries: Sequence[Entry]) -> set[str]:
    """The ids that the entries name, and those of products with an external id that they name."""
    heads = [line.head for entry in entries for line in entry]
    names = sorted({head.external_id for head in heads if head.external_id is not None})
    columns = products_table.c
    query = select(columns.id).where(columns.seller_id == seller_id, columns.external_id.in_(names))
    return {head.id for head in heads if head.id is not None} | set(conn.scalars(query))


def find_owners(conn: Connection, seller_id: str, entries: Sequence[Entry]) -> dict[str, str]:
    """Which product each SKU's external id belongs to already."""
    names = sorted({line.sku.external_id for entry in entries for line in entry if line.sku.external_id})
    columns = skus_table.c
    query = select(columns.external_id, columns.product_id).where(
        columns.seller_id == seller_id, columns.external_id.in_(names)
    )
    return {record.external_id: record.product_id for record in conn.execute(query)} if names else {}


@dataclass(slots=True)
class Space:
    """How many SKUs more fit: into each room, and so to each product that rooms show."""

    rooms: dict[str, int]
    shown_in: dict[str, list[str]]

    @classmethod
    def of(cls, shelves: Iterable[ShelfRow], in_room: Callable[[str], int]) -> Space:
        shown_in: dict[str, list[str]] = {}
        for row in shelves:
            shown_in.setdefault(row.product_id, []).append(row.room_id)
        rooms = sorted({room_id for room_ids in shown_in.values() for room_id in room_ids})
        return cls({room_id: in_room(room_id) for room_id in rooms}, shown_in)

    def left(self, product: ProductRow | None) -> int:
        rooms = self.shown_in.get(product.id, []) if product else []
        return min((self.rooms[room_id] for room_id in rooms), default=SKUS_MAX)

    def use(self, outcome: Outcome) -> None:
        if outcome.old is not None and outcome.product is not None:
            for room_id in self.shown_in.get(outcome.product.id, []):
                self.rooms[room_id] -= len(outcome.skus) - len(outcome.old[1])


def preview(
    conn: Connection, shelves: Shelves, seller_id: str, entries: Sequence[Entry], now_ms: int
) -> list[dict[str, Any]]:
    """What a chunk would come to, with nothing locked and nothing written."""
    ids = find_products(conn, seller_id, entries)
    products = {p.id: p for p in read_products(conn, ids).values() if p.seller_id == seller_id}
    found = Found(products, read_skus(conn, products), find_owners(conn, seller_id, entries))
    space = Space.of(read_shelves_of(conn, products), lambda room_id: shelves.space_read(conn, room_id))
    lines: list[dict[str, Any]] = []
    for entry in entries:
        outcome = decide(entry, found, seller_id, now_ms, space.left(found.product(entry)))
        space.use(outcome)
        lines += outcome.results
    return lines


class Imports:
    """Writes chunks of a file."""

    def __init__(self, standing: Standing, shelves: Shelves) -> None:
        self._standing = standing
        self._shelves = shelves

    def write(self, tx: Unit, seller_id: str, entries: Sequence[Entry], caller: Caller) -> Steps[Any]:
        """The lines' results, product by product. Refuses as a whole only with ``forbidden``. Two files at
        once that make the same product: the database lets one through, and the other's chunk is carried out
        again, by itself."""
        self._standing.require_seller(caller, seller_id)
        ids = find_products(tx.conn, seller_id, entries)
        yield PRODUCTS.rows(*ids)
        products = {p.id: p for key in ids if (p := tx.get(PRODUCTS, key)) and p.seller_id == seller_id}
        skus = read_skus(tx.conn, products)
        sku_ids = [sku.id for of_product in skus.values() for sku in of_product]
        yield SALES.rows(*sku_ids)
        yield SKUS.rows(*sku_ids)
        shelves = read_shelves_of(tx.conn, products)
        yield ROOMS.rows(*{row.room_id for row in shelves})
        found = self._found(tx, seller_id, entries, list(products))
        shelves = tx.take_in(SHELF, shelves)
        shown = (row for row in shelves if row.product_id in found.products)
        space = Space.of(shown, lambda room_id: self._shelves.space(tx, room_id))
        left = PER_SELLER_MAX - count_products(tx, seller_id)
        lines: list[dict[str, Any]] = []
        for entry in entries:
            if left <= 0 and found.product(entry) is None:
                full = Refused("too_many", details={"limit": PER_SELLER_MAX})
                lines += [refused_line(Fault(line.place, full)) for line in entry]
                continue
            outcome = decide(entry, found, seller_id, tx.now_ms, space.left(found.product(entry)))
            space.use(outcome)
            left -= outcome.old is None and outcome.product is not None
            _write(tx, outcome, shelves)
            lines += outcome.results
        return {"lines": lines}

    def _found(self, tx: Unit, seller_id: str, entries: Sequence[Entry], ids: Sequence[str]) -> Found:
        """As it is now in this unit: another chunk in the same group may have been before this one."""
        products = {key: known for key in ids if (known := tx.get(PRODUCTS, key))}
        skus: dict[str, list[SkuRow]] = {}
        for key, of_product in read_skus(tx.conn, ids).items():
            skus[key] = [row for sku in of_product if (row := tx.get(SKUS, sku.id))]
        owners = find_owners(tx.conn, seller_id, entries)
        for sku in tx.fresh(SKUS):
            if sku.product_id in products:
                skus[sku.product_id] = in_order([*skus.get(sku.product_id, []), sku])
            if sku.seller_id == seller_id and sku.external_id is not None:
                owners[sku.external_id] = sku.product_id
        for fresh in tx.fresh(PRODUCTS):
            if fresh.seller_id == seller_id:
                products[fresh.id] = fresh
                skus[fresh.id] = in_order(s for s in tx.fresh(SKUS) if s.product_id == fresh.id)
        return Found(products, skus, owners)


def _write(tx: Unit, outcome: Outcome, shelves: Sequence[ShelfRow]) -> None:
    product = outcome.product
    if product is None:
        return
    if outcome.old is not None:
        mine = [row for row in shelves if row.product_id == product.id]
        put_changes(tx, outcome.old, (product, outcome.skus), mine)
        return
    tx.put(PRODUCTS, product)
    for sku in outcome.skus:
        tx.put(SKUS, sku)
