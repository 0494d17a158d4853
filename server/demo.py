"""The demo: a room with three products and a host of its own, drawn by a process that publishes by WHIP.

The drawn host is a publisher like any other; it only gives way to everybody else and comes back afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from dataclasses import dataclass

import orjson
import structlog
from PIL import Image, ImageDraw

from moderation.permissions import Role
from moderation.standing import MEMBERS, MemberRow
from rooms import people
from rooms.commands import AddProduct, CreateCoupon, CreateRoom, NewSku, ProductRef
from rooms.heads import ROOMS
from rooms.history import read_room
from rooms.points.offers import NewOffer
from rooms.ports import SYSTEM, Caller
from rooms.rows import Steps
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.purse import MOVEMENTS
from rooms.wallet.rules import Account, wallet
from server.auth import DEMO_ROOM, DemoTokens, Identity, StreamKeys
from server.commands import Services
from server.credentials import StreamKeyring, read_stream_keys
from server.live.connection import as_caller
from server.pictures import Pictures, re_encode
from server.stage import MediaGate
from server.store.group import Work
from server.store.store import Store

log = structlog.get_logger(__name__)

STAND_IN_LABEL = "demo stand-in"
HOST = Caller("demo-host", "Danmart Demo", may_host=True)
RESTART_S = 2.0
WELCOME_COINS = 1_000


@dataclass(frozen=True, slots=True)
class _Good:
    title: str
    skus: tuple[NewSku, ...]
    colors: tuple[str, str]
    shape: str


_GOODS = (
    _Good(
        "Jasmine tea, 100 g · 茉莉花茶",
        (NewSku(price_minor=4_900, stock=50),),
        ("#2f7d5b", "#d9f2e3"),
        "tin",
    ),
    _Good(
        "Celadon cup · 青瓷杯",
        (NewSku(price_minor=12_800, stock=20),),
        ("#4a90a4", "#e2f1f5"),
        "cup",
    ),
    _Good(
        "Osmanthus cake · 桂花糕",
        (
            NewSku(name="4 pieces · 四块", price_minor=3_600, stock=8),
            NewSku(name="8 pieces · 八块", price_minor=6_400, stock=4),
        ),
        ("#c98a1b", "#fdf1d8"),
        "cake",
    ),
)


def draw_good(good_index: int) -> bytes:
    """A product's picture, drawn: PNG bytes."""
    good = _GOODS[good_index]
    dark, light = good.colors
    image = Image.new("RGB", (640, 640), light)
    draw = ImageDraw.Draw(image)
    draw.ellipse((110, 500, 530, 580), fill="#00000022" if image.mode == "RGBA" else _mix(dark, light, 0.75))
    if good.shape == "tin":
        draw.rounded_rectangle((200, 160, 440, 540), 28, fill=dark)
        draw.rounded_rectangle((190, 120, 450, 200), 22, fill=_mix(dark, "#000000", 0.25))
        draw.rounded_rectangle((235, 270, 405, 450), 16, fill=light)
        draw.ellipse((285, 320, 355, 390), fill=dark)
    elif good.shape == "cup":
        draw.ellipse((410, 260, 540, 430), outline=dark, width=26)
        draw.pieslice((140, 20, 460, 540), 0, 180, fill=dark)
        draw.ellipse((140, 240, 460, 320), fill=_mix(dark, "#ffffff", 0.35))
    else:
        for row, y in enumerate((420, 320, 220)):
            inset = row * 45
            draw.rounded_rectangle(
                (150 + inset, y, 490 - inset, y + 110), 20, fill=_mix(dark, light, row * 0.2)
            )
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _mix(one: str, other: str, share: float) -> tuple[int, int, int]:
    a, b = (tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (one, other))
    mixed = [round(x * (1 - share) + y * share) for x, y in zip(a, b, strict=True)]
    return mixed[0], mixed[1], mixed[2]


