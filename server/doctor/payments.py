"""Checks of who takes the money."""

from __future__ import annotations

from collections.abc import Iterator

from server.config import Settings
from server.doctor.finding import Finding, error, ok, warn


def check_payments(settings: Settings) -> Iterator[Finding]:
    """The providers that are on fit the place, and buyers find the way back from them."""
    payments = settings.payments
    others = [name for name in payments.providers if name != "sandbox"]
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
