"""A seller's products over HTTP: list, read, make, change, delete, and the seller's audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from moderation.audit import read_audit, trail_of_seller
from rooms.commands import EditProduct, Key, NewProduct
from rooms.errors import Refused
from rooms.heads import rooms_table, users_table
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.store import ProductRow, SkuRow, product_page, products_table, read_skus
from rooms.unit import Unit
from server.api.context import API, from_answer, ok, page_args, parsed, place_of
from server.commands import request_hash
from server.live.connection import as_caller
from server.store.group import Answer, Work
from server.store.keys import CommandKey

routes = web.RouteTableDef()

_KEY: TypeAdapter[str] = TypeAdapter(Key)
_FILTERS = ("category", "external_id")

# Who


async def seller_of(request: web.Request) -> tuple[Caller, str]:
    """The caller, and the seller whose products the request is about: ``?seller=``, or the caller. Raises
    ``Refused``."""
    api = request.app[API]
    identity = await api.identify(request)
    if identity.id is None:
        raise Refused("unauthenticated")
    if identity.only_room is not None:
        raise Refused("forbidden", "Your token is for one room.")
    caller = as_caller(identity)
    seller_id = request.query.get("seller") or identity.id
    api.services.catalogue.standing.require_seller(caller, seller_id)
    if request.method not in ("GET", "HEAD"):
        await api.signins.note(identity, place_of(request))
    return caller, seller_id


async def selling(request: web.Request) -> tuple[Caller, str]:
    """The same for who is going to have products: somebody who may host, or hosts a room already; an operator
    may name anybody that Danmart knows. Raises ``Refused``."""
    api = request.app[API]
    caller, seller_id = await seller_of(request)
    own = seller_id == caller.id
    if not (own and (caller.may_host or caller.operator)):
        known = await api.store.read(lambda conn: _is_known(conn, seller_id, host=own))
        if not known:
            raise Refused("forbidden" if own else "not_found", "Who sells is somebody who may host a room.")
    return caller, seller_id


def _is_known(conn: Connection, user_id: str, *, host: bool) -> bool:
    column = rooms_table.c.host_id if host else users_table.c.id
    return conn.execute(select(column).where(column == user_id).limit(1)).first() is not None


def key_of(request: web.Request) -> str | None:
    """The request's ``Idempotency-Key``. Raises pydantic's ``ValidationError``."""
    raw = request.headers.get("Idempotency-Key")
    return None if raw is None else _KEY.validate_python(raw)


# Products


@routes.get("/api/v1/products")
async def list_products(request: web.Request) -> web.Response:
    """A seller's products, oldest first; by ``category`` or ``external_id`` if one is given."""
    api = request.app[API]
    _, seller_id = await seller_of(request)
    cursor, limit = page_args(request)
    wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
    found = await api.store.read(lambda conn: read_page(conn, seller_id, cursor, limit, wanted))
    following = found[-1][0].id if len(found) == limit else None
    return ok({"items": [product_page(*goods) for goods in found], "next": following})


@routes.post("/api/v1/products")
async def create_product(request: web.Request) -> web.Response:
    """A new product, with its SKUs, on no shelf yet."""
    api = request.app[API]
    caller, seller_id = await selling(request)
    form = await parsed(request, NewProduct)
    key = CommandKey(caller.id or "", "product.create", name) if (name := key_of(request)) else None
    catalogue = api.services.catalogue
    request_is = hashlib.sha256(seller_id.encode() + request_hash(form)).digest()[:16]
    answer = await api.store.write(
        Work("product.create", lambda tx: catalogue.create(tx, seller_id, form, caller), key, request_is)
    )
    return _product_of(answer, 201)


@routes.get("/api/v1/products/audit")
async def list_audit(request: web.Request) -> web.Response:
    """Who did what to a seller's products beyond any room, newest first: deletions, files, stock sync."""
    api = request.app[API]
    _, seller_id = await seller_of(request)
    cursor, limit = page_args(request)
    trail = trail_of_seller(seller_id)
    items = await api.store.read(lambda conn: read_audit(conn, trail, before=cursor, limit=limit))
    return ok({"items": items, "next": str(items[-1]["seq"]) if len(items) == limit else None})


