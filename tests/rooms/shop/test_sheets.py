"""Files of products: what is written is read again, and nothing in them is a formula."""

from __future__ import annotations

import contextlib
import csv
import io

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.shop.imports import Found, chunks, decide, grouped
from rooms.shop.sheets import Line, csv_header, csv_rows, file_product, neutral, read_csv, read_json, restored
from rooms.shop.store import ProductRow, SkuRow
from server.texts import Texts

TEXTS = Texts()
FORMULAS = tuple("=+-@\t\r\n＝＋－＠")

raw = st.text(max_size=12) | st.text(st.sampled_from("'=+-@,;\"\t ＝a茶"), max_size=6)


def cleaned(text: str) -> str:
    """As the shop would keep it; empty if nothing is left."""
    try:
        return TEXTS.clean(text, 80) if text else ""
    except Refused:
        return ""


texts = raw.map(cleaned)
prefixes = st.sampled_from(["", "=", "'=", "-", "a,b ", '"', "茶"])


def external_id(draw: st.DrawFn, number: str) -> str | None:
    return draw(st.none() | prefixes.map(lambda prefix: f"{prefix}{number}"))


@st.composite
def shops(draw: st.DrawFn) -> list[tuple[ProductRow, list[SkuRow]]]:
    return [_goods(draw, number) for number in range(draw(st.integers(0, 4)))]


def _goods(draw: st.DrawFn, number: int) -> tuple[ProductRow, list[SkuRow]]:
    product = ProductRow(
        id=f"p-{number}",
        seller_id="seller",
        external_id=external_id(draw, str(number)),
        title=draw(texts) or "Tea",
        category=draw(texts),
        description=draw(texts),
        pictures=draw(st.lists(st.sampled_from(["/pictures/a.webp", "/pictures/b.png"]), max_size=3)),
        created_at_ms=0,
    )
    names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    skus = [
        SkuRow(
            id=f"s-{number}-{place}",
            product_id=product.id,
            seller_id="seller",
            name=name,
            price_minor=draw(st.integers(0, 10**11)),
            currency="CNY",
            stock=draw(st.integers(0, 10**6)),
            held=draw(st.integers(0, 10)),
            external_id=external_id(draw, f"{number}-{place}"),
            position=place + 1,
            version=draw(st.integers(1, 100)),
        )
        for place, name in enumerate(names)
    ]
    return product, skus


@given(st.text() | raw)
def test_no_cell_is_a_formula_and_each_is_restored(text: str) -> None:
    cell = neutral(text)
    assert not cell.startswith(FORMULAS)
    assert restored(cell) == text


@given(shops(), st.sampled_from(["csv", "json"]))
def test_what_is_written_is_read_again_and_changes_nothing(
    shop: list[tuple[ProductRow, list[SkuRow]]], form: str
) -> None:
    if form == "csv":
        body = csv_header() + b"".join(csv_rows(*g) for g in shop)
        for row in list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))[1:]:
            assert not any(cell.startswith(FORMULAS) for cell in row)
        lines = read_csv(body, TEXTS)
    else:
        lines = read_json(orjson.dumps([file_product(*g) for g in shop]), TEXTS)
    entries, faults = grouped(lines)
    assert faults == []
    owners = {s.external_id: s.product_id for _, skus in shop for s in skus if s.external_id}
    found = Found({p.id: p for p, _ in shop}, {p.id: skus for p, skus in shop}, owners)
    for entry, (product, skus) in zip(entries, shop, strict=True):
        outcome = decide(entry, found, "seller", 1)
        assert {result["status"] for result in outcome.results} == {"unchanged"}
        assert (outcome.product, outcome.skus) == (product, skus)


@given(st.lists(st.text(max_size=30), max_size=8), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(cells: list[str], noise: bytes) -> None:
    header = b"product_external_id,title,currency,price_minor,stock\n"
    for body in (header + ",".join(cells).encode("utf-8", "replace"), header + noise, noise):
        for read in (read_csv, read_json):
            with contextlib.suppress(Refused):  # anything else is a fault
                grouped(read(body, TEXTS))


@given(st.lists(st.integers(1, 7), max_size=30), st.integers(1, 10))
def test_chunks_are_bounded_and_keep_every_product_whole(sizes: list[int], limit: int) -> None:
    (line,) = read_csv(b"product_external_id\nx\n", TEXTS)
    assert isinstance(line, Line)
    entries = [[line] * size for size in sizes]
    made = list(chunks(entries, limit))
    assert [entry for chunk in made for entry in chunk] == entries
    assert all(len(chunk) == 1 or sum(map(len, chunk)) <= limit for chunk in made)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_are_counted_as_spreadsheets_do(separator: str) -> None:
    rows = [["product_external_id", "title"], ["a", "two\nlines"], [], ["b", "after an empty row"]]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    lines = read_csv(text.encode(), TEXTS)
    assert [line.place.row for line in lines] == [2, 4]
    assert [line.head.title for line in lines if isinstance(line, Line)] == [
        "two lines",
        "after an empty row",
    ]
