"""Webhooks as operators and receivers see them: a real node, its HTTP API, and a receiver on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from standardwebhooks import Webhook

from server.api.openapi import openapi
from server.webhooks.describe import described_webhooks
from server.webhooks.events import PING, TYPES
from tests.server.webhooks.receiver import Receiver, running_receiver
from tests.server.world import World, fresh, key, shared_node
from tests.support import node as nodes
from tests.support.node import Node

OPERATOR = {"operator": True}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {"DANMART_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/30", "DANMART_WEBHOOKS__ENDPOINTS_MAX": "3"}
    with shared_node(tmp_path_factory.mktemp("node"), **env) as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    _, listed = await world.get("/api/v1/webhooks", "root", claims=OPERATOR)
    for item in listed["items"]:
        await ask(world, "DELETE", f"/{item['id']}")
    await world.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as receiver:
        yield receiver


async def ask(world: World, method: str, path: str = "", **more: Any) -> tuple[int, Any]:
    """As an operator."""
    status, _, body = await world.request(method, f"/api/v1/webhooks{path}", "root", claims=OPERATOR, **more)
    return status, body


async def endpoint(world: World, receiver: Receiver, *types: str, **more: Any) -> dict[str, Any]:
    status, made = await ask(world, "POST", json={"url": receiver.url, "types": list(types), **more})
    assert status == 201, made
    return dict(made)


async def test_a_room_that_is_made_is_told_of_within_the_second(world: World, receiver: Receiver) -> None:
    made = await endpoint(world, receiver, "room.*", "product.*")
    room, host = await world.room()
    await world.product(host)
    await receiver.until_got(2, within_s=3)
    assert [got.type for got in receiver.got] == ["room.created", "product.added"]
    assert receiver.got[0].data["room"] == room
    for got in receiver.got:
        assert Webhook(made["secret"]).verify(got.body, got.headers) == json.loads(got.body)
    async with asyncio.timeout(5):
        while len(listed := (await ask(world, "GET", f"/{made['id']}/deliveries"))[1]["items"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert {item["webhook_id"] for item in listed} == {got.id for got in receiver.got}
    assert {item["status"] for item in listed} == {"delivered"}
    _, _, metrics = await world.request("GET", "/metrics")
    assert b'danmart_webhook_deliveries_total{outcome="delivered"}' in metrics
    assert b"danmart_webhook_lag_seconds" in metrics


async def test_an_endpoints_life(world: World, receiver: Receiver) -> None:
    body = {"url": receiver.url, "types": ["order.*"], "description": "the shop"}
    mine = {"Idempotency-Key": key()}
    status, made = await ask(world, "POST", json=body, headers=mine)
    assert (status, made["status"], made["types"], made["texts"]) == (201, "active", ["order.*"], False)
    assert (await ask(world, "POST", json=body, headers=mine))[1]["id"] == made["id"]
    path = f"/{made['id']}"
    status, card = await ask(world, "GET", path)
    assert card == {name: value for name, value in made.items() if name != "secret"}
    schema = json.loads(openapi())["components"]["schemas"]["Endpoint"]["properties"]
    assert set(made) == set(schema)
    assert (await ask(world, "GET"))[1]["items"] == [card]
    status, changed = await ask(world, "PATCH", path, json={"types": ["*"], "enabled": False})
    assert (changed["types"], changed["status"], changed["reason"]) == (["*"], "disabled", "by an operator")
    assert (await ask(world, "PATCH", path, json={"enabled": True}))[1]["status"] == "active"
    status, rotated = await ask(world, "POST", f"{path}/rotate", json={})
    assert rotated["secret"] not in ("", made["secret"])
    assert (await ask(world, "POST", f"{path}/ping"))[1]["outcome"] == "taken"
    (ping,) = receiver.got
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(ping.body, ping.headers)["type"] == "webhook.ping"
    assert (await ask(world, "DELETE", path))[0] == 200
    assert (await ask(world, "GET", path))[1]["code"] == "not_found"
    assert (await ask(world, "DELETE", path))[1]["code"] == "not_found"


async def test_a_dead_letter_is_seen_and_replayed(world: World, receiver: Receiver) -> None:
    made = await endpoint(world, receiver, "product.added")
    path = f"/{made['id']}"
    receiver.answer = lambda _: 500
    _, host = await world.room()
    await world.product(host)
    await receiver.until_got(1)
    async with asyncio.timeout(5):
        while not (waiting := (await ask(world, "GET", f"{path}/deliveries?status=waiting"))[1]["items"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (waiting[0]["attempts"], waiting[0]["http_status"]) == (1, 500)
    receiver.answer = lambda _: 204
    again = f"{path}/deliveries/{waiting[0]['id']}/replay"
    assert (await ask(world, "POST", again))[1] == {"replayed": 1}
    await receiver.until_got(2, within_s=4)
    assert receiver.got[0].id == receiver.got[1].id
    status, answer = await ask(world, "POST", f"{path}/deliveries/{'0' * 32}/replay")
    assert (status, answer["code"]) == (404, "not_found")
    span = {"from_ms": 0, "to_ms": 2**52, "status": "delivered"}
    async with asyncio.timeout(5):
        while (await ask(world, "POST", f"{path}/replay", json=span))[1]["replayed"] == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await receiver.until_got(3, within_s=4)


async def test_who_and_what_is_refused(world: World, receiver: Receiver) -> None:
    good = {"url": receiver.url, "types": ["order.*"]}
    assert (await world.post("/api/v1/webhooks", good))[1]["code"] == "unauthenticated"
    assert (await world.post("/api/v1/webhooks", good, fresh("host")))[1]["code"] == "forbidden"
    bads: list[dict[str, Any]] = [
        {"url": "ftp://shop.example/"},
        {"url": "http://169.254.169.254/latest/meta-data"},
        {"url": "https://10.0.0.1/hooks"},
        {"url": "http://localhost.localdomain.invalid/"},
        {"url": "http://user:pass@127.0.0.1/"},
        {"types": []},
        {"types": ["orders"]},
        {"types": ["webhook.ping"]},
        {"secret": "whsec_short"},
        {"rooms": ["Not A Room"]},
        {"more": 1},
    ]
    for bad in bads:
        status, answer = await ask(world, "POST", json=good | bad)
        assert (status, answer["code"]) == (400, "bad_request"), bad
    for _ in range(3):
        await endpoint(world, receiver, "*")
    assert (await ask(world, "POST", json=good))[1]["code"] == "too_many"
    assert (await ask(world, "GET", "/nothing"))[0] == 404
    for query in ("cursor=x", "status=lost", "limit=x"):
        _, listed = await ask(world, "GET")
        path = f"/{listed['items'][0]['id']}/deliveries?{query}"
        assert (await ask(world, "GET", path))[1]["code"] == "bad_request"


async def test_a_redirect_is_not_followed_and_an_internal_address_is_not_asked(
    world: World, receiver: Receiver
) -> None:
    made = await endpoint(world, receiver, "*")
    receiver.answer = lambda _: 302
    receiver.headers = {"Location": receiver.url.replace("/hooks", "/elsewhere")}
    _, pinged = await ask(world, "POST", f"/{made['id']}/ping")
    assert (pinged["outcome"], pinged["http_status"]) == ("refused", 302)
    assert "redirect" in pinged["error"]
    assert len(receiver.got) == 1


async def test_what_a_receiver_says_beside_its_status_is_not_read(world: World, receiver: Receiver) -> None:
    made = await endpoint(world, receiver, "*")
    receiver.body = b"x" * 5_000_000  # far more than outbound.max_bytes
    assert (await ask(world, "POST", f"/{made['id']}/ping"))[1]["outcome"] == "taken"
    receiver.headers = {"Content-Encoding": "gzip"}
    assert (await ask(world, "POST", f"/{made['id']}/ping"))[1]["outcome"] == "taken"


def test_the_description_is_valid_openapi() -> None:
    described = json.loads(openapi())
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []
    assert set(described["webhooks"]) == set(described_webhooks()) == {*TYPES, PING}
    assert all(o["tags"] for path in described["paths"].values() for o in path.values())


def test_the_example_in_the_documents_verifies_a_delivery() -> None:
    """The page's receiver believes what the specification's library signs, and nothing else."""
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(textwrap.dedent(code), names)  # it is our own page
    verify = names["verify"]
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    body = b'{"type":"order.paid"}'
    now_s = 1_800_000_000
    digest = hmac.new(b"k" * 32, b"msg_1.%d.%s" % (now_s, body), hashlib.sha256).digest()
    good = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now_s),
        "webhook-signature": "v1,AAAA v1," + base64.b64encode(digest).decode(),
    }
    assert verify(secret, good, body, now_s=now_s) == {"type": "order.paid"}
    for headers, sent, at in (
        (good, body + b" ", now_s),
        (good, body, now_s + 301),
        (good | {"webhook-id": "msg_2"}, body, now_s),
        (good | {"webhook-signature": "v1,AAAA"}, body, now_s),
    ):
        with pytest.raises(ValueError):
            verify(secret, headers, sent, now_s=at)
