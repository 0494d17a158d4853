"""Files of products, CSV and JSON: read into lines, one for each SKU, and written from rows. Pure.

A line that can't be read is a refusal with its place; the others are read all the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from rooms.commands import (
    SKUS_MAX,
    Currency,
    ExternalId,
    Id,
    PicturePaths,
    PriceMinor,
    RawText,
    Stock,
    Version,
)
from rooms.errors import Refused
from rooms.shop.goods import (
    CATEGORY_MAX_CHARS,
    DESCRIPTION_MAX_CHARS,
    SKU_NAME_MAX_CHARS,
    TITLE_MAX_CHARS,
    clean_or_empty,
)
from rooms.shop.store import ProductRow, SkuRow
from rooms.wording import Wording

LINES_MAX = 5000


class FileSku(BaseModel):
    """A SKU in a file. What is left out stays as it is; ``stock`` is what is on hand, held units included,
    and with ``version`` it is written only if nothing has changed it since."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id | None = None
    external_id: ExternalId | None = None
    name: RawText | None = None
    price_minor: PriceMinor | None = None
    stock: Stock | None = None
    version: Version | None = None


class FileHead(BaseModel):
    """A product's own fields in a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Id | None = None
    external_id: ExternalId | None = None
    title: RawText | None = None
    category: RawText | None = None
    description: RawText | None = None
    pictures: PicturePaths | None = None
    currency: Currency | None = None


class FileProduct(FileHead):
    """A product in a file, found by ``id`` or ``external_id``; a new one needs a title and a currency."""

    skus: Annotated[tuple[FileSku, ...], Field(min_length=1, max_length=SKUS_MAX)]


class ProductFile(RootModel[tuple[FileProduct, ...]]):
    """A file of products as JSON."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands. CSV: the row as spreadsheets count, the header being 1. JSON: the
    product and its SKU, each from 1."""

    row: int
    sku_row: int | None = None

    def wire(self) -> dict[str, int]:
        return {"row": self.row} | ({"sku_row": self.sku_row} if self.sku_row is not None else {})


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU of a file, with what the file says of its product; texts are cleaned."""

    place: Place
    head: FileHead
    sku: FileSku

    @property
    def product_key(self) -> tuple[str, str]:
        """What the lines of one product have in common."""
        return (
            ("id", self.head.id) if self.head.id is not None else ("external_id", self.head.external_id or "")
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that can't be read, or may not be done."""

    place: Place
    refused: Refused


HEAD_COLUMNS = {
    "product_id": "id",
    "product_external_id": "external_id",
    "title": "title",
    "category": "category",
    "description": "description",
    "pictures": "pictures",
    "currency": "currency",
}
SKU_COLUMNS = {
    "sku_id": "id",
    "sku_external_id": "external_id",
    "sku_name": "name",
    "price_minor": "price_minor",
    "stock": "stock",
    "version": "version",
}
COLUMNS = (*HEAD_COLUMNS, *SKU_COLUMNS)
_NUMBERS = {"price_minor", "stock", "version"}


# Formulas: a cell that begins so is a formula to a spreadsheet, whatever its quotes.

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; :func:`restored` gives the text back, for any text."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def restored(cell: str) -> str:
    """The inverse of :func:`neutral`; a cell that was typed in by hand is what it says."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


# Reading


def read_csv(body: bytes, texts: Wording) -> list[Line | Fault]:
    """The lines of a CSV file in UTF-8 (RFC 4180; a byte order mark is welcome), in their order.

    Columns may stand in any order, and come with commas, semicolons or tabs between them. An empty cell says
    nothing. Raises ``Refused``: ``bad_request`` for what is no such file, ``too_large`` for too many lines.
    """
    text = _decoded(body)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[Line | Fault] = []
    columns: list[str] | None = None
    try:
        for number, cells in enumerate(reader, 1):
            if columns is None:
                columns = _columns(cells)
            elif any(cells):
                lines.append(_line_of_cells(Place(number), columns, cells, texts))
                _refuse_too_many(lines)
    except csv.Error as error:
        raise Refused("bad_request", f"This is no CSV file, from line {reader.line_num}: {error}.") from error
    return lines


def _decoded(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("bad_request", f"The file isn't in UTF-8: see byte {error.start}.") from error
    if "\0" in text:
        raise Refused("bad_request", "The file has NUL characters in it: save it as UTF-8.")
    return text


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if unknown := [column for column in columns if column not in COLUMNS]:
        raise Refused(
            "bad_request", f"There is no column {unknown[0][:40]!r}; there are {', '.join(COLUMNS)}."
        )
    if len(set(columns)) < len(columns):
        raise Refused("bad_request", "A column stands there twice.")
    if not {"product_id", "product_external_id"} & set(columns):
        raise Refused("bad_request", "A column is missing: product_external_id, or product_id.")
    return columns


def _line_of_cells(
    place: Place, columns: Sequence[str], cells: Sequence[str], texts: Wording
) -> Line | Fault:
    if len(cells) > len(columns):
        return Fault(place, Refused("bad_request", "The row has more cells than there are columns."))
    head: dict[str, Any] = {}
    sku: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        if not cell:
            continue
        if column in HEAD_COLUMNS:
            head[HEAD_COLUMNS[column]] = tuple(cell.split()) if column == "pictures" else restored(cell)
        else:
            sku[SKU_COLUMNS[column]] = _number(cell) if column in _NUMBERS else restored(cell)
    return _line(place, head, sku, texts)


def _number(cell: str) -> int | str:
    """What isn't a whole number stays text, which the model then refuses by the column's name."""
    digits = cell.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 16 else cell


def read_json(body: bytes, texts: Wording) -> list[Line | Fault]:
    """The lines of a JSON file (``ProductFile``), in their order. Raises ``Refused``: ``bad_request``,
    ``too_large``."""
    try:
        products = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Refused("bad_request", f"The body is not JSON in UTF-8: {error}") from error
    if not isinstance(products, list):
        raise Refused("bad_request", "The file must be a list of products.")
    lines: list[Line | Fault] = []
    for row, product in enumerate(products, 1):
        lines.extend(_lines_of_product(row, product, texts))
        _refuse_too_many(lines)
    return lines


def _lines_of_product(row: int, product: Any, texts: Wording) -> Iterator[Line | Fault]:
    skus = product.get("skus") if isinstance(product, dict) else None
    if not isinstance(skus, list) or not skus:
        yield Fault(Place(row), Refused("bad_request", "A product is an object with a list of skus."))
        return
    head = {name: value for name, value in product.items() if name != "skus"}
    for sku_row, sku in enumerate(skus, 1):
        place = Place(row, sku_row)
        if isinstance(sku, dict):
            yield _line(place, head, sku, texts)
        else:
            yield Fault(place, Refused("bad_request", "A SKU is an object."))


def _refuse_too_many(lines: Sequence[Line | Fault]) -> None:
    if len(lines) > LINES_MAX:
        raise Refused("too_large", f"A file may have {LINES_MAX} SKUs.", details={"limit": LINES_MAX})


def _line(place: Place, head: dict[str, Any], sku: dict[str, Any], texts: Wording) -> Line | Fault:
    try:
        line = Line(place, FileHead.model_validate(head), FileSku.model_validate(sku))
        if line.head.id is None and line.head.external_id is None:
            raise Refused("bad_request", "Say which product: by product_external_id, or product_id.")
        return Line(place, _cleaned_head(line.head, texts), _cleaned_sku(line.sku, texts))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        return Fault(place, Refused("bad_request", f"{where}: {fault['msg']}"))
    except Refused as refused:
        return Fault(place, refused)


def _cleaned_head(head: FileHead, texts: Wording) -> FileHead:
    changes: dict[str, str] = {}
    if head.title is not None:
        changes["title"] = texts.clean(head.title, TITLE_MAX_CHARS)
    if head.category is not None:
        changes["category"] = clean_or_empty(texts, head.category, CATEGORY_MAX_CHARS)
    if head.description is not None:
        changes["description"] = clean_or_empty(texts, head.description, DESCRIPTION_MAX_CHARS)
    return head.model_copy(update=changes)


def _cleaned_sku(sku: FileSku, texts: Wording) -> FileSku:
    if sku.name is None:
        return sku
    return sku.model_copy(update={"name": clean_or_empty(texts, sku.name, SKU_NAME_MAX_CHARS)})


# Writing


def csv_header() -> bytes:
    """The first row, after a byte order mark: without one, spreadsheets don't take a file for UTF-8."""
    return b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n"


def csv_rows(product: ProductRow, skus: Iterable[SkuRow]) -> bytes:
    """A product's rows, one for each SKU. What :func:`read_csv` makes of them is what was written."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for sku in skus:
        item = file_product(product, [sku])
        of_sku = item["skus"][0]
        cells = [item[field] for field in HEAD_COLUMNS.values()] + [
            of_sku[field] for field in SKU_COLUMNS.values()
        ]
        writer.writerow([_cell(value) for value in cells])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return neutral(value) if isinstance(value, str) else "" if value is None else str(value)


def file_product(product: ProductRow, skus: Sequence[SkuRow]) -> dict[str, Any]:
    """A ``FileProduct``."""
    return {
        "id": product.id,
        "external_id": product.external_id,
        "title": product.title,
        "category": product.category,
        "description": product.description,
        "pictures": product.pictures,
        "currency": skus[0].currency if skus else None,
        "skus": [
            {
                "id": sku.id,
                "external_id": sku.external_id,
                "name": sku.name,
                "price_minor": sku.price_minor,
                "stock": sku.on_hand,
                "version": sku.version,
            }
            for sku in skus
        ],
    }
