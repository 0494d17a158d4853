"""A local server that speaks the part of Stripe's HTTP API that checkouts need, as documented.

It insists on what Stripe insists on: the key, form encoding, idempotency keys that stand for one request,
bounds of times and amounts. It signs its events with the official library.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import orjson
import stripe
from aiohttp import web

SECRET_KEY = "sk_test_a_key_of_the_tests"
WEBHOOK_SECRET = "whsec_a_secret_of_the_tests"
_SORRY = ("api_error", "Something went wrong on Stripe's end")
_MIN_S, _MAX_S = 30 * 60, 24 * 3600


class StripeServer:
    """``url`` is the API's base. ``down`` makes it answer 500; ``stuck`` holds answers back while not set."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.url = ""
        self.down = False
        self.stuck = asyncio.Event()
        self.stuck.set()
        self.asked: list[str] = []
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self._clock_ms = clock_ms
        self._answers: dict[str, tuple[Any, int, dict[str, Any]]] = {}
        self._ids = itertools.count(1)

    # what buyers, banks and the dashboard do

    def pay(self, session: str, *, status: str = "paid") -> dict[str, Any]:
        """The buyer pays on the page; ``unpaid``: by something that takes days."""
        row = self.sessions[session]
        assert row["status"] == "open", "the page takes no money any more"
        intent = {
            "id": f"pi_{next(self._ids)}",
            "object": "payment_intent",
            "status": "succeeded" if status == "paid" else "processing",
        }
        self.intents[intent["id"]] = intent
        row |= {"status": "complete", "payment_status": status, "payment_intent": intent["id"]}
        return row

    def bank_says(self, session: str, *, paid: bool) -> dict[str, Any]:
        """What was on its way arrives, or doesn't."""
        row = self.sessions[session]
        self.intents[row["payment_intent"]]["status"] = "succeeded" if paid else "requires_payment_method"
        row["payment_status"] = "paid" if paid else "unpaid"
        return row

    @property
    def money(self) -> int:
        """What has been taken and not given back."""
        back = {r["payment_intent"] for r in self.refunds if r["status"] not in ("failed", "canceled")}
        paid = [row for row in self.sessions.values() if row["payment_status"] == "paid"]
        return sum(row["amount_total"] for row in paid if row["payment_intent"] not in back)

    def event(self, kind: str, thing: dict[str, Any]) -> bytes:
        """The body of an event about an object."""
        return orjson.dumps(
            {
                "id": f"evt_{next(self._ids)}",
                "object": "event",
                "type": kind,
                "api_version": "2026-01-01",
                "data": {"object": thing},
            }
        )

    def charge_of(self, session: str, *, refunded: bool) -> dict[str, Any]:
        """The charge object of a session that was paid."""
        row = self.sessions[session]
        return {
            "id": "ch_1",
            "object": "charge",
            "amount": row["amount_total"],
            "currency": row["currency"],
            "refunded": refunded,
            "payment_intent": row["payment_intent"],
            "metadata": row["metadata"],
        }

    def fail_refund(self, refund: dict[str, Any], reason: str = "expired_or_canceled_card") -> dict[str, Any]:
        """The buyer's bank sends a refund back, days later; the money is the shop's again."""
        refund |= {"status": "failed", "failure_reason": reason}
        return refund

    # HTTP

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.text()
        await self.stuck.wait()
        if request.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        assert "Stripe-Version" in request.headers
        if request.method == "GET":
            return _error(500, *_SORRY) if self.down else self._act(request, {})
        assert request.content_type == "application/x-www-form-urlencoded"
        params = _nested(parse_qsl(body, strict_parsing=True)) if body else {}
        key = request.headers["Idempotency-Key"]  # the library adds one of its own where we don't
        known = self._answers.get(key)
        if known is not None and known[0] != (request.path, params):
            return _error(400, "idempotency_error", "Keys can only be used with the same parameters")
        if known is None:
            # What a key got once it gets again, an error of Stripe's too.
            response = _error(500, *_SORRY) if self.down else self._act(request, params)
            content: dict[str, Any] = orjson.loads(response.body)  # type: ignore[arg-type]
            known = self._answers[key] = ((request.path, params), response.status, content)
        return web.json_response(known[2], status=known[1])

    def _act(self, request: web.Request, params: dict[str, Any]) -> web.Response:
        if request.path == "/v1/checkout/sessions":
            return self._make_session(params)
        if request.path == "/v1/refunds":
            return self._refund(params)
        match = re.fullmatch(r"/v1/checkout/sessions/(\w+)(/expire)?", request.path)
        row = self.sessions.get(match[1]) if match else None
        if row is None:
            return _error(404, "invalid_request_error", "No such checkout.session", "resource_missing")
        if match and match[2]:
            if row["status"] != "open":
                return _error(400, "invalid_request_error", "Only open sessions can be expired")
            row["status"] = "expired"
        intent = self.intents.get(row["payment_intent"] or "")
        expanded = "payment_intent" in request.query.values()
        return web.json_response(row | ({"payment_intent": intent} if expanded else {}))

    def _make_session(self, params: dict[str, Any]) -> web.Response:
        (item,) = params["line_items"].values()
        price = item["price_data"]
        assert params["mode"] == "payment"
        assert re.fullmatch(r"[a-z]{3}", price["currency"])
        assert price["product_data"]["name"]
        assert params["payment_intent_data"]["metadata"] == params["metadata"]
        ahead_s = int(params["expires_at"]) - self._clock_ms() / 1000
        if not _MIN_S <= ahead_s <= _MAX_S:
            return _error(400, "invalid_request_error", "expires_at must be between 30 minutes and 24 hours")
        session = f"cs_test_{next(self._ids)}"
        self.sessions[session] = {
            "id": session,
            "object": "checkout.session",
            "url": f"https://checkout.stripe.example/c/pay/{session}#fid",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": int(price["unit_amount"]) * int(item["quantity"]),
            "currency": price["currency"],
            "client_reference_id": params["client_reference_id"],
            "expires_at": int(params["expires_at"]),
            "metadata": params["metadata"],
            "success_url": params["success_url"],
            "cancel_url": params["cancel_url"],
        }
        return web.json_response(self.sessions[session])

    def _refund(self, params: dict[str, Any]) -> web.Response:
        intent = params["payment_intent"]
        assert intent in self.intents
        made = [refund for refund in self.refunds if refund["payment_intent"] == intent]
        if any(refund["status"] not in ("failed", "canceled") for refund in made):
            return _error(400, "invalid_request_error", "Already refunded", "charge_already_refunded")
        (session,) = (s for s in self.sessions.values() if s["payment_intent"] == intent)
        refund = {
            "id": f"re_{next(self._ids)}",
            "object": "refund",
            "status": "succeeded",
            "amount": session["amount_total"],
            "currency": session["currency"],
            **params,
        }
        self.refunds.append(refund)
        return web.json_response(refund)


@asynccontextmanager
async def running_stripe(clock_ms: Callable[[], int]) -> AsyncIterator[StripeServer]:
    server = StripeServer(clock_ms)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.stuck.set()
        await runner.cleanup()


def signed(body: bytes, *, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> dict[str, str]:
    """The headers of an event, by the library's own signature."""
    header = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, int(time.time()) - age_s
    )
    return {"stripe-signature": header, "content-type": "application/json"}


def _error(status: int, kind: str, message: str, code: str | None = None) -> web.Response:
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return web.json_response({"error": error}, status=status)


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``a[b][0]=c`` as nested objects."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name)
        place, steps = found, [first, *rest]
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return found
