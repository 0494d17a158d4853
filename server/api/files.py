"""Files of a seller's products in and out, and stock sync, over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Annotated, Any

import orjson
from aiohttp import web
from pydantic import Field, RootModel
from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.shop.imports import LINES_AT_ONCE, Entry, chunks, grouped, preview, refused_line
from rooms.shop.jobs import SellerJob, tally
from rooms.shop.sheets import csv_header, csv_rows, file_product, read_csv, read_json
from rooms.shop.stock import StockRow
from rooms.unit import Unit
from server.api.context import API, Api, ok
from server.api.desk import read_bounded
from server.api.products import key_of, read_page, seller_of, selling
from server.portions import Job, Line, Portions, Size, portion_key
from server.store.group import Work

routes = web.RouteTableDef()

IMPORT_MAX_BYTES = 5_000_000
STOCK_MAX_BYTES = 1_000_000
STOCK_ROWS_MAX = 5000
EXPORT_PAGE = 200
FILES_AT_ONCE = 4
"""Files that a node takes in at the same time, each of up to 5 MB; more are told to come back."""

_READING = web.AppKey("files_being_read", asyncio.Semaphore)
_LINES = web.AppKey("lines_of_files", Portions)
_ROWS = web.AppKey("rows_of_stock", Portions)


class StockRows(RootModel[Annotated[tuple[StockRow, ...], Field(max_length=STOCK_ROWS_MAX, strict=False)]]):
    """The body of ``PUT /api/v1/stock``."""


def attach(app: web.Application) -> None:
    """Add what bounds them."""
    store = app[API].store
    app[_READING] = asyncio.Semaphore(FILES_AT_ONCE)
    app[_LINES] = Portions(store, Size(LINES_AT_ONCE, least=10, most=500))
    app[_ROWS] = Portions(store, Size(100, least=10, most=1000))


# Out


@routes.get("/api/v1/products/export")
async def export_products(request: web.Request) -> web.StreamResponse:
    """All products of a seller as a file, ``format=csv`` or ``json``; importing it again changes nothing."""
    api = request.app[API]
    _, seller_id = await seller_of(request)
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


async def _exported(
    api: Api, seller_id: str, after: str | None, form: str
) -> tuple[bytes, str | None] | None:
    """A page of the file and the id to go on after, if it isn't the last; None: there is nothing (more)."""

    def read(conn: Connection) -> tuple[bytes, str | None] | None:
        found = read_page(conn, seller_id, after, EXPORT_PAGE, {})
        if not found:
            return None
        if form == "csv":
            body = b"".join(csv_rows(*goods) for goods in found)
        else:
            body = b",".join(orjson.dumps(file_product(*goods)) for goods in found)
        return body, found[-1][0].id if len(found) == EXPORT_PAGE else None

    return await api.store.read(read)


# In


@routes.post("/api/v1/products/import")
async def import_products(request: web.Request) -> web.Response:
    """Upsert products from a file, CSV or JSON, line by line; ``dry_run=true`` only says what would be."""
    api = request.app[API]
    caller, seller_id = await selling(request)
    dry_run = request.query.get("dry_run", "false")
    if dry_run not in ("true", "false"):
        raise Refused("bad_request", "dry_run: true or false")
    readers = {"text/csv": read_csv, "application/json": read_json}
    if (reader := readers.get(request.content_type)) is None:
        raise Refused("unsupported_media_type", "Send text/csv or application/json.")
    key = key_of(request)
    reading = request.app[_READING]
    if reading.locked():
        raise Refused("busy", retry_after_ms=5000)
    async with reading:
        body = await read_bounded(request, IMPORT_MAX_BYTES)
        texts = api.services.catalogue.wording(seller_id)
        entries, faults = await asyncio.to_thread(lambda: grouped(reader(body, texts)))
        lines = [refused_line(fault) for fault in faults]
        if dry_run == "true":
            return ok(_report(lines + await _preview(api, seller_id, entries), dry_run=True))
        about = {"format": request.content_type, "bytes": len(body)}
        about["lines"] = len(faults) + sum(map(len, entries))
        job = _job(seller_id, "products.import", body, about)
        lines += await _import(request, caller, key, job, entries)
        await _note_end(api, caller, key, job, tally(lines))
    return ok(_report(lines, dry_run=False))


async def _preview(api: Api, seller_id: str, entries: Sequence[Entry]) -> list[Line]:
    lines: list[Line] = []
    shelves = api.services.catalogue.shelves
    for chunk in chunks(entries):
        lines += await api.store.read(
            lambda conn, c=chunk: preview(conn, shelves, seller_id, c, api.clock_ms())  # type: ignore[misc]
        )
    return lines


