"""A seller's products over HTTP: list, read, make, change; files in and out; stock sync."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from aiohttp import web
from pydantic import Field, RootModel, TypeAdapter
from sqlalchemy import Connection, select

from moderation.audit import read_audit, trail_of_seller
from rooms.commands import EditProduct, Key, NewProduct
from rooms.errors import Refused
from rooms.heads import rooms_table, users_table
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.imports import Entry, chunks, grouped, preview, refused_line
from rooms.shop.sheets import csv_header, csv_rows, file_product, read_csv, read_json
from rooms.shop.stock import StockRow
from rooms.shop.store import ProductRow, SkuRow, product_page, products_table, read_skus
from rooms.unit import Unit
from server.api.context import API, Api, from_answer, ok, page_args, parsed
from server.api.desk import read_bounded
from server.commands import request_hash
from server.live.connection import as_caller
from server.store.group import Answer, Work
from server.store.keys import CommandKey

routes = web.RouteTableDef()

IMPORT_MAX_BYTES = 5_000_000
STOCK_MAX_BYTES = 1_000_000
STOCK_ROWS_MAX = 5000
STOCK_ROWS_AT_ONCE = 100
"""Like an import's lines: what one transaction writes within a few milliseconds."""
EXPORT_PAGE = 200
FILES_AT_ONCE = 4
"""Files that a node takes in at the same time, each of up to 5 MB; more are told to come back."""

_KEY: TypeAdapter[str] = TypeAdapter(Key)
_READING = web.AppKey("files_being_read", asyncio.Semaphore)
_FILTERS = ("category", "external_id")

T = TypeVar("T")


class StockRows(RootModel[Annotated[tuple[StockRow, ...], Field(max_length=STOCK_ROWS_MAX, strict=False)]]):
    """The body of ``PUT /api/v1/stock``."""


def attach(app: web.Application) -> None:
    """Add the routes, and what bounds them."""
    app[_READING] = asyncio.Semaphore(FILES_AT_ONCE)
    app.add_routes(routes)


# Who


async def _seller(request: web.Request) -> tuple[Caller, str]:
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
        await api.signins.note(identity)
    return caller, seller_id


async def _selling(request: web.Request) -> tuple[Caller, str]:
    """The same for who is going to have products: somebody who may host, or hosts a room already; an operator
    may name anybody that Danmart knows. Raises ``Refused``."""
    api = request.app[API]
    caller, seller_id = await _seller(request)
    own = seller_id == caller.id
    if not (own and (caller.may_host or caller.operator)):
        known = await api.store.read(lambda conn: _is_known(conn, seller_id, host=own))
        if not known:
            raise Refused("forbidden" if own else "not_found", "Who sells is somebody who may host a room.")
    return caller, seller_id


def _is_known(conn: Connection, user_id: str, *, host: bool) -> bool:
    column = rooms_table.c.host_id if host else users_table.c.id
    return conn.execute(select(column).where(column == user_id).limit(1)).first() is not None


def _key(request: web.Request) -> str | None:
    raw = request.headers.get("Idempotency-Key")
    return None if raw is None else _KEY.validate_python(raw)


# Products


@routes.get("/api/v1/products")
async def list_products(request: web.Request) -> web.Response:
    """A seller's products, oldest first; by ``category`` or ``external_id`` if one is given."""
    api = request.app[API]
    _, seller_id = await _seller(request)
    cursor, limit = page_args(request)
    wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
    found = await api.store.read(lambda conn: _page(conn, seller_id, cursor, limit, wanted))
    following = found[-1][0].id if len(found) == limit else None
    return ok({"items": [product_page(*goods) for goods in found], "next": following})


@routes.post("/api/v1/products")
async def create_product(request: web.Request) -> web.Response:
    """A new product, with its SKUs, on no shelf yet."""
    api = request.app[API]
    caller, seller_id = await _selling(request)
    form = await parsed(request, NewProduct)
    key = CommandKey(caller.id or "", "product.create", name) if (name := _key(request)) else None
    catalogue = api.services.catalogue
    request_is = hashlib.sha256(seller_id.encode() + request_hash(form)).digest()[:16]
    answer = await api.store.write(
        Work("product.create", lambda tx: catalogue.create(tx, seller_id, form, caller), key, request_is)
    )
    return _product_of(answer, 201)


