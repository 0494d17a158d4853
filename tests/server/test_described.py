"""Every answer is as it is described. The other tests' requests are held to that as well, see ``World``."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from PIL import Image

from media.stream import PublisherStats, TrackStats
from server.api.answering import ANSWERS, adapter
from server.api.context import ok
from server.api.shapes.commands import COMMANDS
from server.api.shapes.rooms import Publisher
from server.api.shapes.shop import Product
from server.commands import SPECS
from tests.media.movie.test_movie import joined
from tests.server import described
from tests.server.webhooks.receiver import Receiver, running_receiver
from tests.server.world import Person, World, fresh, key, shared_node
from tests.support import node as nodes
from tests.support.coins import endow, put_on_air
from tests.support.node import Node
from tests.support.recorded import put_recording

OPERATOR = {"operator": True, "may_host": True}
ELSEWHERE = {
    ("GET", "/api/v1/rooms/{room}/poster.jpg"),  # a picture: no JSON
    ("GET", "/api/v1/rooms/{room}/stills/{still}.jpg"),
    ("GET", "/api/v1/rooms/{room}/stills/{still}.jpg"),  # the same
    ("GET", "/api/v1/rooms/{room}/sounds/{sound}.ogg"),  # a sound
    ("GET", "/api/v1/rooms/{room}/pictures/{name}"),
    ("GET", "/api/v1/rooms/{room}/publisher"),  # below, as somebody would have to publish
    ("POST", "/api/v1/demo/token"),  # of a demo
    ("POST", "/api/v1/payments/{payment}/refund"),  # of a refund that failed
    ("POST", "/api/v1/payments/{provider}/callback"),  # of a provider with a page of its own
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {
        "DANMART_OUTBOUND__ALLOW_PRIVATE": "127.0.0.0/30",
        "DANMART_LISTEN__TRUSTED_PROXIES": '["127.0.0.1/32"]',
    }
    with shared_node(tmp_path_factory.mktemp("node"), **env) as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    await world.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as receiver:
        yield receiver


class Caller:
    """Somebody with a token who sends commands and reads, all over HTTP, and succeeds."""

    def __init__(self, world: World, user: str, room: str = "", claims: Any = None) -> None:
        self.world = world
        self.user = user
        self.room = room
        self.claims = claims

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        status, _, body = await self.world.request(
            method, f"/api/v1{path}", self.user, claims=self.claims, **more
        )
        assert status < 300, (method, path, body)
        return body

    async def do(self, command: str, **payload: Any) -> Any:
        keyed = "key" in SPECS[command].model.model_fields
        headers = {"Idempotency-Key": key()} if keyed else {}
        return await self.ask("POST", f"/rooms/{self.room}/commands/{command}", json=payload, headers=headers)

    async def once(self, path: str, body: Any) -> Any:
        return await self.ask("POST", path, json=body, headers={"Idempotency-Key": key()})

    async def read(self, *paths: str) -> list[Any]:
        return [await self.ask("GET", path) for path in paths]


async def test_every_answer_is_as_described(world: World, receiver: Receiver) -> None:
    described.held.clear()
    host = Caller(world, fresh("host"), claims=OPERATOR)
    made = await host.ask("POST", "/rooms", json={"title": "Tea"})
    host.room = made["id"]
    viewer = Caller(world, fresh("viewer"), host.room)
    await of_products(host)
    await of_the_shelf(host)
    await of_selling(host, viewer)
    await of_coupons(host, viewer)
    await of_packets(host, viewer)
    await of_the_stage(host, viewer)
    await of_wallets(host, viewer)
    await of_gifts(host, viewer)
    await of_lotteries(host, viewer)
    await of_quizzes(host, viewer)
    await of_polls(host, viewer)
    await of_points(host, viewer)
    await of_recordings(host)
    await of_replays(host, world.node)
    far = {"X-Forwarded-For": "203.0.113.7"}
    await of_people(host, viewer, await world.join(viewer.user, headers=far))
    await of_evasion(host, viewer)
    await of_avatars(host, viewer)
    await of_rulebooks(host)
    await of_webhooks(host, receiver)
    await host.read("/rooms", f"/rooms/{host.room}", f"/rooms/{host.room}/events", "/me", "/payments/methods")
    await host.read("/payments/owed")
    await host.do("room.pause", on=False)
    await host.do("picture.clear")
    await host.do("sound.clear")
    await host.do("room.end")
    assert described.operations() - described.held == ELSEWHERE


async def of_products(host: Caller) -> None:
    two = [{"name": name, "price_minor": 1, "stock": 1} for name in ("A", "B")]
    product = await host.ask("POST", "/products", json={"title": "T", "currency": "CNY", "skus": two})
    path = f"/products/{product['id']}"
    await host.ask("PATCH", path, json={"title": "New"})
    csv = b"product_external_id,title,currency,sku_external_id,price_minor,stock\nt,T,CNY,s,1,1\nx,,,,,\n"
    await host.ask("POST", "/products/import", data=csv, headers={"Content-Type": "text/csv"})
    stock = [{"external_id": "s", "set": 7}, {"external_id": "none", "set": 7}]
    await host.ask("PUT", "/stock", json=stock)
    await host.read(path, "/products", "/products/export?format=csv", "/products/export?format=json")
    await host.ask("DELETE", f"{path}/skus/{product['skus'][0]['id']}")
    await host.ask("DELETE", path)
    await host.read("/products/audit")


async def of_the_shelf(host: Caller) -> None:
    goods = {"title": "Tea", "currency": "CNY"}
    skus = [{"name": name, "price_minor": 1, "stock": 1} for name in ("A", "B")]
    product = (await host.do("product.add", **goods, skus=skus))["product"]
    which = {"product": product["id"]}
    await host.do("product.change", **which, title="Green tea")
    await host.do("shelf.move", **which, position=1)
    for command in ("pin", "unpin", "explain.start"):
        await host.do(command, **which)
    await host.do("explain.stop")
    await host.read(f"/rooms/{host.room}/products")
    await host.do("product.remove", **which)
    await host.do("shelf.add", **which)
    await host.do("sku.delete", **which, sku=product["skus"][0]["id"])
    await host.do("product.delete", **which)


async def of_selling(host: Caller, viewer: Caller) -> None:
    added = await host.do("product.add", title="Cup", currency="CNY", price_minor=500, stock=9)
    sku = added["product"]["skus"][0]["id"]
    plan = {"sku": sku, "price_minor": 100, "quantity": 5, "per_buyer": 5, "duration_s": 60}
    sale = (await host.do("sale.start", **plan))["sale"]
    address = {"name": "Lin", "lines": ["1 Tea Road"], "city": "Hangzhou", "country": "CN"}
    order = (await viewer.do("buy", sku=sku, qty=1, sale=sale["id"]))["order"]["id"]
    await viewer.do("order.pay", order=order)
    await host.do("order.refund", order=order, reason="broken", restock=True)
    other = (await viewer.do("buy", sku=sku, qty=1, note="soon", address=address))["order"]["id"]
    await viewer.do("order.cancel", order=other)
    await host.read(f"/rooms/{host.room}/sales")
    await host.do("sale.end", sale=sale["id"])
    await host.read(f"/rooms/{host.room}/sales", f"/rooms/{host.room}/orders", f"/orders/{order}")
    await viewer.read(f"/orders/{other}")


async def of_gifts(host: Caller, viewer: Caller) -> None:
    database = f"sqlite:///{host.world.node.log.parent / 'data' / 'danmart.db'}"
    await asyncio.to_thread(endow, database, [viewer.user], 9)
    await asyncio.to_thread(put_on_air, database, host.room)
    terms = {"names": {"en": "Rose"}, "picture": "/gifts/rose.svg", "price": 2}
    await host.ask("PUT", "/gifts/rose", json=terms)
    gift = (await viewer.do("gift", gift="rose"))["event"]["id"]
    await viewer.do("gift.top", span="week")
    await viewer.read("/gifts", f"/rooms/{host.room}/gifts/top")
    await host.do("gift.refund", gift=gift, reason="by mistake")
    await host.read(f"/rooms/{host.room}/gifts")


async def of_recordings(host: Caller) -> None:
    """Nothing comes to be recorded; what there is of it is kept, and deleted."""
    recording = (await host.do("recording.start"))["recording"]
    await host.read(f"/rooms/{host.room}/recordings", f"/recordings/{recording}")
    await host.ask("PATCH", f"/recordings/{recording}", json={"title": "Spring tea", "keep_days": 3})
    await host.do("recording.stop")
    async with asyncio.timeout(30):
        while (await host.ask("GET", f"/recordings/{recording}"))["status"] != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await host.ask("DELETE", f"/recordings/{recording}")


async def of_replays(host: Caller, node: Node) -> None:
    tape, _ = joined(((320, 180), 25), ((320, 180), 25), ((320, 180), 25))
    recording = await asyncio.to_thread(put_recording, node.log.parent / "data", host.room, tape, 1_000)
    base = f"/recordings/{recording}"
    await host.read(f"{base}/timeline?snapshot=1", f"{base}/chapters")
    made = await host.once(f"{base}/clips", {"from_ms": 500, "to_ms": 2_500})
    clip = made["clip"]
    assert (clip["status"], clip["from_ms"], clip["duration_ms"]) == ("ready", 0, 2_500 - 2_500 % 40 + 40)
    await host.read(f"{base}/clips")
    await host.ask("POST", f"{base}/download")
    await host.ask("DELETE", f"{base}/clips/{clip['id']}")


async def of_coupons(host: Caller, viewer: Caller) -> None:
    terms = {"title": "C", "kind": "fixed", "value": 1, "currency": "CNY", "quota": 9, "valid_s": 60}
    coupon = (await host.do("coupon.create", **terms))["coupon"]["id"]
    await host.do("coupon.drop", coupon=coupon, seconds=60)
    await viewer.do("coupon.claim", coupon=coupon)
    await host.do("coupon.close", coupon=coupon)
    await viewer.read("/coupons")
    await host.read(f"/rooms/{host.room}/coupons")


async def of_wallets(host: Caller, viewer: Caller) -> None:
    await viewer.do("wallet.topup", pack="coins-60")
    await viewer.read("/coins", "/wallet", "/wallet/statement")
    wallet = f"/wallets/{host.user}"
    gift = {"account": "earnings", "amount": 200, "reason": "because"}
    await host.once(f"{wallet}/corrections", gift)
    for end in ("done", "return"):
        payout = (await host.once("/payouts", {"coins": 100}))["payout"]["id"]
        await host.ask("POST", f"/payouts/{payout}/{end}", json={"note": "so"})
    await host.read(wallet, f"{wallet}/statement", "/payouts", "/audit", f"/rooms/{host.room}/earnings")
    await host.read("/audit/export?format=csv", "/audit/export?format=json")


async def of_lotteries(host: Caller, viewer: Caller) -> None:
    added = await host.do("product.add", title="Pot", currency="CNY", price_minor=500, stock=9)
    prizes = [{"kind": "product", "ref": added["product"]["skus"][0]["id"], "count": 1}]
    terms = {"title": "Pot", "prizes": prizes, "seconds": 60}
    off, lottery = [(await host.do("lottery.create", **terms))["lottery"]["id"] for _ in range(2)]
    await host.do("lottery.cancel", lottery=off)
    await viewer.do("lottery.enter", lottery=lottery, nonce="0" * 32)
    await host.do("lottery.draw", lottery=lottery)
    for _ in range(200):
        (page,) = await host.read(f"/rooms/{host.room}/lotteries")
        if page["items"][0]["state"] == "drawn":
            break
    await viewer.do("lottery.check", lottery=lottery)
    order = (await viewer.do("lottery.claim", lottery=lottery))["given"]["order"]["id"]
    await viewer.do("order.address", order=order, address={"name": "Lin", "lines": ["Tea Street 8"]})
    await viewer.read(f"/lotteries/{lottery}/draw")


async def of_quizzes(host: Caller, viewer: Caller) -> None:
    question = {"text": "Which?", "options": ["a", "b"], "right": 1, "seconds": 5}
    quiz = (await host.do("quiz.start", title="Q", questions=[question]))["quiz"]["id"]
    await host.do("quiz.ask", quiz=quiz)
    await viewer.do("quiz.answer", quiz=quiz, question=1, option=1)
    await viewer.do("quiz.check", quiz=quiz)
    (shown,) = await viewer.read(f"/rooms/{host.room}/quizzes/{quiz}")
    assert [each["right"] for each in shown["questions"]] == [None]
    (whole,) = await host.read(f"/rooms/{host.room}/quizzes/{quiz}")
    assert [each["right"] for each in whole["questions"]] == [1]
    await host.do("quiz.close", quiz=quiz)
    async with asyncio.timeout(10):
        while shown["state"] != "closed":
            await asyncio.sleep(0.05)  # the HTTP API has nothing to wait on
            (shown,) = await viewer.read(f"/rooms/{host.room}/quizzes/{quiz}")
    assert shown["questions"][0]["counts"] == [0, 1]
    await viewer.do("quiz.check", quiz=quiz)
    await host.do("quiz.end", quiz=quiz)
    await host.read(f"/rooms/{host.room}/quizzes")


async def of_polls(host: Caller, viewer: Caller) -> None:
    poll = (await host.do("poll.start", question="Which?", options=["a", "b"]))["poll"]["id"]
    await viewer.do("poll.vote", poll=poll, options=[0])
    await viewer.do("poll.check", poll=poll)
    await host.read(f"/rooms/{host.room}/polls/{poll}")
    await host.do("poll.close", poll=poll)
    await host.read(f"/rooms/{host.room}/polls/{poll}", f"/rooms/{host.room}/polls")


async def of_packets(host: Caller, viewer: Caller) -> None:
    database = f"sqlite:///{host.world.node.log.parent / 'data' / 'danmart.db'}"
    await asyncio.to_thread(endow, database, [viewer.user], 10)
    await asyncio.to_thread(put_on_air, database, host.room)
    packet = (await viewer.do("packet.send", coins=10, count=1, greeting="Luck"))["packet"]["id"]
    await viewer.do("packet.open", packet=packet)
    await viewer.do("packet.opens", packet=packet)
    await host.read(f"/rooms/{host.room}/packets", f"/rooms/{host.room}/packets/{packet}")


async def of_the_stage(host: Caller, viewer: Caller) -> None:
    """The room is on the air by now."""
    await viewer.do("guest.ask")
    await host.do("guest.invite", user=viewer.user)
    await viewer.do("guest.answer", accept=True)
    await viewer.do("guest.withdraw")
    await viewer.do("guest.ask")
    await host.do("guest.remove", user=viewer.user)
    await host.do("stage.layout", layout="side")


async def of_points(host: Caller, viewer: Caller) -> None:
    await viewer.do("follow")
    await host.read(f"/rooms/{host.room}/followers")
    await viewer.do("unfollow")
    await viewer.do("share")
    terms = {"title": "Coins", "kind": "coins", "amount": 5, "points": 5, "stock": 1}
    offer = (await host.ask("POST", "/points/offers", json=terms))["id"]
    await viewer.read(f"/rooms/{host.room}/points")
    await viewer.do("points.redeem", offer=offer)
    await host.ask("PATCH", f"/points/offers/{offer}", json={"withdrawn": True})
    await host.read("/points/offers")


async def of_rulebooks(host: Caller) -> None:
    for base in ("/moderation", f"/rooms/{host.room}/moderation"):
        await host.read(f"{base}/rules", f"{base}/lists")
        await host.ask("PATCH", f"{base}/rules", json={"levels": {"mine": 3}})
        await host.ask("PATCH", f"{base}/rules", json={"levels": None})
        sent = {"Content-Type": "text/plain"}
        await host.ask("PUT", f"{base}/lists/mine", data=b"zorblax", headers=sent)
        await host.ask("POST", f"{base}/try", json={"text": "a zorblax"})
        for form in ("toml", "txt", "csv"):
            await host.ask("GET", f"{base}/lists/mine?format={form}")
        await host.ask("DELETE", f"{base}/lists/mine")


async def of_people(host: Caller, viewer: Caller, person: Person) -> None:
    room = f"/rooms/{host.room}"
    await person.enter(host.room)  # who likes has entered
    await viewer.do("like", count=3)
    said = (await viewer.do("comment", text="hello"))["event"]["id"]
    await host.do("comment", text="hello you", reply_to=said)
    reported = (await host.do("comment", text="report me"))["event"]["id"]
    await viewer.do("report", event=reported, why="other", text="why not")
    for command in ("review.claim", "review.release", "review.claim"):
        await host.do(command, item=reported)
    await host.read(f"{room}/review", f"{room}/review/{reported}")
    await host.do("review.decide", item=reported, decision="dismiss")
    await host.read(f"{room}/review?state=decided&kind=report")
    await host.do("moderate.mask", event=said)
    await host.do("moderate.delete", event=said)
    await viewer.do("comment", text="hello again")
    await host.do("moderate.purge", user=viewer.user)
    for seconds in (60, None):
        await host.do("moderate.mute", user=viewer.user, seconds=seconds, reason="noise")
    mute = await host.do("moderate.mute", user=viewer.user, seconds=60, reason="noise")
    await viewer.do("appeal", sanction=mute["sanction"]["id"], text="please")
    await viewer.read("/appeals")
    await host.do("room.grant", user=viewer.user, role="moderator")
    await host.read(f"{room}/mutes", f"{room}/audit", f"{room}/members")
    await host.read(f"{room}/audit/chain", f"{room}/transparency", f"{room}/audit/export?format=json")
    await host.read("/audit/watch", "/moderation/transparency", "/moderation/transparency/export?format=json")
    await host.ask("POST", "/audit/erase", json={"user": viewer.user})
    await host.do("moderate.unmute", user=viewer.user)
    target = {"user": viewer.user, "reason": "noise"}
    await host.do("moderate.ban", **target, seconds=60)
    await host.do("moderate.unban", user=viewer.user)
    await host.do("moderate.shadow", **target, seconds=60)
    await host.do("moderate.unshadow", user=viewer.user)
    warning = (await host.do("moderate.warn", **target))["sanction"]["id"]
    await viewer.do("warning.accept", warning=warning)
    await host.do("moderate.warn", **target)
    await host.do("moderate.unwarn", user=viewer.user)
    await host.read(f"{room}/sanctions", f"{room}/sanctions?user={viewer.user}&in_force=false", "/sanctions")
    await host.do("room.change", slow_mode_s=1)
    await host.do("room.modes", shield=True)
    await host.do("publish.token")
    made = await host.ask("POST", f"{room}/stream-keys", json={"label": "OBS"})
    await host.read(f"{room}/stream-keys")
    await host.ask("DELETE", f"{room}/stream-keys/{made['id']}")
    await host.ask("DELETE", f"{room}/poster.jpg")
    await host.ask("POST", f"{room}/pictures", data=_picture(), headers={"Content-Type": "image/png"})


async def of_avatars(host: Caller, viewer: Caller) -> None:
    for caller in (host, viewer):
        await caller.ask("PUT", "/me/avatar", data=_picture(), headers={"Content-Type": "image/png"})
    await host.read("/me", "/rooms", f"/rooms/{host.room}")
    await host.ask("DELETE", "/me/avatar")
    await host.do("avatar.remove", user=viewer.user, reason="not here")


async def of_evasion(host: Caller, viewer: Caller) -> None:
    room, user = f"/rooms/{host.room}", {"user": viewer.user}
    for mark in ("watch", "restrict"):
        await host.do(f"moderate.{mark}", **user, seconds=None, reason="looks like somebody")
    note = (await host.do("moderate.note", **user, text="asked twice"))["note"]["id"]
    terms = {"width": "network", "seconds": 600, "reason": "raid"}
    ban = (await host.do("moderate.ban_address", **user, **terms))["ban"]["id"]
    await host.read(f"{room}/people/{viewer.user}", f"{room}/address-bans")
    await host.do("moderate.unban_address", ban=ban)
    await host.do("moderate.note.delete", note=note)
    for mark in ("watch", "restrict"):
        await host.do(f"moderate.un{mark}", **user)


async def of_webhooks(host: Caller, receiver: Receiver) -> None:
    made = await host.ask("POST", "/webhooks", json={"url": receiver.url, "types": ["room.*"]})
    path = f"/webhooks/{made['id']}"
    await host.do("room.change", title="Told")
    await receiver.until_got(1, within_s=5)
    await host.ask("POST", f"{path}/ping")
    listed: list[Any] = []
    for _ in range(100):
        (page,) = await host.read(f"{path}/deliveries")
        if listed := page["items"]:
            break
    await host.ask("POST", f"{path}/deliveries/{listed[0]['id']}/replay")
    now_ms = listed[0]["at_ms"]
    await host.ask(
        "POST",
        f"{path}/replay",
        json={"from_ms": now_ms - 1000, "to_ms": now_ms + 1000, "status": "delivered"},
    )
    span = {"room": host.room, "log": "room", "from_offset": 1, "to_offset": 9}
    await host.ask("POST", f"{path}/replay/log", json=span)
    await host.ask("PATCH", path, json={"description": "the shop"})
    await host.ask("POST", f"{path}/rotate", json={})
    await host.read("/webhooks", path)
    await host.ask("DELETE", path)


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return out.getvalue()


def test_a_publisher_is_as_described() -> None:
    names = {field.name for field in dataclasses.fields(PublisherStats)}
    assert names == set(Publisher.__annotations__)
    stats = PublisherStats("live", "whip", "OBS", TrackStats("H264", 900.0), None, 0.0, None, 2)
    answer = dataclasses.asdict(stats) | {"viewers": {"whep": 1, "hls": 1}}
    assert adapter(Publisher).validate_python(answer) == answer


def test_what_is_not_as_described_is_never_sent() -> None:
    with pytest.raises(TypeError, match="as described"):
        ok({"id": "p"}).finish(adapter(Product))


def test_every_operation_has_its_answer() -> None:
    assert set(COMMANDS) == set(SPECS)
    paths = {path for _, path in described.operations()}
    assert {path for _, path in ANSWERS} <= paths