async def _import(
    request: web.Request, caller: Caller, key: str | None, job: SellerJob, entries: Sequence[Entry]
) -> list[Line]:
    imports = request.app[API].services.catalogue.imports

    def undone(left: Sequence[Entry], error: Line) -> list[Line]:
        return [
            {**line.place.wire(), "status": "refused", "error": error} for entry in left for line in entry
        ]

    def steps(some: Sequence[Entry]) -> Callable[[Unit], Steps[Any]]:
        return lambda tx: imports.write(tx, job.seller_id, some, caller)

    first = _noted_first(request.app[API], job, caller, steps)
    return await request.app[_LINES].write(
        Job(job.action, entries, len, first, undone, caller.id or "", key, _request_is(job))
    )


def _report(lines: list[Line], *, dry_run: bool) -> Line:
    lines.sort(key=lambda line: (line["row"], line.get("sku_row", 0)))
    counts = dict.fromkeys(("created", "updated", "unchanged", "refused"), 0)
    for line in lines:
        counts[line["status"]] += 1
    return {"dry_run": dry_run, **counts, "lines": lines}


# Stock


@routes.put("/api/v1/stock")
async def put_stock(request: web.Request) -> web.Response:
    """What is on hand, SKU by SKU: ``set`` or ``change``, each row with its own result."""
    api = request.app[API]
    caller, seller_id = await seller_of(request)
    if request.content_type != "application/json":
        raise Refused("unsupported_media_type", "Send application/json.")
    body = await read_bounded(request, STOCK_MAX_BYTES)
    rows = await asyncio.to_thread(_stock_rows, body)
    key = key_of(request)
    if key is None and any(row.change is not None and row.version is None for row in rows):
        raise Refused(
            "bad_request",
            "A change without a version needs an Idempotency-Key: done twice, it would count twice.",
        )
    sync = api.services.catalogue.stock
    job = _job(seller_id, "stock.put", body, {"lines": len(rows)})

    def steps(some: Sequence[StockRow]) -> Callable[[Unit], Steps[Any]]:
        return lambda tx: sync.write(tx, seller_id, some, caller)

    def undone(left: Sequence[StockRow], error: Line) -> list[Line]:
        return [{"sku": row.sku, "external_id": row.external_id, "error": error} for row in left]

    first = _noted_first(api, job, caller, steps)
    items = await request.app[_ROWS].write(
        Job(job.action, rows, lambda _: 1, first, undone, caller.id or "", key, _request_is(job))
    )
    if rows:
        await _note_end(api, caller, key, job, tally(items))
    return ok({"items": items, "refused": sum("error" in item for item in items)})


def _stock_rows(body: bytes) -> tuple[StockRow, ...]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("bad_request", f"The body is not JSON: {error}") from error
    return StockRows.model_validate(rows).root


# The audit


def _job(seller_id: str, action: str, body: bytes, about: Mapping[str, Any]) -> SellerJob:
    return SellerJob(seller_id, action, hashlib.sha256(body).hexdigest(), about)


def _request_is(job: SellerJob) -> bytes:
    """The same file for another seller is another request."""
    return hashlib.sha256(f"{job.seller_id}\0{job.digest}".encode()).digest()


def _noted_first(
    api: Api, job: SellerJob, caller: Caller, steps: Callable[[Sequence[Any]], Callable[[Unit], Steps[Any]]]
) -> Callable[[Sequence[Any], bool], Callable[[Unit], Steps[Any]]]:
    """Steps that note the job's beginning together with its first items."""
    jobs = api.services.catalogue.jobs

    def noted(some: Sequence[Any], first: bool) -> Callable[[Unit], Steps[Any]]:
        def carry_out(tx: Unit) -> Generator[Any, None, Any]:
            reply = yield from steps(some)(tx)
            if first:
                jobs.begin(tx, job, caller)
            return reply

        return carry_out

    return noted


async def _note_end(
    api: Api, caller: Caller, key: str | None, job: SellerJob, outcome: Mapping[str, Any]
) -> None:
    """Once, also if the request is repeated by its key. Should the database be away just now, the beginning
    stands without it."""
    jobs = api.services.catalogue.jobs
    end_key = portion_key(caller.id or "", job.action, key, "end")
    request_is = _request_is(job)[:16]
    await api.store.write(
        Work(f"{job.action}.done", lambda tx: jobs.end(tx, job, outcome, caller), end_key, request_is)
    )
