"""The providers that the settings turn on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from rooms.shop.payments import PaymentProvider
from rooms.shop.payments import Payments as Steps
from rooms.wallet.coins import CoinRules
from server.config.sections import Payments
from server.outbound import Outbound
from server.payments.cashier import Cashier
from server.payments.coins import CoinsProvider
from server.payments.external import ExternalCheckout, Shop
from server.payments.sandbox import SandboxProvider
from server.store.store import Store


def make_providers(
    settings: Payments,
    store: Store,
    outbound: Outbound,
    clock_ms: Callable[[], int],
    payments: Steps,
    coins: CoinRules,
) -> dict[str, PaymentProvider]:
    """Those that are on, by name, in the settings' order."""
    make: dict[str, Callable[[], PaymentProvider]] = {
        "sandbox": lambda: SandboxProvider(store.write),
        "external": lambda: _external(settings, outbound, clock_ms),
        "stripe": lambda: _stripe(settings),
        "coins": lambda: CoinsProvider(store, payments, coins),
    }
    return {name: make[name]() for name in settings.providers}


def tell(providers: Mapping[str, PaymentProvider], cashier: Cashier) -> None:
    """Let those inside this process report by themselves, too."""
    for provider in providers.values():
        if isinstance(provider, SandboxProvider | CoinsProvider):
            provider.report = cashier.reported


async def close_providers(providers: Mapping[str, PaymentProvider]) -> None:
    """End the connections of those that keep some. Idempotent."""
    for provider in providers.values():
        if isinstance(provider, Closing):
            await provider.close()


@runtime_checkable
class Closing(Protocol):
    """Whoever has something to close."""

    async def close(self) -> None: ...


def _external(settings: Payments, outbound: Outbound, clock_ms: Callable[[], int]) -> PaymentProvider:
    if not (settings.external_url and settings.external_refund_url and settings.external_secret):
        raise ValueError("the settings are checked before")
    shop = Shop(
        checkout_url=settings.external_url,
        refund_url=settings.external_refund_url,
        secret=settings.external_secret.get_secret_value(),
        status_url=settings.external_status_url,
    )
    return ExternalCheckout(shop, outbound, clock_ms)


def _stripe(settings: Payments) -> PaymentProvider:
    # The library takes a quarter of a second to load, and most places do without.
    from server.payments.stripe_checkout import Account, StripeCheckout  # noqa: PLC0415

    if not (settings.stripe_secret_key and settings.stripe_webhook_secret):
        raise ValueError("the settings are checked before")
    return StripeCheckout(
        Account(
            settings.stripe_secret_key.get_secret_value(),
            settings.stripe_webhook_secret.get_secret_value(),
            settings.stripe_api_base,
        )
    )