@routes.get("/api/v1/products/export")
async def export_products(request: web.Request) -> web.StreamResponse:
    """All products of a seller as a file, ``format=csv`` or ``json``; importing it again changes nothing."""
    api = request.app[API]
    _, seller_id = await _seller(request)
    form = request.query.get("format", "csv")
    if form not in ("csv", "json"):
        raise Refused("bad_request", "format: csv or json")
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="products.{form}"',
        "X-Content-Type-Options": "nosniff",
    }
    page = await _exported(api, seller_id, None, form)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(csv_header() if form == "csv" else b"[")
    separator = b""
    while page is not None:
        body, last = page
        await response.write(separator + body if form == "json" else body)
        separator = b","
        page = await _exported(api, seller_id, last, form) if last else None
    await response.write(b"" if form == "csv" else b"]\n")
    await response.write_eof()
    return response


@routes.get("/api/v1/products/audit")
async def list_audit(request: web.Request) -> web.Response:
    """Who did what to a seller's products beyond any room, newest first: deletions, files, stock sync."""
    api = request.app[API]
    _, seller_id = await _seller(request)
    cursor, limit = page_args(request)
    trail = trail_of_seller(seller_id)
    items = await api.store.read(lambda conn: read_audit(conn, trail, before=cursor, limit=limit))
    return ok({"items": items, "next": items[-1]["id"] if len(items) == limit else None})


@routes.get("/api/v1/products/{product}")
async def get_product(request: web.Request) -> web.Response:
    """One product, with stock and versions."""
    api = request.app[API]
    product_id = request.match_info["product"]
    caller, _ = await _seller(request)
    found = await api.store.read(lambda conn: _one(conn, product_id))
    if found is None or not (caller.operator or found[0].seller_id == caller.id):
        raise Refused("not_found")
    return ok(product_page(*found))


@routes.patch("/api/v1/products/{product}")
async def change_product(request: web.Request) -> web.Response:
    """Change a product and its SKUs; the rooms that show it are told."""
    api = request.app[API]
    product_id = request.match_info["product"]
    caller, _ = await _seller(request)
    form = await parsed(request, EditProduct)
    found = await api.store.read(lambda conn: _one(conn, product_id))
    if found is None or not (caller.operator or found[0].seller_id == caller.id):
        raise Refused("not_found")
    key = CommandKey(caller.id or "", "product.edit", name) if (name := _key(request)) else None
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
    caller, _ = await _seller(request)
    key = CommandKey(caller.id or "", name, given) if (given := _key(request)) else None
    request_is = hashlib.sha256(what.encode()).digest()[:16]
    return from_answer(await api.store.write(Work(name, lambda tx: steps(tx, caller), key, request_is)))


def _product_of(answer: Answer, status: int) -> web.Response:
    if not answer.ok:
        return from_answer(answer)
    product = orjson.loads(answer.body)["product"]
    headers = {"Location": f"/api/v1/products/{product['id']}"} if status == 201 else None
    return ok(product, status, headers)


# Files


@routes.post("/api/v1/products/import")
async def import_products(request: web.Request) -> web.Response:
    """Upsert products from a file, CSV or JSON, line by line; ``dry_run=true`` only says what would be."""
    api = request.app[API]
    caller, seller_id = await _selling(request)
    dry_run = request.query.get("dry_run", "false")
    if dry_run not in ("true", "false"):
        raise Refused("bad_request", "dry_run: true or false")
    readers = {"text/csv": read_csv, "application/json": read_json}
    if (reader := readers.get(request.content_type)) is None:
        raise Refused("unsupported_media_type", "Send text/csv or application/json.")
    key = _key(request)
    reading = request.app[_READING]
    if reading.locked():
        raise Refused("busy", retry_after_ms=5000)
    async with reading:
        body = await read_bounded(request, IMPORT_MAX_BYTES)
        texts = api.services.catalogue.texts
        entries, faults = await asyncio.to_thread(lambda: grouped(reader(body, texts)))
        lines = [refused_line(fault) for fault in faults]
        whole = hashlib.sha256(seller_id.encode() + b"\0" + body).digest()
        if dry_run == "true":
            for chunk in chunks(entries):
                lines += await api.store.read(
                    lambda conn, c=chunk: preview(conn, seller_id, c, api.clock_ms())  # type: ignore[misc]
                )
        else:
            imports = api.services.catalogue.imports
            lines += await _in_chunks(
                api,
                "products.import",
                list(chunks(entries)),
                lambda chunk: lambda tx: imports.write(tx, seller_id, chunk, caller),
                _not_done,
                (caller.id or "", key, whole),
            )
    return ok(_report(lines, dry_run=dry_run == "true"))


