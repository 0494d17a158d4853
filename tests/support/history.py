"""What buyers asked and were answered, held against what the database has in the end. No I/O but ``stored``.

Every client writes down each command as it was sent and what came back: the acknowledgement, or nothing. The
checker names each fault that it finds in words; a sound history has none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import create_engine, text

LEGAL = {"held", "paid", "cancelled", "expired", "refunded"}


@dataclass(slots=True)
class Asked:
    """One sending of a command. ``answer`` is None while, or because, no acknowledgement came."""

    user: str
    name: str
    payload: dict[str, Any]
    answer: dict[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.user, self.name, str(self.payload["key"])

    @property
    def order(self) -> dict[str, Any] | None:
        """The order of an acknowledgement that says it was done."""
        return self.answer["order"] if self.answer is not None and self.answer["ok"] else None

    @property
    def is_final_refusal(self) -> bool:
        return self.answer is not None and not self.answer["ok"] and not self.answer["error"]["temporary"]


@dataclass(frozen=True, slots=True)
class StoredOrder:
    id: str
    buyer: str
    qty: int
    total_minor: int
    status: str


@dataclass(frozen=True, slots=True)
class StoredPayment:
    order: str
    status: str
    amount_minor: int


@dataclass(slots=True)
class Stored:
    """What the database has of one SKU. ``keys``: which order a buyer's key made, as its table has it."""

    received: int
    stock: int
    held: int
    orders: dict[str, StoredOrder]
    payments: list[StoredPayment] = field(default_factory=list)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def sold(self) -> int:
        return sum(order.qty for order in self.orders.values() if order.status == "paid")


def faults(history: Sequence[Asked], stored: Stored) -> list[str]:
    """Everything that is wrong, in words."""
    return [
        *_stock(stored),
        *_acknowledged(history, stored),
        *_one_effect(history),
        *_refused(history, stored),
        *_orphans(history, stored),
        *_money(stored),
    ]


def _stock(stored: Stored) -> Iterator[str]:
    orders = stored.orders.values()
    held = sum(order.qty for order in orders if order.status == "held")
    if min(stored.stock, stored.held) < 0:
        yield f"stock {stored.stock} and held {stored.held} must not be negative"
    if stored.held != held:
        yield f"the SKU has {stored.held} held, its orders {held}"
    if stored.stock + held + stored.sold != stored.received:
        yield f"{stored.stock} + {held} held + {stored.sold} sold is not {stored.received}"
    for order in orders:
        if order.status not in LEGAL:
            yield f"order {order.id} is {order.status}"


def _acknowledged(history: Sequence[Asked], stored: Stored) -> Iterator[str]:
    """What was said to be done is done."""
    for asked in history:
        if (order := asked.order) is None:
            continue
        found = stored.orders.get(order["id"])
        if found is None:
            yield f"{asked.name} of {asked.user}: order {order['id']} was acknowledged and is not there"
            continue
        if found.buyer != asked.user or found.qty != order["qty"]:
            yield f"order {found.id} was acknowledged to {asked.user} and is another's, or another"
        if asked.name == "order.pay" and found.status not in ("paid", "refunded"):
            yield f"order {found.id} was acknowledged as paid and is {found.status}"
        if asked.name == "order.cancel" and found.status != "cancelled":
            yield f"order {found.id} was acknowledged as cancelled and is {found.status}"


def _one_effect(history: Sequence[Asked]) -> Iterator[str]:
    """A key has one outcome: one order, and once there is a final answer, no other."""
    finals: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for asked in history:
        if (order := asked.order) is not None:
            finals[asked.key].add(f"order {order['id']}")
        elif asked.is_final_refusal and asked.answer is not None:
            finals[asked.key].add(str(asked.answer["error"]["code"]))
    for key, outcomes in finals.items():
        if len(outcomes) > 1:
            yield f"{key} was answered {sorted(outcomes)}"


def _refused(history: Sequence[Asked], stored: Stored) -> Iterator[str]:
    """Who was told no for good has nothing: a lost acknowledgement is never followed by "sold out"."""
    for asked in history:
        if asked.name == "buy" and asked.is_final_refusal:
            order = stored.keys.get((asked.user, str(asked.payload["key"])))
            if order is not None:
                yield f"{asked.key} was refused for good and made order {order}"


def _orphans(history: Sequence[Asked], stored: Stored) -> Iterator[str]:
    """Every order is some buyer's who asked for it, and asked once."""
    asked_for = {(asked.user, str(asked.payload["key"])) for asked in history if asked.name == "buy"}
    made = Counter(stored.keys.values())
    for made_order, times in made.items():
        if times > 1:
            yield f"order {made_order} is the answer to {times} keys"
        if made_order not in stored.orders:
            yield f"a key was answered with order {made_order}, which is not there"
    by_order = {made_order: key for key, made_order in stored.keys.items()}
    for order_id, order in stored.orders.items():
        key = by_order.get(order_id)
        if key is None:
            yield f"order {order_id} has no key"
        elif key not in asked_for or key[0] != order.buyer:
            yield f"order {order_id} of {order.buyer} was never asked for"


def _money(stored: Stored) -> Iterator[str]:
    """What was taken and kept is the price of what was sold, order for order."""
    kept: dict[str, int] = defaultdict(int)
    for payment in stored.payments:
        if payment.status == "succeeded":
            kept[payment.order] += payment.amount_minor
        elif payment.status not in ("failed", "refunded"):
            yield f"a payment of order {payment.order} is still {payment.status}"
    for order_id in kept.keys() | stored.orders.keys():
        order = stored.orders.get(order_id)
        due = order.total_minor if order is not None and order.status == "paid" else 0
        if kept.get(order_id, 0) != due:
            yield f"order {order_id}: {kept.get(order_id, 0)} was kept where {due} is due"


def read_stored(url: str, sku: str, received: int) -> Stored:
    """From the database itself. Blocks."""
    engine = create_engine(url)
    try:
        with engine.connect() as conn:
            stock, held = conn.execute(
                text("SELECT stock, held FROM skus WHERE id = :sku"), {"sku": sku}
            ).one()
            orders = conn.execute(
                text("SELECT id, buyer_id, qty, total_minor, status FROM orders WHERE sku = :sku"),
                {"sku": sku},
            )
            found = {order.id: StoredOrder(*order) for order in orders}
            payments = conn.execute(
                text(
                    "SELECT p.order_id, p.status, p.amount_minor FROM payments p "
                    "JOIN orders o ON o.id = p.order_id WHERE o.sku = :sku"
                ),
                {"sku": sku},
            )
            stored = Stored(received, stock, held, found, [StoredPayment(*payment) for payment in payments])
            keys = conn.execute(text("SELECT user_id, key, answer FROM command_keys WHERE command = 'buy'"))
            for user, key, body in keys:
                answer = orjson.loads(body)
                if answer["ok"] and answer["order"]["sku"] == sku:
                    stored.keys[user, key] = answer["order"]["id"]
            return stored
    finally:
        engine.dispose()
