"""A shop with a checkout of its own, as a stranger would write it from docs/protocol.md. Browsers find a page
at ``/checkout`` where one can pay or go back without."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import orjson
from aiohttp import web
from yarl import URL

SECRET = "a secret between the shop and the tests, long enough"


class ShopServer:
    """Takes orders, refunds and questions. ``down`` makes it answer 503."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.url = ""
        self.down = False
        self.asked: list[dict[str, Any]] = []
        self.refunded: set[str] = set()
        self.paid: dict[str, dict[str, Any]] = {}
        self._clock_ms = clock_ms

    def order(self, url: str) -> dict[str, Any]:
        """The order in a redirect, its signature proved; its times are those of the tests."""
        token = URL(url).query["order"]
        assert jwt.get_unverified_header(token)["typ"] == "danmart-order+jwt"
        claims: dict[str, Any] = jwt.decode(
            token, SECRET, ["HS256"], issuer="danmart", options={"verify_exp": False, "verify_iat": False}
        )
        return claims

    def take(self, url: str) -> dict[str, Any]:
        """The buyer pays; gives the body to report."""
        claims = self.order(url)
        self.paid[claims["payment"]] = claims
        return self.report("payment.succeeded", claims)

    def report(self, kind: str, claims: dict[str, Any], **more: Any) -> dict[str, Any]:
        names = ("payment", "amount_minor", "currency")
        return {"type": kind, **{name: claims[name] for name in names}, "reference": "A-1", **more}

    @property
    def money(self) -> int:
        """What has been taken and not given back."""
        return sum(c["amount_minor"] for p, c in self.paid.items() if p not in self.refunded)

    def signed(self, body: bytes, *, secret: str = SECRET, age_s: int = 0) -> dict[str, str]:
        timestamp = str(self._clock_ms() // 1000 - age_s)
        return {
            "webhook-id": "msg-1",
            "webhook-timestamp": timestamp,
            "webhook-signature": _signature(secret, "msg-1", timestamp, body),
            "content-type": "application/json",
        }

    async def show_checkout(self, request: web.Request) -> web.Response:
        """The page that a buyer is sent to, with what the order says of itself."""
        claims = self.order(str(request.url))
        back = URL(claims["return_url"]).update_query(checkout="cancelled")
        lines = "".join(
            f"<li>{line['kind']} {line['label']} {line['amount_minor']}</li>" for line in claims["lines"]
        )
        page = f"""<!doctype html><title>Checkout</title><h1>{html.escape(claims["title"])}</h1>
            <ul data-testid="shop-lines">{lines}</ul><p data-testid="shop-amount">{claims["amount_minor"]}</p>
            <form method="post" action="/pay?{html.escape(request.query_string)}">
            <button data-testid="shop-pay">Pay</button></form>
            <a data-testid="shop-leave" href="{html.escape(str(back))}">Back without paying</a>"""
        return web.Response(text=page, content_type="text/html")

    async def take_and_send_back(self, request: web.Request) -> web.Response:
        """Takes the money, reports it to where the buyer came from, and sends the buyer back there."""
        body = orjson.dumps(self.take(str(request.url)))
        back = URL(self.order(str(request.url))["return_url"])
        callback = back.origin() / "api/v1/payments/external/callback"
        async with (
            aiohttp.ClientSession() as http,
            http.post(callback, data=body, headers=self.signed(body)) as answer,
        ):
            assert answer.status == 200, await answer.text()
        raise web.HTTPSeeOther(back.update_query(checkout="done"))

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp, message_id = request.headers["webhook-timestamp"], request.headers["webhook-id"]
        assert request.headers["webhook-signature"] == _signature(SECRET, message_id, stamp, body)
        assert abs(int(stamp) - self._clock_ms() // 1000) < 5
        message: dict[str, Any] = orjson.loads(body)
        self.asked.append(message)
        if self.down:
            return web.Response(status=503)
        payment = message["payment"]
        if request.path == "/refund":
            assert message["type"] == "payment.refund"
            assert request.headers["idempotency-key"] == message_id
            assert message["amount_minor"] == self.paid[payment]["amount_minor"]
            self.refunded.add(payment)
            return web.Response(status=204)
        assert message["type"] == "payment.status"
        return web.json_response({"status": "succeeded" if payment in self.paid else "open"})


@asynccontextmanager
async def running_shop(clock_ms: Callable[[], int]) -> AsyncIterator[ShopServer]:
    shop = ShopServer(clock_ms)
    app = web.Application()
    app.router.add_get("/checkout", shop.show_checkout)
    app.router.add_post("/pay", shop.take_and_send_back)
    app.router.add_post("/{path:.*}", shop.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield shop
    finally:
        await runner.cleanup()


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
