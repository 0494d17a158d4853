"""What is said from memory is never final, and never to who may have got something already."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from rooms.commands import Buy
from rooms.errors import Refused
from server.shop_front import SeenKeys, ShopFront
from server.store.group import accepted, refused

ROOM, SKU = "room", "sku"


def buy(key: str) -> Buy:
    return Buy(room=ROOM, sku=SKU, qty=1, key=f"key-{key:0>8}")


def test_only_what_is_gone_is_refused() -> None:
    left: dict[str, int | None] = {SKU: None}
    front = ShopFront(lambda room, sku: left[sku])
    assert front.refusal(buy("a"), "u", 0) is None
    left[SKU] = 1
    assert front.refusal(buy("b"), "u", 0) is None
    left[SKU] = 0
    refusal = front.refusal(buy("c"), "u", 0)
    assert refusal is not None
    assert (refusal.code, refusal.temporary) == ("stock_held", True)
    assert refusal.retry_after_ms is not None
    assert 1000 <= refusal.retry_after_ms <= 5000


def test_a_key_is_refused_once() -> None:
    front = ShopFront(lambda room, sku: 0)
    assert front.refusal(buy("a"), "u", 0) is not None
    assert front.refusal(buy("a"), "u", 1) is None
    assert front.refusal(buy("a"), "somebody else", 1) is not None


def test_sold_out_is_said_when_the_database_has_said_so_and_stays_temporary() -> None:
    left = 0
    front = ShopFront(lambda room, sku: left)
    front.heard(buy("a"), refused(Refused("sold_out")))
    refusal = front.refusal(buy("b"), "u", 0)
    assert refusal is not None
    assert (refusal.code, refusal.temporary) == ("sold_out", True)
    assert b'"temporary":true' in refused(refusal).body
    left = 3
    assert front.refusal(buy("c"), "u", 0) is None
    left = 0
    refusal = front.refusal(buy("d"), "u", 0)
    assert refusal is not None
    assert refusal.code == "stock_held"


def test_before_a_sale_begins_its_buyers_are_told_how_long() -> None:
    begins = {"sale": 1000}
    front = ShopFront(lambda room, sku: 5, starts_at_ms=lambda room, sku, sale: begins.get(sale))

    def early(key: str, now_ms: int, sale: str | None = "sale") -> Refused | None:
        return front.refusal(Buy(room=ROOM, sku=SKU, qty=1, sale=sale, key=f"key-{key}"), "u", now_ms)

    refusal = early("first", 250)
    assert refusal is not None
    assert (refusal.code, refusal.temporary, refusal.retry_after_ms) == ("not_started", True, 750)
    assert refusal.details == {"starts_at_ms": 1000}
    assert early("first", 300) is None  # a retry is for the database
    assert early("no-sale", 300, None) is None  # the list price holds
    assert early("another", 300, "unknown") is None
    last = early("last", 999)
    assert last is not None
    assert last.retry_after_ms == 1
    assert early("in-time", 1000) is None  # to the millisecond


def test_a_sale_that_has_yet_to_begin_is_so_too_where_nothing_is_left() -> None:
    front = ShopFront(lambda room, sku: 0, starts_at_ms=lambda room, sku, sale: 1000)
    cmd = Buy(room=ROOM, sku=SKU, qty=1, sale="sale", key="key-early")
    refusal = front.refusal(cmd, "u", 0)
    assert refusal is not None
    assert refusal.code == "not_started"
    assert front.refusal(cmd, "u", 999) is None


@dataclass
class Node:
    """A database that knows keys, as the table of keys does, and the front of a node before it."""

    held: set[tuple[str, str]]
    stock: list[int]
    front: ShopFront = field(init=False)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.front = ShopFront(lambda room, sku: self.stock[0], SeenKeys(6, 100))

    def buy(self, user: str, key: str, now_ms: int) -> None:
        first = (user, key) not in self.seen
        self.seen.add((user, key))
        cmd = buy(key)
        refusal = self.front.refusal(cmd, user, now_ms)
        if refusal is not None:
            assert refusal.temporary
            assert first, "a retry was answered from memory"
            assert self.stock[0] == 0
        elif (user, key) in self.held or self.stock[0] > 0:
            self.stock[0] -= (user, key) not in self.held
            self.held.add((user, key))
            self.front.heard(cmd, accepted({"order": {}}))
        else:
            self.front.heard(cmd, refused(Refused("sold_out")))


acts = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from("uv"),
        st.sampled_from([f"k{n}" for n in range(9)]),
        st.integers(0, 3),
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(st.integers(0, 4), acts)
def test_a_retry_is_always_looked_up(stock: int, plan: list[tuple[int, str, str, int, int]]) -> None:
    """Two nodes on one database. All of it within the time that keys are kept, with more keys than fit."""
    held: set[tuple[str, str]] = set()
    left = [stock]
    nodes = [Node(held, left), Node(held, left)]
    now_ms = 0
    for which, user, key, passed_ms, luck in plan:
        now_ms += min(passed_ms, 1)
        if luck == 9:
            nodes[which] = Node(held, left)  # started again: it remembers nothing
        nodes[which].buy(user, key, now_ms)
    assert len(held) == stock - left[0]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=80))
def test_keys_are_bounded_and_new_only_if_long_unseen(plan: list[tuple[int, int]]) -> None:
    keys = SeenKeys(5, 100)
    now_ms = 0
    last: dict[str, int] = {}
    for number, passed_ms in plan:
        now_ms += passed_ms
        key = str(number)
        if keys.is_new("u", key, now_ms):
            assert key not in last or last[key] <= now_ms - 100
        last[key] = now_ms
        assert len(keys) <= 5


def test_when_keys_are_over_new_ones_pass_again() -> None:
    keys = SeenKeys(2, 100)
    assert [keys.is_new("u", k, 0) for k in "abc"] == [True, True, False]
    assert not keys.is_new("u", "d", 99)
    assert keys.is_new("u", "e", 300)
