"""The queue's rules: an item is one person's at a time, and is decided once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from moderation.permissions import Role
from moderation.review import rules
from moderation.review.rules import DECISIONS, LEASE_MS, Item, new_item
from rooms.errors import Refused

PEOPLE = ("u-ada", "u-bao", "u-cai")
START_MS = 1_800_000_000_000
DUE_MS = 15 * 60_000

people = st.sampled_from(PEOPLE)


def held(**fields: object) -> Item:
    return new_item("i-1", "tea", "held", START_MS, due_at_ms=START_MS + DUE_MS, **fields)


class Queue(RuleBasedStateMachine):
    """One item and some moderators, who do what they like whenever they like."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.item = held()
        self.holder: tuple[str, int] | None = None
        """Who has it by the rules as they are written down, and until when."""
        self.decisions = 0

    def taken_by_another(self, who: str) -> bool:
        return self.holder is not None and self.holder[0] != who and self.now_ms < self.holder[1]

    @rule(ms=st.integers(0, 2 * LEASE_MS))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    def attempt(self, act: Callable[[], Item]) -> Refused | None:
        try:
            self.item = act()
        except Refused as refusal:
            return refusal
        return None

    @rule(who=people)
    def claims(self, who: str) -> None:
        was, taken = self.item.state, self.taken_by_another(who)
        refusal = self.attempt(lambda: rules.claimed(self.item, who, who, self.now_ms))
        if refusal is None:
            assert was == "open"
            assert not taken
            self.holder = (who, self.now_ms + LEASE_MS)
        elif refusal.kind.code == "over":
            assert was != "open"
        else:
            assert refusal.kind.code == "claimed"
            assert taken
            assert self.holder is not None
            assert refusal.details["by"]["id"] == self.holder[0]
            assert refusal.retry_after_ms == self.holder[1] - self.now_ms

    @rule(who=people)
    def lets_go(self, who: str) -> None:
        self.item = rules.let_go(self.item, who)
        if self.holder is not None and self.holder[0] == who:
            self.holder = None

    @rule(who=people, decision=st.sampled_from(DECISIONS["held"]))
    def decides(self, who: str, decision: str) -> None:
        was, taken = self.item.state, self.taken_by_another(who)
        refusal = self.attempt(lambda: rules.decided(self.item, decision, "", who, who, self.now_ms))
        if refusal is not None:
            assert refusal.kind.code == ("claimed" if was == "open" else "over")
            assert taken or was != "open"
            return
        assert was == "open"
        assert not taken
        self.decisions += 1
        assert (self.item.by_id, self.item.decision) == (who, decision)
        assert self.item.waited_ms == self.now_ms - START_MS

    @precondition(lambda self: self.item.state == "open")
    @rule()
    def the_timer_looks(self) -> None:
        was_claimed = rules.is_claimed(self.item, self.now_ms)
        self.item = rules.expired(self.item, self.now_ms)
        if self.item.state == "expired":
            assert self.now_ms >= START_MS + DUE_MS
            self.decisions += 1
        elif self.now_ms >= START_MS + DUE_MS:
            # Only for who is just looking at it, and for one lease more at most.
            assert was_claimed
            assert self.now_ms < START_MS + DUE_MS + LEASE_MS

    @invariant()
    def it_is_decided_once(self) -> None:
        assert self.decisions <= 1
        assert (self.decisions == 1) == (self.item.state in ("decided", "expired"))

    @invariant()
    def who_has_it_is_said(self) -> None:
        claim = self.item.wire(self.now_ms)["claim"]
        if self.item.state != "open":
            assert claim is None
        elif self.holder is not None and self.now_ms < self.holder[1]:
            assert claim is not None
            assert claim["by"]["id"] == self.holder[0]
        else:
            assert claim is None


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=25)


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    item = rules.claimed(held(), "u-ada", "Ada", START_MS + 3_600_000)
    assert rules.claimed(item, "u-bao", "Bao", START_MS).claim_id == "u-bao"


def test_each_kind_has_its_own_decisions() -> None:
    for kind, allowed in DECISIONS.items():
        item = replace(held(), kind=kind)
        for decision in {d for pair in DECISIONS.values() for d in pair}:
            if decision in allowed:
                assert rules.decided(item, decision, "why", "u", "U", START_MS).decision == decision
            else:
                with pytest.raises(Refused, match="decided of this item"):
                    rules.decided(item, decision, "why", "u", "U", START_MS)