@routes.get("/api/v1/products/{product}")
async def get_product(request: web.Request) -> web.Response:
    """One product, with stock and versions."""
    api = request.app[API]
    product_id = request.match_info["product"]
    caller, _ = await seller_of(request)
    found = await api.store.read(lambda conn: _one(conn, product_id))
    if found is None or not (caller.operator or found[0].seller_id == caller.id):
        raise Refused("not_found")
    return ok(product_page(*found))


@routes.patch("/api/v1/products/{product}")
async def change_product(request: web.Request) -> web.Response:
    """Change a product and its SKUs; the rooms that show it are told."""
    api = request.app[API]
    product_id = request.match_info["product"]
    caller, _ = await seller_of(request)
    form = await parsed(request, EditProduct)
    found = await api.store.read(lambda conn: _one(conn, product_id))
    if found is None or not (caller.operator or found[0].seller_id == caller.id):
        raise Refused("not_found")
    key = CommandKey(caller.id or "", "product.edit", name) if (name := key_of(request)) else None
    catalogue = api.services.catalogue
    request_is = hashlib.sha256(product_id.encode() + request_hash(form)).digest()[:16]
    answer = await api.store.write(
        Work("product.edit", lambda tx: catalogue.edit(tx, product_id, form, caller), key, request_is)
    )
    return _product_of(answer, 200)


@routes.delete("/api/v1/products/{product}")
async def delete_product(request: web.Request) -> web.Response:
    """Delete a product for good; refused while unpaid orders, sales or dropped coupons need it."""
    product_id = request.match_info["product"]
    removal = request.app[API].services.catalogue.removal
    return await _deleted(
        request, "product.delete", lambda tx, caller: removal.product(tx, product_id, caller), product_id
    )


@routes.delete("/api/v1/products/{product}/skus/{sku}")
async def delete_sku(request: web.Request) -> web.Response:
    """Delete a SKU for good; refused for a product's last one, and while orders or sales need it."""
    product_id, sku_id = request.match_info["product"], request.match_info["sku"]
    removal = request.app[API].services.catalogue.removal
    return await _deleted(
        request,
        "sku.delete",
        lambda tx, caller: removal.sku(tx, product_id, sku_id, caller),
        f"{product_id}\0{sku_id}",
    )


async def _deleted(
    request: web.Request, name: str, steps: Callable[[Unit, Caller], Steps[Any]], what: str
) -> web.Response:
    """Whether it is there is for the transaction to say: a repeat with its key must find its answer."""
    api = request.app[API]
    caller, _ = await seller_of(request)
    key = CommandKey(caller.id or "", name, given) if (given := key_of(request)) else None
    request_is = hashlib.sha256(what.encode()).digest()[:16]
    return from_answer(await api.store.write(Work(name, lambda tx: steps(tx, caller), key, request_is)))


def _product_of(answer: Answer, status: int) -> web.Response:
    if not answer.ok:
        return from_answer(answer)
    product = orjson.loads(answer.body)["product"]
    headers = {"Location": f"/api/v1/products/{product['id']}"} if status == 201 else None
    return ok(product, status, headers)


# Reading


def read_page(
    conn: Connection, seller_id: str, after: str | None, limit: int, wanted: dict[str, str]
) -> list[tuple[ProductRow, list[SkuRow]]]:
    """A seller's products behind an id, oldest first, with their SKUs."""
    columns = products_table.c
    query = select(products_table).where(columns.seller_id == seller_id)
    if after is not None:
        query = query.where(columns.id > after)
    for name, value in wanted.items():
        query = query.where(columns[name] == value)
    return _with_skus(conn, [ProductRow(*r) for r in conn.execute(query.order_by(columns.id).limit(limit))])


def _one(conn: Connection, product_id: str) -> tuple[ProductRow, list[SkuRow]] | None:
    record = conn.execute(select(products_table).where(products_table.c.id == product_id)).one_or_none()
    return _with_skus(conn, [ProductRow(*record)])[0] if record else None


def _with_skus(conn: Connection, products: Iterable[ProductRow]) -> list[tuple[ProductRow, list[SkuRow]]]:
    products = list(products)
    skus = read_skus(conn, [product.id for product in products])
    return [(product, skus.get(product.id, [])) for product in products]
