"""Prices in coins, shares, and what is taken back: exact to the coin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.wallet.coins import CoinPack, CoinRules
from rooms.wallet.rules import Account, taken_back, wallet
from rooms.wallet.share import split

RULES = CoinRules([CoinPack("a", 60, 600, "CNY")], {"CNY": 1000, "JPY": 150})


@pytest.mark.parametrize(
    ("total_minor", "currency", "coins"),
    [(0, "CNY", 0), (1, "CNY", 1), (10, "CNY", 1), (11, "CNY", 2), (4900, "CNY", 490), (3, "JPY", 2)],
)
def test_a_price_in_coins_is_rounded_up(total_minor: int, currency: str, coins: int) -> None:
    assert RULES.price(total_minor, currency) == coins


def test_what_isnt_there() -> None:
    assert RULES.price(1, "USD") is None
    assert CoinRules().price(1, "CNY") is None
    assert RULES.pack("b") is None


@given(st.integers(0, 10**11), st.integers(1, 10**6))
def test_a_price_in_coins_is_never_worth_less_nor_a_coin_too_much(total_minor: int, worth: int) -> None:
    coins = CoinRules(worth_minor={"CNY": worth}).price(total_minor, "CNY")
    assert coins is not None
    assert coins * worth >= total_minor * 100 > (coins - 1) * worth


@given(st.integers(0, 10**12), st.integers(0, 100))
def test_a_share_loses_no_coin_and_leaves_the_odd_one_to_the_host(coins: int, percent: int) -> None:
    share = split(coins, percent)
    assert share.host + share.platform == coins
    assert 0 <= coins * percent - share.platform * 100 < 100


@pytest.mark.parametrize(("coins", "percent"), [(1, 101), (1, -1), (-1, 50)])
def test_a_share_that_makes_no_sense(coins: int, percent: int) -> None:
    with pytest.raises(ValueError, match="per cent"):
        split(coins, percent)


@given(st.integers(-50, 200), st.integers(1, 100))
def test_what_isnt_there_any_more_is_covered(balance: int, amount: int) -> None:
    cover = Account("correction", "ann")
    parts = {entry.account: entry.amount for entry in taken_back(wallet("ann"), balance, amount, cover)}
    assert sum(parts.values()) == -amount
    assert all(part < 0 for part in parts.values())
    assert balance < 0 or balance + parts.get(wallet("ann"), 0) >= 0
    assert (cover in parts) == (balance < amount)