def test_an_appeal_is_not_refused_without_a_word() -> None:
    appeal = replace(held(), kind="appeal")
    with pytest.raises(Refused, match="Say why"):
        rules.decided(appeal, "refuse", "", "u", "U", START_MS)
    assert rules.decided(appeal, "grant", "", "u", "U", START_MS).state == "decided"


# who may decide


def may(
    decider: str, rank: Role, owner: Role = Role.VIEWER, imposer: tuple[str, Role] | None = None
) -> str | None:
    try:
        rules.refuse_partial(held(user_id="u-owner"), decider, rank, owner, imposer)
    except Refused as refusal:
        return refusal.kind.code
    return None


def test_nobody_decides_on_their_own_but_who_has_nobody_above() -> None:
    for rank in (Role.MODERATOR, Role.SENIOR_MODERATOR):
        assert may("u-owner", rank, rank) == "forbidden"
    for rank in (Role.HOST, Role.OPERATOR):
        assert may("u-owner", rank, rank) is None


@given(rank=st.sampled_from([*Role][2:]), owner=st.sampled_from([*Role]))
def test_nobody_decides_on_their_peers_or_betters(rank: Role, owner: Role) -> None:
    assert (may("u-mod", rank, owner) is None) == (rank.rank > owner.rank)


def test_who_gave_a_sanction_leaves_the_appeal_to_others() -> None:
    senior, host = Role.SENIOR_MODERATOR, Role.HOST
    assert may("u-mod", senior, imposer=("u-mod", senior)) == "forbidden"
    assert may("u-mod", senior, imposer=("u-else", senior)) is None
    assert may("u-mod", senior, imposer=("u-else", Role.MODERATOR)) is None
    assert may("u-mod", senior, imposer=("u-host", host)) == "outranked"
    assert may("u-host", host, imposer=("u-host", host)) is None
    # Who gave it as something higher than they are now isn't above themselves; it is still their own.
    assert may("u-mod", senior, imposer=("u-mod", host)) == "forbidden"


# reports


@given(upheld=st.integers(0, 50), dismissed=st.integers(0, 50))
def test_false_reports_make_the_next_ones_weigh_less_and_right_ones_more(upheld: int, dismissed: int) -> None:
    weight = rules.weight_of(upheld, dismissed)
    assert 0 < weight <= rules.FULL_WEIGHT
    assert rules.weight_of(upheld, dismissed + 1) <= weight <= rules.weight_of(upheld + 1, dismissed)
    assert (weight == rules.FULL_WEIGHT) == (dismissed == 0)


@given(
    weights=st.lists(st.integers(10, 100), min_size=1, max_size=30),
    to_queue=st.integers(1, 10),
    to_hide=st.integers(0, 10),
    of_staff=st.booleans(),
)
def test_thresholds(weights: list[int], to_queue: int, to_hide: int, of_staff: bool) -> None:
    item = replace(held(), kind="report", state="gathering", at_ms=0)
    total = 0
    for n, weight in enumerate(weights, 1):
        before, total = item, total + weight
        item = rules.reported(item, weight, to_queue, to_hide, of_staff=of_staff, now_ms=START_MS + n)
        hidden = bool(to_hide) and total >= to_hide * 100 and not of_staff
        assert bool(item.hidden) == hidden
        assert (item.state == "open") == (total >= to_queue * 100 or hidden)
        if item.state == "open" != before.state:
            assert item.at_ms == START_MS + n  # it waits from when somebody could see it
        elif before.state == "open":
            assert item.at_ms == before.at_ms
    assert (item.weight, item.reports) == (total, len(weights))


@given(st.lists(st.integers(0, 10**6), min_size=1), st.sampled_from([0.5, 0.9]))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[int], share: float) -> None:
    found = rules.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= math.ceil(round(share * 100) * len(values) / 100)
    smaller = [value for value in values if value < found]
    assert not smaller or sum(value <= max(smaller) for value in values) < share * len(values)


def test_of_nothing_there_is_no_percentile() -> None:
    assert rules.percentile([], 0.5) is None