class Demo:
    """Sets the demo's room up, keeps its host on the air, and hands out roles, and coins to play with."""

    def __init__(
        self,
        store: Store,
        services: Services,
        keyring: StreamKeyring,
        pictures: Pictures,
        gate: MediaGate,
        tokens: DemoTokens,
    ) -> None:
        self._store = store
        self._services = services
        self._keyring = keyring
        self._pictures = pictures
        self._gate = gate
        self._tokens = tokens
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, url: str) -> None:
        """Fill the room if it's new, and start the drawn host against the node at ``url``."""
        await self._seed()
        key = await self._stand_in_key()
        self._task = asyncio.create_task(self._keep_publishing(url, key), name="demo-host")

    async def close(self) -> None:
        """End the drawn host. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def links(self, url: str, now_ms: int) -> dict[str, str]:
        """The pages' addresses, each already signed in."""
        pages = {
            "viewer": ("r", Role.VIEWER, "Lin"),
            "studio": ("studio", Role.HOST, "Mei"),
            "moderation desk": ("desk", Role.MODERATOR, "Bao"),
        }
        links = {}
        for title, (path, role, name) in pages.items():
            if role not in self._tokens.roles:
                continue
            token, identity = self._tokens.mint(name, role, now_ms)
            await self.grant(identity)
            links[title] = f"{url}/{path}/{DEMO_ROOM}#token={token}"
        return links

    async def grant(self, identity: Identity) -> None:
        """Write the role that a demo's token was minted for into the room, where roles are."""
        caller, role = as_caller(identity), identity.demo_role
        await self._store.write(Work("user.seen", lambda tx: people.seen(tx, caller)))
        await self._store.write(Work("demo.coins", lambda tx: _welcome(tx, caller)))
        if role is not None and role is not Role.VIEWER:
            await self._store.write(Work("demo.grant", lambda tx: _grant(tx, caller, role)))

    async def _seed(self) -> None:
        if await self._store.read(lambda conn: read_room(conn, DEMO_ROOM)) is not None:
            return
        room = CreateRoom(id=DEMO_ROOM, title="Danmart demo · 演示直播间")
        await self._store.write(Work("user.seen", lambda tx: people.seen(tx, HOST)))
        await self._store.write(
            Work("room.create", lambda tx: self._services.lifecycle.create(tx, room, HOST))
        )
        first = None
        for index in range(len(_GOODS)):
            product = await self._add(index)
            first = first or product
        if first is not None:
            pin = ProductRef(room=DEMO_ROOM, product=first, key="demo-pin")
            await self._store.write(
                Work("pin", lambda tx: self._services.catalogue.spotlight.pin(tx, pin, HOST))
            )

        await self._make_coupon()
        await self._make_offer()

    async def _make_offer(self) -> None:
        """What a visitor can have for a first few points."""
        offer = NewOffer(title="Coins · 金币", kind="coins", amount=50, points=5, stock=1_000, per_person=5)
        await self._store.write(Work("points.offer", lambda tx: self._services.offers.make(tx, offer, HOST)))

    async def _make_coupon(self) -> None:
        """One that the host has only to drop into the room."""
        cmd = CreateCoupon(
            room=DEMO_ROOM,
            title="Welcome · 开播福利",
            kind="threshold",
            value=1_000,
            minimum_minor=3_000,
            currency="CNY",
            quota=1_000,
            valid_s=24 * 3600,
            stackable=True,
            key="demo-coupon",
        )
        await self._store.write(
            Work("coupon.create", lambda tx: self._services.coupons.create(tx, cmd, HOST))
        )

    async def _add(self, index: int) -> str:
        good = _GOODS[index]
        picture = await asyncio.to_thread(lambda: re_encode(draw_good(index)))
        kept = await self._store.write(
            Work("picture.add", lambda tx: self._pictures.add(tx, DEMO_ROOM, picture, HOST))
        )
        cmd = AddProduct(
            room=DEMO_ROOM,
            title=good.title,
            currency="CNY",
            skus=good.skus,
            picture=orjson.loads(kept.body)["url"],
            key=f"demo-product-{index}",
        )
        added = await self._store.write(
            Work("product.add", lambda tx: self._services.catalogue.add(tx, cmd, HOST))
        )
        product_id: str = orjson.loads(added.body)["product"]["id"]
        return product_id

    async def _stand_in_key(self) -> str:
        """A fresh stream key for the drawn host; those of earlier starts are revoked."""
        old = await self._store.read(lambda conn: read_stream_keys(conn, DEMO_ROOM))
        for row in [row for row in old if row.label == STAND_IN_LABEL]:
            await self._store.write(
                Work(
                    "stream_key.revoke",
                    lambda tx, key_id=row.id: self._keyring.revoke(tx, DEMO_ROOM, key_id, SYSTEM),  # type: ignore[misc]
                )
            )
        key, key_hash = StreamKeys.new_key()
        answer = await self._store.write(
            Work(
                "stream_key.add",
                lambda tx: self._keyring.add(tx, DEMO_ROOM, STAND_IN_LABEL, key_hash, SYSTEM),
            )
        )
        self._gate.stand_in = orjson.loads(answer.body)["id"]
        return key

    async def _keep_publishing(self, url: str, key: str) -> None:
        arguments = [
            "-m",
            "clients.publish",
            "--url",
            f"{url}/whip/{DEMO_ROOM}",
            "--drawn",
            "--exit-with-parent",
        ]
        env = {**os.environ, "DANMART_STREAM_KEY": key}
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                env=env,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
            )
            try:
                code = await process.wait()
                log.warning("demo_host_ended", code=code)
            finally:
                await _end(process)
            await asyncio.sleep(RESTART_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(3):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _welcome(tx: Unit, caller: Caller) -> Steps[None]:
    """Some coins to play with, once."""
    user_id = caller.id or ""
    purse, source = wallet(user_id), Account("correction", user_id)
    yield ledger.accounts(purse, source)
    yield MOVEMENTS.rows(("correction", f"demo:{user_id}"))
    if tx.get(MOVEMENTS, "correction", f"demo:{user_id}") is None:
        reason = "The demo's welcome."
        ledger.pay(tx, "correction", f"demo:{user_id}", source, purse, WELCOME_COINS, reason=reason)


def _grant(tx: Unit, caller: Caller, role: Role) -> Steps[None]:
    user_id = caller.id or ""
    yield ROOMS.rows(DEMO_ROOM)
    yield MEMBERS.rows((DEMO_ROOM, user_id))
    tx.room(DEMO_ROOM)
    tx.put(MEMBERS, MemberRow(DEMO_ROOM, user_id, caller.name, role.value, tx.now_ms))
