"""A seller's products: made, changed, and what rooms that show them are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rooms.commands import AddProduct, ChangeProduct, EditProduct, NewProduct, ProductRef
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps
from rooms.shop.changes import count_products, lock_goods, put_changes, refuse_taken, shelves_of
from rooms.shop.goods import edit_product, edit_skus, new_product
from rooms.shop.imports import PER_SELLER_MAX, Imports
from rooms.shop.jobs import Jobs
from rooms.shop.removal import Removal
from rooms.shop.shelf import SHELF
from rooms.shop.shelves import Shelves, skus_now
from rooms.shop.spotlight import Spotlight
from rooms.shop.stock import StockSync
from rooms.shop.store import PRODUCTS, SKUS, ProductRow, SkuRow, product_card, product_page
from rooms.unit import Unit
from rooms.wording import Worded, Wording


class Catalogue:
    """Making and changing products: from a room (``product.add``, ``product.change``) and over HTTP.

    ``shelves`` and ``spotlight`` carry out the commands about a room's shelf and what is shown of it,
    ``stock`` what the shop behind says is on hand, ``imports`` files of products, ``jobs`` what the audit
    keeps of both, ``removal`` takes products and SKUs away for good.
    """

    def __init__(
        self,
        standing: Standing,
        texts: TextRules,
        audit: Audit,
        *,
        products_max: int = 200,
        skus_max: int = 1000,
    ) -> None:
        self.standing = standing
        self.texts = texts
        self._audit = audit
        self.shelves = Shelves(standing, audit, products_max=products_max, skus_max=skus_max)
        self.spotlight = Spotlight(standing, audit)
        self.stock = StockSync(standing)
        self.jobs = Jobs(standing, audit)
        self.imports = Imports(standing, self.shelves)
        self.removal = Removal(standing, audit)

    def add(self, tx: Unit, cmd: AddProduct, caller: Caller) -> Steps[Any]:
        """A new product of the room's host, put on the room's shelf. Refuses with ``forbidden``,
        ``too_many``, ``external_id_taken``, ``bad_request``, ``text_…``."""
        yield ROOMS.rows(cmd.room)
        yield from self.standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self.standing.require(tx, cmd.room, caller, "manage_products")
        product, skus = self._made(tx, room.host_id, cmd, cmd.room)
        row = self.shelves.placed(tx, cmd.room, product.id, skus)
        self._keep(tx, product, skus)
        card = self.shelves.show(tx, row, product, skus)
        detail = {"stock": sum(sku.stock for sku in skus), **card}
        self._audit.note(tx, cmd.room, caller, "product.add", product.id, detail)
        return {"product": card}

    def create(self, tx: Unit, seller_id: str, form: NewProduct, caller: Caller) -> Steps[Any]:
        """A new product on no shelf yet. Refuses with ``forbidden``, ``too_many``, ``external_id_taken``,
        ``bad_request``, ``text_…``."""
        yield PRODUCTS.rows()
        self.standing.require_seller(caller, seller_id)
        product, skus = self._made(tx, seller_id, form)
        self._keep(tx, product, skus)
        return {"product": product_page(product, skus)}

    def change(self, tx: Unit, cmd: ChangeProduct, caller: Caller) -> Steps[Any]:
        """Changes a product on the room's shelf; all rooms that show it are told. Refuses with ``forbidden``,
        ``not_found``, ``not_enough_stock``, ``stale_version``, ``too_many``, ``text_…``, ``bad_request``."""
        yield PRODUCTS.rows(cmd.product)
        yield from lock_goods(tx, cmd.product, cmd.room)
        yield from self.standing.load(cmd.room, caller.id)
        yield SHELF.rows((cmd.room, cmd.product))
        self.shelves.require(tx, ProductRef(room=cmd.room, product=cmd.product, key=cmd.key), caller)
        product, skus = self._changed(tx, cmd.product, cmd, caller, noted_in=cmd.room)
        shown = next(row for row in shelves_of(tx, product.id) if row.room_id == cmd.room)
        return {"product": product_card(product, skus, shown.position)}

    def edit(self, tx: Unit, product_id: str, form: EditProduct, caller: Caller) -> Steps[Any]:
        """The same for a product on any shelves or none. Somebody else's isn't there (``not_found``)."""
        yield PRODUCTS.rows(product_id)
        yield from lock_goods(tx, product_id)
        product = tx.get(PRODUCTS, product_id)
        if product is None:
            raise Refused("not_found")
        self.standing.require_seller(caller, product.seller_id)
        product, skus = self._changed(tx, product_id, form, caller)
        return {"product": product_page(product, skus)}

    def wording(self, seller_id: str, room_id: str | None = None) -> Wording:
        """For texts of a seller's products: by the rules of the room in which it is done, else by those of
        the platform."""
        return Worded(self.texts, About("product", room_id, seller_id))

    def _made(
        self, tx: Unit, seller_id: str, form: NewProduct, room_id: str | None = None
    ) -> tuple[ProductRow, list[SkuRow]]:
        product, skus = new_product(self.wording(seller_id, room_id), seller_id, form, tx.now_ms)
        if count_products(tx, seller_id) >= PER_SELLER_MAX:
            raise Refused("too_many", details={"limit": PER_SELLER_MAX})
        refuse_taken(tx, seller_id, products=[product], skus=skus)
        return product, skus

    def _keep(self, tx: Unit, product: ProductRow, skus: Sequence[SkuRow]) -> None:
        tx.put(PRODUCTS, product)
        for sku in skus:
            tx.put(SKUS, sku)

    def _changed(
        self, tx: Unit, product_id: str, form: EditProduct, caller: Caller, *, noted_in: str | None = None
    ) -> tuple[ProductRow, list[SkuRow]]:
        old = tx.get(PRODUCTS, product_id)
        if old is None:
            raise Refused("not_found")
        old_skus = skus_now(tx, product_id)
        texts = self.wording(old.seller_id, noted_in)
        product = edit_product(texts, old, form)
        skus = edit_skus(texts, product, old_skus, form)
        known = {sku.id: sku for sku in old_skus}
        fresh_names = [
            s for s in skus if s.external_id and (s.id not in known or not known[s.id].external_id)
        ]
        refuse_taken(tx, product.seller_id, products=[], skus=fresh_names)
        shelves = shelves_of(tx, product.id)
        for row in shelves:
            self.shelves.refuse_full(tx, row.room_id, len(skus) - len(old_skus))
        put_changes(tx, (old, old_skus), (product, skus), shelves)
        changes = form.model_dump(exclude={"room", "key", "product"}, exclude_none=True)
        for room_id in [noted_in] if noted_in else [row.room_id for row in shelves]:
            self._audit.note(tx, room_id, caller, "product.change", product.id, changes)
        return product, skus
