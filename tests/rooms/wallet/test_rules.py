"""The ledger's arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.wallet.rules import AMOUNT_MAX, KINDS, Account, Entry, after, check_balanced, merged

ACCOUNTS = st.builds(Account, st.sampled_from(sorted(KINDS)), st.sampled_from("abc"))
ENTRIES = st.lists(st.builds(Entry, ACCOUNTS, st.integers(-50, 50)), max_size=12)


@given(ENTRIES)
def test_merging_keeps_each_accounts_sum(entries: list[Entry]) -> None:
    parts = merged(entries)
    assert len({e.account for e in parts}) == len(parts)
    assert all(e.amount for e in parts)
    for account in {e.account for e in entries}:
        total = sum(e.amount for e in entries if e.account == account)
        assert sum(e.amount for e in parts if e.account == account) == total


@given(ENTRIES)
def test_what_sums_to_zero_in_each_unit_and_only_that_is_balanced(entries: list[Entry]) -> None:
    parts = merged(entries)
    sums = dict.fromkeys(("coins", "points"), 0)
    for entry in parts:
        sums[KINDS[entry.account.kind].unit] += entry.amount
    if any(sums.values()):
        with pytest.raises(ValueError, match="zero"):
            check_balanced(parts)
    else:
        check_balanced(parts)


def test_coins_dont_pay_for_points() -> None:
    with pytest.raises(ValueError, match="zero"):
        check_balanced([Entry(Account("wallet", "a"), -5), Entry(Account("points", "a"), 5)])


@pytest.mark.parametrize("amount", [0, AMOUNT_MAX + 1, -AMOUNT_MAX - 1])
def test_an_entry_of_nothing_or_of_too_much_is_a_mistake(amount: int) -> None:
    with pytest.raises(ValueError, match="entry"):
        check_balanced([Entry(Account("wallet", "a"), amount), Entry(Account("issued", "a"), -amount)])


def test_an_account_of_a_kind_that_there_isnt_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="purse"):
        check_balanced([Entry(Account("purse", "a"), 1), Entry(Account("wallet", "a"), -1)])


@pytest.mark.parametrize(
    ("kind", "code"),
    [("wallet", "insufficient_coins"), ("points", "insufficient_points"), ("earnings", "insufficient_funds")],
)
def test_no_more_goes_out_than_is_there(kind: str, code: str) -> None:
    account = Account(kind, "a")
    assert after(account, 5, -5) == 0
    with pytest.raises(Refused) as refused:
        after(account, 5, -6)
    assert (refused.value.code, refused.value.details) == (code, {"balance": 5, "needed": 6})


def test_only_where_coins_come_from_may_go_below_zero() -> None:
    below = {kind for kind in KINDS if KINDS[kind].below_zero}
    assert below == {"issued", "correction", "points_issued"}
    assert after(Account("issued", "a"), 0, -100) == -100


def test_nobody_has_more_than_can_be_counted_exactly() -> None:
    with pytest.raises(Refused) as refused:
        after(Account("wallet", "a"), AMOUNT_MAX, 1)
    assert refused.value.code == "too_many"
