"""What payments are made of: amounts at Stripe, signatures, settings, and the addresses on a running node."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import ConfigError, Settings
from server.config.loading import load
from server.doctor.payments import check_payments
from server.payments.stripe_money import from_stripe, to_stripe
from tests.server.world import World, running_world
from tests.support.stripe_server import signed

STRIPE = {
    "DANMART_PAYMENTS__STRIPE_SECRET_KEY": "sk_test_key",
    "DANMART_PAYMENTS__STRIPE_WEBHOOK_SECRET": "whsec_hook",
}
SECRET = "a secret between the shop and a node, long enough"
EXTERNAL = {
    "DANMART_PAYMENTS__EXTERNAL_URL": "https://shop.example/checkout",
    "DANMART_PAYMENTS__EXTERNAL_REFUND_URL": "https://shop.example/refund",
    "DANMART_PAYMENTS__EXTERNAL_SECRET": SECRET,
}


@pytest.mark.parametrize(
    ("minor", "currency", "stripes"),
    [
        (4900, "CNY", 4900),
        (1200, "JPY", 1200),
        (1200, "KRW", 1200),
        (1200, "HUF", 1200),
        (1200, "ISK", 120_000),
        (5, "UGX", 500),
        (1200, "MGA", 12),
        (1230, "KWD", 1230),
    ],
)
def test_amounts_as_stripe_counts_them(minor: int, currency: str, stripes: int) -> None:
    assert to_stripe(minor, currency) == stripes
    assert from_stripe(stripes, currency) == minor


@pytest.mark.parametrize(("minor", "currency"), [(1234, "KWD"), (1, "BHD"), (150, "MGA")])
def test_amounts_that_stripe_cant_take(minor: int, currency: str) -> None:
    with pytest.raises(ValueError, match=currency):
        to_stripe(minor, currency)


@given(st.integers(0, 10**11), st.sampled_from(["CNY", "USD", "JPY", "ISK", "UGX", "MGA", "KWD", "TND"]))
def test_an_amount_comes_back_as_it_went(minor: int, currency: str) -> None:
    try:
        there = to_stripe(minor, currency)
    except ValueError:
        return
    assert from_stripe(there, currency) == minor


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DANMART_PAYMENTS__PROVIDERS": "stripe"}, "stripe_secret_key"),
        ({"DANMART_PAYMENTS__PROVIDERS": "external"}, "external_url"),
        (
            {
                "DANMART_PAYMENTS__PROVIDERS": "external",
                **EXTERNAL,
                "DANMART_PAYMENTS__EXTERNAL_SECRET": "short",
            },
            "32",
        ),
        (
            {
                "DANMART_PAYMENTS__PROVIDERS": "external",
                **EXTERNAL,
                "DANMART_PAYMENTS__EXTERNAL_SECRET": "whsec_" + "!" * 40,
            },
            "base64",
        ),
        ({"DANMART_PAYMENTS__PROVIDERS": "sandbox,sandbox"}, "once"),
        ({"DANMART_PAYMENTS__PROVIDERS": "paypal"}, "providers"),
        ({"DANMART_PAYMENTS__EXTERNAL_URL": "ftp://shop.example"}, "external_url"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load(environ=settings)


def found(**settings: str) -> list[tuple[str, str]]:
    return [(finding.level.value, finding.what) for finding in check_payments(load(environ=settings))]


def test_the_doctor_looks_at_who_takes_the_money() -> None:
    ((level, what),) = found()
    assert level == "warn"
    assert "without any money" in what
    assert list(check_payments(Settings(demo=True))) == []
    both = {"DANMART_PAYMENTS__PROVIDERS": "external,stripe", **EXTERNAL, **STRIPE}
    findings = found(**both)
    assert [level for level, _ in findings] == ["error", "warn", "ok"]
    assert "listen.public_url" in findings[0][1]
    assert "for tests" in findings[1][1]
    right = {
        **both,
        "DANMART_LISTEN__PUBLIC_URL": "https://live.example",
        "DANMART_PAYMENTS__STRIPE_SECRET_KEY": "sk_live_key",
    }
    assert found(**right) == [("ok", "money is taken by external and stripe")]
    wrong = {**right, "DANMART_PAYMENTS__STRIPE_WEBHOOK_SECRET": "sk_live_key"}
    assert found(**wrong)[0][0] == "error"


def shop_signed(body: bytes, timestamp: int) -> dict[str, str]:
    mac = hmac.new(SECRET.encode(), b"m1.%d." % timestamp + body, hashlib.sha256)
    return {
        "webhook-id": "m1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(mac.digest()).decode(),
    }


async def test_the_addresses_on_a_running_node(tmp_path: Path) -> None:
    env = {
        "DANMART_PAYMENTS__PROVIDERS": "external,stripe,sandbox",
        "DANMART_LISTEN__PUBLIC_URL": "https://live.example",
        **EXTERNAL,
        **STRIPE,
    }
    async with running_world(tmp_path, **env) as world:
        _, methods = await world.get("/api/v1/payments/methods")
        assert methods["items"] == [
            {"method": "external", "kind": "checkout"},
            {"method": "stripe", "kind": "checkout"},
            {"method": "sandbox", "kind": "charge"},
        ]
        room, host = await world.room()
        _, sku = await world.product(host)
        buyer = await world.viewer(room)
        order = (await buyer.ok("buy", sku=sku, qty=1))["order"]
        answer = await buyer.ok("order.pay", order=order["id"])
        assert answer["redirect"]["url"].startswith("https://shop.example/checkout?order=")

        async def tell(provider: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
            status, _, told = await world.request(
                "POST", f"/api/v1/payments/{provider}/callback", data=body, headers=headers
            )
            return status, told

        now = (await buyer.ok("time"))["now_ms"] // 1000
        message = {"type": "payment.succeeded", "payment": answer["payment"], "currency": "CNY"}
        body = orjson.dumps({**message, "amount_minor": 4900})
        assert (await tell("external", body, {}))[1]["code"] == "bad_signature"
        assert (await tell("external", body, shop_signed(body, now - 301)))[0] == 401
        wrong = orjson.dumps({**message, "amount_minor": 1})
        status, told = await tell("external", wrong, shop_signed(wrong, now))
        assert (status, told["code"]) == (409, "payment_mismatch")
        assert (await tell("sandbox", body, shop_signed(body, now)))[0] == 404
        assert (await tell("stripe", body, signed(body, secret="whsec_other")))[0] == 401
        for _ in range(2):
            assert await tell("external", body, shop_signed(body, now)) == (
                200,
                {"payment": answer["payment"], "status": "succeeded"},
            )
        paid = await buyer.until("you", lambda e: e["data"].get("order", {}).get("status") == "paid")
        assert paid["data"]["order"]["id"] == order["id"]
        _, metrics = await world.get("/metrics")
        for line in (
            b'danmart_payments_total{outcome="succeeded",provider="external"} 1.0',
            b'danmart_payment_reports_total{outcome="refused",provider="external"} 3.0',
            b'danmart_payment_reports_total{outcome="accepted",provider="external"} 2.0',
        ):
            assert line in metrics, line
        await host.ok("order.refund", order=order["id"], reason="broken")
        came_back = {**message, "type": "payment.refund_failed", "amount_minor": 4900, "reason": "closed"}
        late = orjson.dumps(came_back)
        assert (await tell("external", late, shop_signed(late, now)))[0] == 200
        await see_to_the_refund(world, buyer.user, order["id"], answer["payment"])


async def see_to_the_refund(world: World, buyer: str | None, order: str, payment: str) -> None:
    """A refund that came back is listed for operators, and them alone, until one of them saw to it."""
    operator: Any = {"claims": {"operator": True}}
    path, done = f"/api/v1/payments/{payment}/refund", {"action": "settled", "note": "in cash"}
    assert (await world.get("/api/v1/payments/owed"))[0] == 401
    assert (await world.get("/api/v1/payments/owed", buyer))[0] == 403
    assert (await world.post(path, done, buyer))[0] == 403
    _, owed = await world.get("/api/v1/payments/owed", "u-op", **operator)
    assert [(p["id"], p["order"], p["problem"]) for p in owed["items"]] == [(payment, order, "closed")]
    assert (await world.post(path, {"action": "forget"}, "u-op", **operator))[0] == 400
    assert (await world.post("/api/v1/payments/nothing/refund", done, "u-op", **operator))[0] == 404
    status, seen = await world.post(path, done, "u-op", **operator)
    assert (status, seen["payment"]["status"]) == (200, "refunded")
    assert (await world.post(path, done, "u-op", **operator))[1]["code"] == "refund_not_failed"
    _, owed = await world.get("/api/v1/payments/owed", "u-op", **operator)
    assert owed["items"] == []
    _, whole = await world.get(f"/api/v1/orders/{order}", buyer)
    assert [(p["id"], p["status"]) for p in whole["payments"]] == [(payment, "refunded")]
