"""What products and SKUs become: rows out of forms, cleaned and checked. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from rooms.commands import SKUS_MAX, ChangeSku, EditProduct, NewProduct, NewSku
from rooms.errors import Refused
from rooms.rows import new_id
from rooms.shop.rules import count_anew, refuse_stale, restock
from rooms.shop.store import ProductRow, SkuRow
from rooms.wording import Wording

TITLE_MAX_CHARS = 120
CATEGORY_MAX_CHARS = 80
DESCRIPTION_MAX_CHARS = 4000
SKU_NAME_MAX_CHARS = 80


def clean_or_empty(texts: Wording, raw: str, max_chars: int) -> str:
    """A text that may be left out. Raises ``Refused``: ``text_empty`` if nothing is left of something,
    ``text_too_long``."""
    return texts.clean(raw, max_chars) if raw else ""


def new_product(
    texts: Wording, seller_id: str, form: NewProduct, now_ms: int
) -> tuple[ProductRow, list[SkuRow]]:
    """The product and its SKUs in their order. Raises ``Refused``: ``text_…``, ``bad_request``,
    ``external_id_taken`` for one that stands in the form twice."""
    pictures = form.pictures if form.pictures is not None else (form.picture,) if form.picture else ()
    product = ProductRow(
        id=new_id(),
        seller_id=seller_id,
        external_id=form.external_id,
        title=texts.clean(form.title, TITLE_MAX_CHARS),
        category=clean_or_empty(texts, form.category, CATEGORY_MAX_CHARS),
        description=clean_or_empty(texts, form.description, DESCRIPTION_MAX_CHARS),
        pictures=list(pictures),
        created_at_ms=now_ms,
    )
    skus = [
        new_sku(texts, product, form.currency, sku, position) for position, sku in enumerate(form.variants, 1)
    ]
    refuse_unless_distinct(skus)
    return product, skus


def new_sku(texts: Wording, product: ProductRow, currency: str, form: NewSku, position: int) -> SkuRow:
    """Raises ``Refused``: ``text_…``."""
    return SkuRow(
        id=new_id(),
        product_id=product.id,
        seller_id=product.seller_id,
        name=clean_or_empty(texts, form.name, SKU_NAME_MAX_CHARS),
        price_minor=form.price_minor,
        currency=currency,
        stock=form.stock,
        held=0,
        external_id=form.external_id,
        position=position,
    )


def edit_product(texts: Wording, product: ProductRow, form: EditProduct) -> ProductRow:
    """The product after an edit of its own fields. Raises ``Refused``: ``text_…``."""
    changes: dict[str, object] = {}
    if form.title is not None:
        changes["title"] = texts.clean(form.title, TITLE_MAX_CHARS)
    if form.category is not None:
        changes["category"] = clean_or_empty(texts, form.category, CATEGORY_MAX_CHARS)
    if form.description is not None:
        changes["description"] = clean_or_empty(texts, form.description, DESCRIPTION_MAX_CHARS)
    if form.pictures is not None:
        changes["pictures"] = list(form.pictures)
    elif form.picture is not None:
        changes["pictures"] = [form.picture, *product.pictures[1:]]
    return replace(product, **changes)  # type: ignore[arg-type]


def edit_skus(texts: Wording, product: ProductRow, skus: Sequence[SkuRow], form: EditProduct) -> list[SkuRow]:
    """All SKUs of the product after an edit, new ones at the end.

    Raises ``Refused``: ``not_found`` for a SKU of another product, ``not_enough_stock``, ``stale_version``,
    ``too_many``, ``text_…``, ``bad_request``, ``external_id_taken``.
    """
    if form.stock_delta is not None and len(skus) > 1:
        raise Refused("bad_request", "This product has several SKUs: say which one, in skus.")
    edited = {sku.id: restock(sku, form.stock_delta or 0) for sku in skus}
    if form.price_minor is not None:
        edited = {key: replace(sku, price_minor=form.price_minor) for key, sku in edited.items()}
    for change in form.skus or ():
        if change.sku is None:
            sku = _added(texts, product, list(edited.values()), change)
        elif change.sku in edited:
            sku = edit_sku(texts, edited[change.sku], change)
        else:
            raise Refused("not_found", "This product has no such SKU.")
        edited[sku.id] = sku
    if len(edited) > SKUS_MAX:
        raise Refused("too_many", details={"limit": SKUS_MAX})
    refuse_unless_distinct(list(edited.values()))
    return list(edited.values())


def edit_sku(texts: Wording, sku: SkuRow, change: ChangeSku) -> SkuRow:
    """Raises ``Refused``: ``stale_version``, ``not_enough_stock``, ``external_id_taken``, ``text_…``."""
    refuse_stale(sku, change.version)
    sku = restock(sku, change.stock_delta or 0)
    if change.stock is not None:
        sku = count_anew(sku, change.stock)
    if change.name is not None:
        sku = replace(sku, name=clean_or_empty(texts, change.name, SKU_NAME_MAX_CHARS))
    if change.price_minor is not None:
        sku = replace(sku, price_minor=change.price_minor)
    if change.external_id is not None and change.external_id != sku.external_id:
        if sku.external_id is not None:
            raise Refused("external_id_taken", "This SKU has another external id already.")
        sku = replace(sku, external_id=change.external_id)
    return sku


def _added(texts: Wording, product: ProductRow, skus: Sequence[SkuRow], change: ChangeSku) -> SkuRow:
    form = NewSku(
        name=change.name or "",
        price_minor=change.price_minor or 0,
        stock=change.stock or 0,
        external_id=change.external_id,
    )
    last = max(sku.position for sku in skus)
    return new_sku(texts, product, skus[0].currency, form, last + 1)


def refuse_unless_distinct(skus: Collection[SkuRow]) -> None:
    """Buyers choose variants by their names, shops by their external ids. Raises ``Refused``."""
    names = [sku.name for sku in skus]
    if len(set(names)) < len(names):
        raise Refused("bad_request", "Two SKUs of a product can't have the same name.")
    external = [sku.external_id for sku in skus if sku.external_id is not None]
    if len(set(external)) < len(external):
        raise Refused("external_id_taken")