def _not_done(chunk: Sequence[Entry], error: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**line.place.wire(), "status": "refused", "error": error} for entry in chunk for line in entry]


def _report(lines: list[dict[str, Any]], *, dry_run: bool) -> dict[str, Any]:
    lines.sort(key=lambda line: (line["row"], line.get("sku_row", 0)))
    counts = dict.fromkeys(("created", "updated", "unchanged", "refused"), 0)
    for line in lines:
        counts[line["status"]] += 1
    return {"dry_run": dry_run, **counts, "lines": lines}


async def _in_chunks(
    api: Api,
    name: str,
    parts: Sequence[T],
    steps: Callable[[T], Callable[[Unit], Steps[Any]]],
    undone: Callable[[T, dict[str, Any]], list[dict[str, Any]]],
    whose: tuple[str, str | None, bytes],
) -> list[dict[str, Any]]:
    """Write the parts one after the other, each in a transaction of its own; gives all their lines.

    The request's key makes one for each part, so that a repeat goes on where the first time ended. When the
    writer refuses (``busy``, or the database is away), what isn't done yet is reported with that error; the
    first part's refusal, a ``key_conflict`` too, is the whole request's and is raised.
    """
    user_id, key, whole = whose
    lines: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        part_key = None
        if key is not None:
            part_name = hashlib.sha256(f"{key}:{number}".encode()).hexdigest()[:48]
            part_key = CommandKey(user_id, name, part_name)
        answer = await api.store.write(Work(name, steps(part), part_key, whole[:16]))
        told = orjson.loads(answer.body)
        if answer.ok:
            lines += told["lines" if "lines" in told else "items"]
            continue
        if number == 0:
            error = told["error"]
            raise Refused(
                error["code"],
                error["message"],
                retry_after_ms=error.get("retry_after_ms"),
                details=error.get("details"),
            )
        for left in parts[number:]:
            lines += undone(left, {"code": told["error"]["code"], "message": told["error"]["message"]})
        break
    return lines


async def _exported(
    api: Api, seller_id: str, after: str | None, form: str
) -> tuple[bytes, str | None] | None:
    """A page of the file and the id to go on after, if it isn't the last; None: there is nothing (more)."""

    def read(conn: Connection) -> tuple[bytes, str | None] | None:
        found = _page(conn, seller_id, after, EXPORT_PAGE, {})
        if not found:
            return None
        if form == "csv":
            body = b"".join(csv_rows(*goods) for goods in found)
        else:
            body = b",".join(orjson.dumps(file_product(*goods)) for goods in found)
        return body, found[-1][0].id if len(found) == EXPORT_PAGE else None

    return await api.store.read(read)


# Stock


@routes.put("/api/v1/stock")
async def put_stock(request: web.Request) -> web.Response:
    """What is on hand, SKU by SKU: ``set`` or ``change``, each row with its own result."""
    api = request.app[API]
    caller, seller_id = await _seller(request)
    if request.content_type != "application/json":
        raise Refused("unsupported_media_type", "Send application/json.")
    body = await read_bounded(request, STOCK_MAX_BYTES)
    rows = await asyncio.to_thread(_stock_rows, body)
    key = _key(request)
    if key is None and any(row.change is not None and row.version is None for row in rows):
        raise Refused(
            "bad_request",
            "A change without a version needs an Idempotency-Key: done twice, it would count twice.",
        )
    sync = api.services.catalogue.stock
    items = await _in_chunks(
        api,
        "stock.put",
        [rows[at : at + STOCK_ROWS_AT_ONCE] for at in range(0, len(rows), STOCK_ROWS_AT_ONCE)],
        lambda part: lambda tx: sync.write(tx, seller_id, part, caller),
        lambda part, error: [{"sku": r.sku, "external_id": r.external_id, "error": error} for r in part],
        (caller.id or "", key, hashlib.sha256(seller_id.encode() + b"\0" + body).digest()),
    )
    return ok({"items": items, "refused": sum("error" in item for item in items)})


def _stock_rows(body: bytes) -> tuple[StockRow, ...]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("bad_request", f"The body is not JSON: {error}") from error
    return StockRows.model_validate(rows).root


# Reading


def _page(
    conn: Connection, seller_id: str, after: str | None, limit: int, wanted: dict[str, str]
) -> list[tuple[ProductRow, list[SkuRow]]]:
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
