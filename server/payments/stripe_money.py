"""Amounts as Stripe counts them, which isn't ISO 4217's minor unit for every currency. Pure.

Stripe's own list (docs.stripe.com/currencies): ISK and UGX have no minor unit but are written with two
decimals; MGA is written without any; currencies with three decimals want the last one to be zero.
"""

from __future__ import annotations

_WRITTEN_WITH_TWO = frozenset({"ISK", "UGX"})
_WRITTEN_WITHOUT = frozenset({"MGA"})
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def to_stripe(amount_minor: int, currency: str) -> int:
    """An amount in ISO 4217 minor units as Stripe's ``unit_amount``. Currencies that have no minor unit, such
    as JPY, are the same in both. Raises ``ValueError`` for what Stripe can't be asked for."""
    if currency in _WRITTEN_WITH_TWO:
        return amount_minor * 100
    if currency in _WRITTEN_WITHOUT:
        return _whole(amount_minor, 100, currency) // 100
    if currency in _THREE_DECIMALS:
        return _whole(amount_minor, 10, currency)
    return amount_minor


def from_stripe(amount: int, currency: str) -> int:
    """The other way round. Raises ``ValueError`` for an amount that ``to_stripe`` would never give."""
    if currency in _WRITTEN_WITH_TWO:
        return _whole(amount, 100, currency) // 100
    if currency in _WRITTEN_WITHOUT:
        return amount * 100
    return amount


def _whole(amount: int, unit: int, currency: str) -> int:
    if amount % unit:
        raise ValueError(f"Stripe takes {currency} in steps of {unit} only, not {amount}")
    return amount
