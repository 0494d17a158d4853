"""A seller's products over HTTP: who may, what is taken, what is refused, and files in and out."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from tests.server.world import World, fresh, key

HOST = {"may_host": True, "name": "Mei"}
OPERATOR = {"operator": True, "name": "Root"}
RED = {"name": "Red", "price_minor": 4900, "stock": 5}
TEA = {"title": "Tea", "currency": "CNY", "skus": [RED]}


async def send(
    world: World, method: str, path: str, user: str | None, body: Any = None, **more: Any
) -> tuple[int, Any]:
    """Status and decoded body; ``body`` is bytes of ``kind``, or sent as JSON."""
    claims = more.pop("claims", HOST)
    headers = {"Idempotency-Key": more.pop("key")} if more.get("key") else {}
    if isinstance(body, bytes):
        headers["Content-Type"] = more.pop("kind", "text/csv")
        more["data"] = io.BytesIO(body)
    elif body is not None:
        more["json"] = body
    status, _, answer = await world.request(method, path, user, claims=claims, headers=headers, **more)
    return status, answer


async def take_in(world: World, seller: str, text: str, query: str = "", **more: Any) -> dict[str, Any]:
    status, report = await send(
        world, "POST", f"/api/v1/products/import{query}", seller, text.encode(), **more
    )
    assert status == 200, report
    lines = report["lines"]
    for name in ("created", "updated", "unchanged", "refused"):
        assert report[name] == sum(line["status"] == name for line in lines)
    answer: dict[str, Any] = report
    return answer


def faults(report: dict[str, Any]) -> dict[int, str]:
    """The refused rows with their codes."""
    return {line["row"]: line["error"]["code"] for line in report["lines"] if "error" in line}


async def make(world: World, seller: str, **more: Any) -> dict[str, Any]:
    status, product = await send(world, "POST", "/api/v1/products", seller, {**TEA, **more})
    assert status == 201, product
    made: dict[str, Any] = product
    return made


def code(answer: Sequence[Any]) -> str:
    wire: str = answer[1]["code"]
    return wire


# One by one


async def test_a_product_is_made_read_listed_and_changed(world: World) -> None:
    seller = fresh("host")
    product = await make(world, seller, external_id="t-1", category="茶", description="=SUM(A1)")
    assert product["skus"][0] | {"id": ""} == {
        "id": "",
        "external_id": None,
        "name": "Red",
        "price_minor": 4900,
        "currency": "CNY",
        "stock": 5,
        "held": 0,
        "version": 1,
    }
    other = await make(world, seller)
    path = f"/api/v1/products/{product['id']}"
    assert (await world.get(path, seller))[1] == product
    _, page = await world.get("/api/v1/products?limit=1", seller)
    assert (page["items"], page["next"]) == ([product], product["id"])
    _, page = await world.get(f"/api/v1/products?limit=1&cursor={page['next']}", seller)
    assert page["items"] == [other]
    assert (await world.get("/api/v1/products?external_id=t-1", seller))[1]["items"] == [product]
    assert (await world.get("/api/v1/products?category=x", seller))[1]["items"] == []
    red = product["skus"][0]["id"]
    change = {
        "title": "Green tea",
        "skus": [{"sku": red, "stock": 7, "version": 1}, {"name": "Large", "price_minor": 9900, "stock": 1}],
    }
    status, changed = await send(world, "PATCH", path, seller, change)
    assert status == 200
    assert [(s["name"], s["stock"], s["version"]) for s in changed["skus"]] == [
        ("Red", 7, 2),
        ("Large", 1, 1),
    ]
    stale = await send(world, "PATCH", path, seller, {"skus": [{"sku": red, "stock": 9, "version": 1}]})
    assert (code(stale), stale[1]["errors"]["version"]) == ("stale_version", 2)
    assert code(await send(world, "PATCH", path, seller, {})) == "bad_request"
    several = await send(world, "PATCH", path, seller, {"stock_delta": 1})
    assert code(several) == "bad_request"
    assert (await world.get(path, seller))[1] == changed


async def test_products_are_their_sellers(world: World) -> None:
    seller, stranger = fresh("host"), fresh("host")
    product = await make(world, seller)
    path = f"/api/v1/products/{product['id']}"
    for user, claims, expected in (
        (None, {}, "unauthenticated"),
        (stranger, {}, "forbidden"),
        (stranger, HOST, "forbidden"),
    ):
        for method, about, body in (
            ("GET", f"/api/v1/products?seller={seller}", None),
            ("GET", f"/api/v1/products/export?seller={seller}", None),
            ("POST", f"/api/v1/products?seller={seller}", TEA),
            ("POST", f"/api/v1/products/import?seller={seller}", b"product_external_id\n"),
            ("PUT", f"/api/v1/stock?seller={seller}", []),
        ):
            answer = await send(world, method, about, user, body, claims=claims)
            assert code(answer) == expected, (method, about)
    assert code(await send(world, "GET", path, stranger)) == "not_found"
    assert code(await send(world, "PATCH", path, stranger, {"title": "Mine"})) == "not_found"
    assert code(await send(world, "POST", "/api/v1/products", fresh("viewer"), TEA, claims={})) == "forbidden"
    sku = product["skus"][0]["id"]
    _, answer = await send(world, "PUT", "/api/v1/stock", stranger, [{"sku": sku, "set": 0}])
    assert answer["items"][0]["error"]["code"] == "not_found"
    operator = fresh("operator")
    changed = await send(world, "PATCH", path, operator, {"title": "Theirs"}, claims=OPERATOR)
    assert changed[1]["title"] == "Theirs"
    about = f"/api/v1/products?seller={seller}"
    assert (await send(world, "POST", about, operator, TEA, claims=OPERATOR))[1]["seller"] == seller
    about = "/api/v1/products?seller=nobody-ever-seen"
    assert code(await send(world, "POST", about, operator, TEA, claims=OPERATOR)) == "not_found"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"skus": []}, "bad_request"),
        ({"skus": [RED] * 51}, "bad_request"),
        ({"skus": [RED] * 2}, "bad_request"),
        ({"skus": [{"name": "Red", "price_minor": 1, "stock": -1}]}, "bad_request"),
        ({"skus": [{"name": "Red", "price_minor": 1, "stock": 1, "currency": "EUR"}]}, "bad_request"),
        ({"price_minor": 1, "stock": 1}, "bad_request"),
        ({"currency": "cny"}, "bad_request"),
        ({"external_id": " x"}, "bad_request"),
        ({"external_id": "x\ny"}, "bad_request"),
        ({"title": "x" * 121}, "text_too_long"),
        ({"description": "x" * 4001}, "text_too_long"),
        ({"pictures": ["https://example.org/a.png"]}, "bad_request"),
    ],
)
async def test_products_that_are_refused(world: World, more: dict[str, Any], expected: str) -> None:
    assert code(await send(world, "POST", "/api/v1/products", fresh("host"), {**TEA, **more})) == expected


async def test_external_ids_are_unique_for_a_seller_only(world: World) -> None:
    seller, other = fresh("host"), fresh("host")
    skus = [{"name": "", "price_minor": 1, "stock": 1, "external_id": "s-1"}]
    await make(world, seller, external_id="t-1", skus=skus)
    taken = await send(world, "POST", "/api/v1/products", seller, {**TEA, "external_id": "t-1"})
    assert code(taken) == "external_id_taken"
    taken = await send(world, "POST", "/api/v1/products", seller, {**TEA, "skus": skus})
    assert code(taken) == "external_id_taken"
    await make(world, other, external_id="t-1", skus=skus)


async def test_a_key_makes_one_product(world: World) -> None:
    seller, mine = fresh("host"), key()
    both = await asyncio.gather(
        *(send(world, "POST", "/api/v1/products", seller, TEA, key=mine) for _ in range(2))
    )
    assert both[0] == both[1]
    assert len((await world.get("/api/v1/products", seller))[1]["items"]) == 1
    again = await send(world, "POST", "/api/v1/products", seller, {**TEA, "title": "Cake"}, key=mine)
    assert code(again) == "key_conflict"


# Files

HEADER = "product_external_id,title,currency,sku_external_id,sku_name,price_minor,stock\n"


async def test_a_file_makes_products_changes_them_and_says_so_row_by_row(world: World) -> None:
    seller = fresh("host")
    text = "\ufeff" + HEADER + "t-1,Tea,CNY,s-1,Red,4900,5\r\nt-1,,,s-2,Green,5900,6\nt-2,Cup,CNY,,,100,1\n"
    dry = await take_in(world, seller, text, "?dry_run=true")
    assert (dry["dry_run"], dry["created"], dry["refused"]) == (True, 3, 0)
    assert (await world.get("/api/v1/products", seller))[1]["items"] == []
    report = await take_in(world, seller, text)
    assert [(line["row"], line["status"]) for line in report["lines"]] == [(n, "created") for n in (2, 3, 4)]
    assert (await take_in(world, seller, text))["unchanged"] == 3
    _, page = await world.get("/api/v1/products", seller)
    tea = next(item for item in page["items"] if item["external_id"] == "t-1")
    assert [(s["name"], s["price_minor"], s["stock"]) for s in tea["skus"]] == [
        ("Red", 4900, 5),
        ("Green", 5900, 6),
    ]
    changed = await take_in(
        world, seller, "product_external_id;title;sku_external_id;stock\nt-1;Good tea;s-2;9\n"
    )
    assert changed["updated"] == 1
    _, tea = await world.get(f"/api/v1/products/{tea['id']}", seller)
    assert (tea["title"], [s["stock"] for s in tea["skus"]]) == ("Good tea", [5, 9])


async def test_bad_rows_are_named_and_the_others_are_done(world: World) -> None:
    seller = fresh("host")
    rows = [
        "t-1,Tea,CNY,s-1,Red,4900,5",  # 2
        "t-1,Tea,EUR,s-2,Green,4900,5",  # 3: another currency in one product
        "t-1,Cake,CNY,s-3,Blue,4900,5",  # 4: another title for the same product
        "t-2,Cup,CNY,s-1,,100,1",  # 5: the SKU's external id stands in row 2
        "t-3,Cup,CNY,,,100,-1",  # 6: negative stock
        "t-4,Cup,CNY,,,1.50,1",  # 7: not in the minor unit
        "t-5,Cup,,,,100,1",  # 8: no currency
        "t-6,,CNY,,,100,1",  # 9: no title
        ",Cup,CNY,,,100,1",  # 10: nothing to know it by
        "t-7,Cup,CNY,,,100,1,more,cells",  # 11
        f"t-8,{'x' * 200},CNY,,,100,1",  # 12
        "",  # 13: an empty row is none
        "t-9,Cup,CNY,,,100,1",  # 14
    ]
    text = HEADER + "\n".join(rows) + "\n"
    dry = await take_in(world, seller, text, "?dry_run=true")
    report = await take_in(world, seller, text)
    assert (
        faults(report)
        == faults(dry)
        == {
            3: "bad_request",
            4: "bad_request",
            5: "external_id_taken",
            6: "bad_request",
            7: "bad_request",
            8: "bad_request",
            9: "bad_request",
            10: "bad_request",
            11: "bad_request",
            12: "text_too_long",
        }
    )
    assert [line["row"] for line in report["lines"] if "error" not in line] == [2, 14]
    messages = {line["row"]: line["error"]["message"] for line in report["lines"] if "error" in line}
    assert messages[6].startswith("stock:")
    assert messages[7].startswith("price_minor:")
    _, page = await world.get("/api/v1/products", seller)
    assert [item["external_id"] for item in page["items"]] == ["t-1", "t-9"]


async def test_files_that_are_none(world: World) -> None:
    seller = fresh("host")

    async def refused(body: bytes, kind: str = "text/csv") -> str:
        return code(await send(world, "POST", "/api/v1/products/import", seller, body, kind=kind))

    good = (HEADER + "t-1,Tea,CNY,s-1,Red,4900,5\n").encode()
    assert await refused("title,product_external_id\nThé,1".encode("latin-1")) == "bad_request"
    assert await refused(good.decode().encode("utf-16")) == "bad_request"
    assert await refused(b"product_external_id,colour\n") == "bad_request"
    assert await refused(b"title,title,product_id\n") == "bad_request"
    assert await refused(b"title\nTea\n") == "bad_request"
    assert await refused(HEADER.encode() + b't-1,"Tea') == "bad_request"
    assert await refused(good + b"\0") == "bad_request"
    assert await refused(HEADER.encode() + b"t-1,Tea,CNY,,,1,1\n" * 5001) == "too_large"
    assert await refused(good + b" " * 10_000_000) == "too_large"
    assert await refused(good, "application/octet-stream") == "unsupported_media_type"
    assert await refused(b"{}", "application/json") == "bad_request"
    assert await refused(b"[", "application/json") == "bad_request"
    query = "/api/v1/products/import?dry_run=maybe"
    assert code(await send(world, "POST", query, seller, good)) == "bad_request"
    assert (await world.get("/api/v1/products", seller))[1]["items"] == []


async def test_json_files_name_the_product_and_its_sku(world: World) -> None:
    seller = fresh("host")
    file = [
        {
            "external_id": "t-1",
            "title": "Tea",
            "currency": "CNY",
            "skus": [
                {"name": "Red", "price_minor": 1, "stock": 1},
                {"name": "Green", "price_minor": -1},
                "Blue",
            ],
        },
        {"external_id": "t-1", "title": "Tea", "currency": "CNY", "skus": [{"name": "L", "price_minor": 1}]},
        {"external_id": "t-2", "skus": []},
        7,
        {
            "external_id": "t-3",
            "title": "Cup",
            "currency": "CNY",
            "colour": "red",
            "skus": [{"price_minor": 1}],
        },
    ]
    body = orjson.dumps(file)
    _, report = await send(world, "POST", "/api/v1/products/import", seller, body, kind="application/json")
    told = [(x["row"], x.get("sku_row"), x.get("error", {}).get("code")) for x in report["lines"]]
    assert told == [
        (1, 1, None),
        (1, 2, "bad_request"),
        (1, 3, "bad_request"),
        (2, 1, "external_id_taken"),
        (3, None, "bad_request"),
        (4, None, "bad_request"),
        (5, 1, "bad_request"),
    ]


async def export(world: World, seller: str, form: str) -> bytes:
    status, _, body = await world.request(
        "GET", f"/api/v1/products/export?format={form}", seller, claims=HOST
    )
    assert status == 200
    return body if isinstance(body, bytes) else orjson.dumps(body)


async def test_an_export_taken_in_again_changes_nothing(world: World) -> None:
    seller = fresh("host")
    for n, title in enumerate(("=1+1", "'=1", "+x", "-x", "@x", 'a,b;"c"', "茶", "'plain'")):
        pictures = [f"/pictures/a{n}.webp", "/pictures/b.webp"]
        await make(world, seller, title=title, description=title, external_id=f"={n}", pictures=pictures)
    await make(
        world,
        seller,
        title="No external id",
        skus=[{"name": "", "price_minor": 0, "stock": 0}, {"name": "@L", "price_minor": 1, "stock": 2}],
    )
    _, before = await world.get("/api/v1/products?limit=200", seller)
    for form, kind in (("csv", "text/csv"), ("json", "application/json")):
        body = await export(world, seller, form)
        _, report = await send(world, "POST", "/api/v1/products/import", seller, body, kind=kind)
        assert (report["unchanged"], len(report["lines"])) == (10, 10), report
        assert (await world.get("/api/v1/products?limit=200", seller))[1] == before
        assert await export(world, seller, form) == body
    csv = await export(world, seller, "csv")
    assert csv.startswith(b"\xef\xbb\xbfproduct_id,")
    for line in csv.decode("utf-8-sig").splitlines()[1:]:
        assert not any(cell.startswith(("=", "+", "@", '"=', '"+', '"@')) for cell in line.split(","))
    assert code(await send(world, "GET", "/api/v1/products/export?format=xls", seller)) == "bad_request"


async def test_an_old_export_brings_no_sold_units_back(world: World) -> None:
    room, host = await world.room()
    product, sku = await world.product(host, stock=5)
    old = await export(world, str(host.user), "csv")
    buyer = await world.viewer(room)
    order = (await buyer.ok("buy", sku=sku, qty=2))["order"]["id"]
    _, report = await send(world, "POST", "/api/v1/products/import", str(host.user), old)
    assert report["unchanged"] == 1  # a hold takes nothing from what is on hand
    await buyer.ok("order.pay", order=order)
    _, report = await send(world, "POST", "/api/v1/products/import", str(host.user), old)
    assert report["lines"][0]["error"]["code"] == "stale_version"
    _, page = await world.get(f"/api/v1/products/{product}", host.user)
    assert (page["skus"][0]["stock"], page["skus"][0]["held"]) == (3, 0)


async def test_a_large_file_goes_in_beside_a_buyer(world: World) -> None:
    """Two thousand rows, on disk a chunk at a time: commands of others go in between."""
    room, host = await world.room()
    _, sku = await world.product(host, stock=1000)
    buyer = await world.viewer(room)
    rows = "".join(f"t-{n},Tea {n},CNY,s-{n},,{n},1\n" for n in range(2000))
    running = asyncio.create_task(take_in(world, str(host.user), HEADER + rows))
    bought = 0
    while not running.done():
        await buyer.ok("comment", text=f"hello {bought}")
        bought += 1
        if bought == 1:
            await buyer.ok("buy", sku=sku, qty=1)
    report = await running
    assert (report["created"], report["refused"]) == (2000, 0)
    assert bought > 1
    body = await export(world, str(host.user), "json")
    assert len(orjson.loads(body)) == 2001


async def test_a_repeated_file_with_its_key_gives_the_same_report(world: World) -> None:
    seller, mine = fresh("host"), key()
    text = HEADER + "".join(f"t-{n},Tea,CNY,,,1,5\n" for n in range(120))
    first = await take_in(world, seller, text, key=mine)
    assert await take_in(world, seller, text, key=mine) == first
    other = await send(
        world, "POST", "/api/v1/products/import", seller, (text + "x,T,CNY,,,1,1\n").encode(), key=mine
    )
    assert code(other) == "key_conflict"


# Stock


async def test_stock_is_set_and_changed_row_by_row(world: World) -> None:
    room, host = await world.room()
    made = await host.ok(
        "product.add",
        title="Tea",
        currency="CNY",
        skus=[
            {"name": "Red", "price_minor": 1, "stock": 5, "external_id": "s-1"},
            {"name": "Green", "price_minor": 1, "stock": 5, "external_id": "s-2"},
        ],
    )
    red = made["product"]["skus"][0]["id"]
    buyer = await world.viewer(room)
    await buyer.ok("buy", sku=red, qty=2)
    rows = [
        {"external_id": "s-1", "set": 10},
        {"sku": red, "change": -3, "version": 2},
        {"external_id": "s-1", "set": 9, "version": 2},
        {"external_id": "s-1", "set": 1},
        {"external_id": "s-2", "change": -6, "version": 1},
        {"external_id": "s-3", "set": 1},
    ]
    _, answer = await send(world, "PUT", "/api/v1/stock", host.user, rows)
    items = answer["items"]
    assert items[0] == {"sku": red, "external_id": "s-1", "stock": 8, "held": 2, "version": 2}
    assert items[1] == {"sku": red, "external_id": "s-1", "stock": 5, "held": 2, "version": 3}
    assert [item.get("error", {}).get("code") for item in items] == [
        None,
        None,
        "stale_version",
        "not_enough_stock",
        "not_enough_stock",
        "not_found",
    ]
    assert items[2]["error"]["details"] == {"version": 3, "stock": 5, "held": 2}
    assert answer["refused"] == 4
    await buyer.until("signals", lambda s: s.get("stock", {}).get(red) == 5)


async def test_a_change_is_done_once(world: World) -> None:
    seller, mine = fresh("host"), key()
    skus = [{"name": "", "price_minor": 1, "stock": 5, "external_id": "s-1"}]
    await make(world, seller, skus=skus)
    rows = [{"external_id": "s-1", "change": 1}] * 150
    assert code(await send(world, "PUT", "/api/v1/stock", seller, rows)) == "bad_request"
    first = await send(world, "PUT", "/api/v1/stock", seller, rows, key=mine)
    assert await send(world, "PUT", "/api/v1/stock", seller, rows, key=mine) == first
    assert first[1]["items"][-1]["stock"] == 155
    assert code(await send(world, "PUT", "/api/v1/stock", seller, rows[1:], key=mine)) == "key_conflict"


async def test_stock_that_is_malformed_changes_nothing(world: World) -> None:
    seller = fresh("host")
    skus = [{"name": "", "price_minor": 1, "stock": 5, "external_id": "s-1"}]
    product = await make(world, seller, skus=skus)
    good = {"external_id": "s-1", "set": 7}
    for bad in (
        [good, {"external_id": "s-1"}],
        [good, {"external_id": "s-1", "set": 1, "change": 1}],
        [good, {"set": 1}],
        [good, {"external_id": "s-1", "set": -1}],
        [good, {"external_id": "s-1", "set": 10**10}],
        [good, {"external_id": "s-1", "set": "7"}],
        [good, {"external_id": "s-1", "set": 7, "surprise": 1}],
        [good] * 5001,
        {"items": [good]},
        [1],
    ):
        assert code(await send(world, "PUT", "/api/v1/stock", seller, bad)) == "bad_request", bad
    large = await send(world, "PUT", "/api/v1/stock", seller, b" " * 10_000_000, kind="application/json")
    assert code(large) == "too_large"
    assert (
        code(await send(world, "PUT", "/api/v1/stock", seller, b"x", kind="text/csv"))
        == "unsupported_media_type"
    )
    assert (await world.get(f"/api/v1/products/{product['id']}", seller))[1] == product


# For good, and for the audit


async def test_a_product_and_a_sku_are_deleted_once(world: World) -> None:
    seller, mine = fresh("host"), key()
    product = await make(world, seller, skus=[RED, {"name": "Green", "price_minor": 1, "stock": 1}])
    path = f"/api/v1/products/{product['id']}"
    red = f"{path}/skus/{product['skus'][0]['id']}"
    for gone in (red, path):
        assert code(await send(world, "DELETE", gone, fresh("host"))) == "not_found"
        assert await send(world, "DELETE", gone, seller, key=mine) == (200, {})
        assert await send(world, "DELETE", gone, seller, key=mine) == (200, {})
        assert code(await send(world, "DELETE", gone, seller)) == "not_found"
    assert code(await send(world, "DELETE", "/api/v1/products/none", seller, key=mine)) == "key_conflict"
    assert (await world.get("/api/v1/products", seller))[1]["items"] == []
    assert code(await send(world, "DELETE", path, None)) == "unauthenticated"


async def trail(world: World, seller: str) -> list[dict[str, Any]]:
    status, page = await send(world, "GET", "/api/v1/products/audit", seller)
    assert status == 200
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_files_and_stock_leave_two_lines_in_the_audit(world: World) -> None:
    seller, mine = fresh("host"), key()
    rows = "".join(f"t-{n},Tea,CNY,s-{n},,{n},1\n" for n in range(60)) + "t-x,Tea,CNY,,,1.5,1\n"
    body = HEADER + rows
    await take_in(world, seller, body, "?dry_run=true")
    assert await trail(world, seller) == []
    for _ in range(2):
        await take_in(world, seller, body, key=mine)
    done, begun = await trail(world, seller)
    digest = hashlib.sha256(body.encode()).hexdigest()
    about = {"format": "text/csv", "bytes": len(body), "lines": 61}
    assert (begun["action"], begun["target"], begun["detail"]) == ("products.import", digest, about)
    assert begun["actor"] == {"id": seller, "name": "Mei"}
    outcome = {"created": 60, "refused": 1, "refusals": {"bad_request": 1}}
    refused_lines = [{"row": 62, "code": "bad_request"}]
    assert (done["action"], done["target"]) == ("products.import.done", digest)
    assert done["detail"] == about | outcome | {"refused_lines": refused_lines}
    stock = [{"external_id": "s-1", "set": 7}, {"external_id": "nothing", "set": 7}]
    await send(world, "PUT", "/api/v1/stock", seller, stock)
    done, begun, *_ = await trail(world, seller)
    assert (begun["action"], begun["detail"]) == ("stock.put", {"lines": 2})
    assert done["detail"]["refusals"] == {"not_found": 1}
    assert done["detail"]["done"] == 1
    assert done["detail"]["refused_lines"] == [{"sku": None, "external_id": "nothing", "code": "not_found"}]
    assert (
        code(await send(world, "GET", f"/api/v1/products/audit?seller={seller}", fresh("host")))
        == "forbidden"
    )


async def test_who_may_not_take_files_in_leaves_no_trace(world: World) -> None:
    seller, stranger = fresh("host"), fresh("host")
    about = f"/api/v1/products/import?seller={seller}"
    assert code(await send(world, "POST", about, stranger, b"product_external_id\n")) == "forbidden"
    operator = fresh("operator")
    await make(world, seller)
    text = (HEADER + "t-1,Tea,CNY,,,1,1\n").encode()
    assert (await send(world, "POST", about, operator, text, claims=OPERATOR))[0] == 200
    assert [line["actor"]["id"] for line in await trail(world, seller)] == [operator, operator]
    assert await trail(world, stranger) == []
