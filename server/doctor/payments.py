"""Checks of who takes the money."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from rooms.shop.owed import count_owed
from server.config import Settings
from server.doctor.asking import ask
from server.doctor.finding import Finding, error, ok, warn

LONG_DUE_MS = 3_600_000
"""Until then a refund that the provider doesn't take on is tried at growing distances, and may be well."""


def check_payments(settings: Settings) -> Iterator[Finding]:
    """The providers that are on fit the place, and buyers find the way back from them."""
    payments = settings.payments
    others = [name for name in payments.providers if name not in ("sandbox", "coins")]
    if not payments.providers:
        yield warn("payments.providers is empty: nothing can be paid", "name external or stripe there")
    if "sandbox" in payments.providers and not settings.demo:
        yield warn(
            "payments.providers has sandbox: orders are paid without any money",
            "name external or stripe there instead",
        )
    if others and settings.listen.public_url is None:
        yield error(
            f"buyers who pay by {' or '.join(others)} don't find the way back: listen.public_url isn't set",
            "set it to the address that people see",
        )
    for name in ("external_url", "external_refund_url", "external_status_url", "stripe_api_base"):
        if (getattr(payments, name) or "").startswith("http://") and others:
            yield warn(f"payments.{name} is not https: others can read what goes there", "give it https")
    if "stripe" in others:
        yield from _check_stripe(settings)
    if others:
        yield ok(f"money is taken by {' and '.join(others)}")


def check_owed(settings: Settings) -> Iterator[Finding]:
    """No buyer waits for money that nobody sees to. Blocks: for a thread."""
    owed = ask(settings, count_owed)
    if owed is None:
        return
    yield from judge_owed(owed, time.time_ns() // 1_000_000)


def judge_owed(owed: Mapping[str, tuple[int, int]], now_ms: int) -> Iterator[Finding]:
    """What to say of ``count_owed``'s answer."""
    failed, _ = owed["refund_failed"]
    due, since_ms = owed["refund_due"]
    if failed:
        yield error(
            f"{failed} refund(s) failed after the provider had taken them on: buyers wait for their money",
            "see GET /api/v1/payments/owed, and have each tried again or note how it was given back",
        )
    if due and now_ms - since_ms >= LONG_DUE_MS:
        hours = (now_ms - since_ms) // 3_600_000
        yield warn(
            f"{due} refund(s) are under way, the oldest for {hours} h: the provider doesn't take it on",
            "see GET /api/v1/payments/owed?status=refund_due and the node's log, refund_failed",
        )
    if not failed and not due:
        yield ok("no buyer waits for a refund")


def _check_stripe(settings: Settings) -> Iterator[Finding]:
    payments = settings.payments
    key = payments.stripe_secret_key.get_secret_value() if payments.stripe_secret_key else ""
    secret = payments.stripe_webhook_secret.get_secret_value() if payments.stripe_webhook_secret else ""
    if key.startswith("pk_"):
        yield error("payments.stripe_secret_key is a publishable key", "take the one that begins with sk_")
    elif "_test_" in key and not settings.demo:
        yield warn("payments.stripe_secret_key is one for tests: no money is taken", "take the live key")
    if not secret.startswith("whsec_"):
        yield error(
            "payments.stripe_webhook_secret is no secret of a webhook endpoint",
            "take the endpoint's signing secret, which begins with whsec_",
        )
