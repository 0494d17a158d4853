"""How a red packet's coins become shares: exact to the coin, and fair to every place."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.play.packets import rules
from rooms.play.packets.rules import Dice, Packet, most, split, split_equally, split_randomly

seeds = st.binary(min_size=1, max_size=32)
packets = st.integers(1, 300).flatmap(lambda count: st.tuples(st.integers(count, count * 40), st.just(count)))


@given(packets, seeds)
def test_random_shares_sum_to_the_coins_and_none_is_empty(packet: tuple[int, int], seed: bytes) -> None:
    coins, count = packet
    shares = split(coins, count, "random", seed)
    assert len(shares) == count
    assert sum(shares) == coins
    assert min(shares) >= 1
    assert split(coins, count, "random", seed) == shares


@given(packets)
def test_equal_shares_differ_by_a_coin_at_most(packet: tuple[int, int]) -> None:
    coins, count = packet
    shares = split_equally(coins, count)
    assert (len(shares), sum(shares)) == (count, coins)
    assert shares[0] - shares[-1] <= 1
    assert all(a >= b for a, b in pairwise(shares))


@pytest.mark.parametrize(("coins", "count"), [(0, 1), (1, 2), (5, 0), (-1, 1)])
def test_what_can_not_be_shared_is_refused(coins: int, count: int) -> None:
    for how in ("random", "equal"):
        with pytest.raises(ValueError, match="coins for"):
            split(coins, count, how, b"seed")


@given(packets, seeds)
def test_a_drawn_share_leaves_a_coin_for_everybody_else(packet: tuple[int, int], seed: bytes) -> None:
    coins, count = packet
    if count > 1:
        high, rest = most(coins, count)
        assert high >= 1
        assert coins - (high + bool(rest)) >= count - 1


@cache
def chances(coins: int, count: int) -> dict[tuple[int, ...], Fraction]:
    """Every way to draw the shares, before they are shuffled, with its exact chance."""
    if count == 1:
        return {(coins,): Fraction(1)}
    high, rest = most(coins, count)
    found: defaultdict[tuple[int, ...], Fraction] = defaultdict(Fraction)
    for top, chance in ((high, Fraction(count - rest, count)), (high + 1, Fraction(rest, count))):
        for share in range(1, top + 1) if chance else ():
            for others, other in chances(coins - share, count - 1).items():
                found[(share, *others)] += chance / top * other
    return dict(found)


@pytest.mark.parametrize(("coins", "count"), [(c, n) for n in range(1, 5) for c in range(n, 13)])
def test_every_share_is_worth_the_same_on_average_exactly(coins: int, count: int) -> None:
    """Not nearly: the rule rounds at random so that it comes out even. Counted through, not sampled."""
    ways = chances(coins, count)
    assert sum(ways.values()) == 1
    for place in range(count):
        assert sum(chance * shares[place] for shares, chance in ways.items()) == Fraction(coins, count)


def test_draws_follow_the_counted_chances() -> None:
    """Chi-square over 20,000 draws with fixed seeds, of every way to split 8 coins by 3, shuffled."""
    expected: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for shares, chance in chances(8, 3).items():
        for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
            expected[tuple(shares[place] for place in order)] += float(chance) / 6
    draws = 20_000
    found = Counter(tuple(split_randomly(8, 3, f"seed {n}".encode())) for n in range(draws))
    assert set(found) <= set(expected)
    square = sum((found[way] - draws * chance) ** 2 / (draws * chance) for way, chance in expected.items())
    free = len(expected) - 1
    # Four standard deviations of chi-square's normal approximation: the seeds are fixed, so it holds or not.
    assert abs(square - free) < 4 * sqrt(2 * free), (square, free)


def test_no_place_is_better_or_worse_than_another() -> None:
    """Mean and spread of each of 20 places over 3,000 packets: without shuffling, the last ones' spread would
    be several times the first ones'."""
    count, coins, times = 20, 1000, 3000
    sums, squares = [0] * count, [0] * count
    for n in range(times):
        for place, share in enumerate(split_randomly(coins, count, f"packet {n}".encode())):
            sums[place] += share
            squares[place] += share * share
    means = [total / times for total in sums]
    spreads = [sqrt(square / times - mean**2) for square, mean in zip(squares, means, strict=True)]
    middle = sum(spreads) / count
    assert all(abs(mean - coins / count) < 5 * middle / sqrt(times) for mean in means)
    assert max(spreads) < 1.25 * min(spreads)


def test_dice_are_even_and_go_on_for_ever() -> None:
    dice = Dice(b"a seed")
    found = Counter(dice.below(6) for _ in range(6000))
    assert set(found) == set(range(6))
    assert all(abs(n - 1000) < 150 for n in found.values())
    assert {Dice(bytes([n])).below(2**40) for n in range(50)}.__len__() == 50


def packet(**changes: object) -> Packet:
    plain = {
        "id": "p",
        "room_id": "tea",
        "sender_id": "s",
        "sender_name": "S",
        "coins": 10,
        "count": 3,
        "split": "random",
        "who": "all",
        "greeting": "",
        "sent_at_ms": 0,
        "closes_at_ms": 1000,
        "opened": 0,
        "left_coins": 10,
        "ended": None,
        "ended_at_ms": None,
        "best_id": None,
        "best_name": None,
        "best_coins": 0,
    }
    return Packet(**(plain | changes))  # type: ignore[arg-type]


def test_the_luckiest_is_the_first_with_most() -> None:
    now = packet()
    for who, coins in (("a", 4), ("b", 4), ("c", 2)):
        assert now.wire()["luckiest"] is None
        rules.refuse_unless_open(now, 999)
        now = rules.opened_by(now, who, who.upper(), coins, 5)
    assert (now.ended, now.ended_at_ms, now.left_coins, now.opened) == ("empty", 5, 0, 3)
    assert now.wire()["luckiest"] == {"user": {"id": "a", "name": "A"}, "coins": 4}


def test_nobody_is_luckiest_of_equal_shares_or_of_none() -> None:
    assert rules.opened_by(packet(count=1, split="equal"), "a", "A", 10, 5).luckiest() is None
    assert rules.ended(packet(), "expired", 1000).luckiest() is None


def test_what_is_empty_or_over_is_told_apart() -> None:
    for closed, code in (
        (packet(opened=3, left_coins=0, ended="empty"), "packet_empty"),
        (packet(opened=1, left_coins=0, ended="expired"), "over"),
        (packet(closes_at_ms=999), "over"),
    ):
        with pytest.raises(Refused) as refused:
            rules.refuse_unless_open(closed, 999)
        assert refused.value.code == code
        assert not refused.value.temporary


@pytest.mark.parametrize(("in_room", "mine"), [(rules.ROOM_MAX, 0), (rules.SENDER_MAX, rules.SENDER_MAX)])
def test_so_many_may_be_open_at_a_time(in_room: int, mine: int) -> None:
    rules.refuse_too_many(rules.ROOM_MAX - 1, rules.SENDER_MAX - 1)
    with pytest.raises(Refused) as refused:
        rules.refuse_too_many(in_room, mine)
    assert refused.value.code == "too_many_packets"
    assert refused.value.temporary
