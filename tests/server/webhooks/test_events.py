"""What the entries of the logs become: types, subjects, ids, and what is left out of a body."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from moderation.sanctions.service import GIVEN, OVER
from rooms.log import LogEvent, StaffEvent, Visibility, encode_event
from server.webhooks.events import (
    TYPES,
    Log,
    Message,
    body_of,
    is_pattern,
    of_room,
    of_staff,
    payload,
    wanted_kinds,
    wanted_types,
)

ROOT = Path(__file__).parents[3]
AT_MS = 1_800_000_000_123
# Entries that nobody is told of: none so far.
UNTOLD = {"comment_shadowed", "noted", "note_deleted"}


def entry(kind: str, data: dict[str, Any], *, visibility: Visibility = Visibility.ALL) -> LogEvent:
    user = {"id": "u-lin", "name": "Lin", "badges": []}
    body = encode_event(event_id="e-1", offset=7, kind=kind, at_ms=AT_MS, user=user, data=data)
    return LogEvent("tea", "ep", 7, "e-1", kind, AT_MS, "u-lin", visibility.value, body)


def brief(kind: str, data: dict[str, Any]) -> StaffEvent:
    body = orjson.dumps({"room": "tea", "seq": 7, "kind": kind, "at_ms": AT_MS, "data": data})
    return StaffEvent("tea", 7, AT_MS, kind, "see_staff", body)


def order(status: str) -> dict[str, Any]:
    return {"order": {"id": "o-1", "status": status, "sku": "s-1", "total_minor": 4900, "currency": "CNY"}}


def told(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.type, message.subject) for message in messages]


@pytest.mark.parametrize(
    ("status", "payment"),
    [
        ("held", []),
        ("paid", ["payment.succeeded"]),
        ("cancelled", []),
        ("expired", []),
        ("refunded", ["payment.refunded"]),
    ],
)
def test_an_order_tells_of_itself_its_payment_and_its_stock(status: str, payment: list[str]) -> None:
    messages = of_staff(brief("order", order(status)), "ep")
    assert told(messages) == [
        (f"order.{status}", "order:o-1"),
        *((name, "order:o-1") for name in payment),
        ("stock.changed", "sku:s-1"),
    ]
    assert len({message.id for message in messages}) == len(messages)
    assert [m.id for m in messages] == [m.id for m in of_staff(brief("order", order(status)), "ep")]
    assert [m.latest for m in messages] == [name == "stock.changed" for name, _ in told(messages)]


def test_what_happens_to_rooms_products_and_people() -> None:
    assert told(of_room(entry("room.status", {"status": "live"}))) == [("room.live", "room:tea")]
    card = {"product": {"id": "p-1", "skus": [{"id": "s-1"}, {"id": "s-2"}]}}
    assert told(of_room(entry("product.changed", card))) == [
        ("product.changed", "room:tea"),
        ("stock.changed", "sku:s-1"),
        ("stock.changed", "sku:s-2"),
    ]
    muted = brief("muted", {"sanction": {"user": {"id": "u-lin"}}})
    assert told(of_staff(muted, "ep")) == [("moderation.muted", "user:u-lin")]
    late = brief("payment", {"payment": {"order": "o-1", "status": "refund_due"}})
    assert told(of_staff(late, "ep")) == [("payment.refund_due", "order:o-1")]
    assert of_room(entry("something.new", {})) == of_staff(brief("something_new", {}), "ep") == []


def test_the_body_has_its_place_and_no_words_of_viewers_unless_asked() -> None:
    said = {"text": "hello", "color": "white", "reply_to": {"id": "e-0", "name": "Wu", "text": "hi"}}
    (message,) = of_room(entry("comment", said, visibility=Visibility.SENDER))
    quiet = orjson.loads(payload(message, message.data, texts=False))
    assert quiet["type"] == "comment.created"
    assert quiet["timestamp"] == "2027-01-15T08:00:00.123Z"
    data = quiet["data"]
    assert (data["room"], data["log"], data["offset"], data["shown"]) == ("tea", "room", 7, False)
    assert "text" not in data
    assert data["reply_to"] == {"id": "e-0", "name": "Wu"}
    whole = orjson.loads(payload(message, message.data, texts=True))["data"]
    assert (whole["text"], whole["reply_to"]["text"]) == ("hello", "hi")


def test_filters() -> None:
    assert wanted_types(["*"]) == {name for name in TYPES if not name.startswith("comment.")}
    assert wanted_types(["order.*"]) == {name for name in TYPES if name.startswith("order.")}
    assert wanted_types(["order.paid", "room.live"]) == {"order.paid", "room.live"}
    assert wanted_kinds(Log.STAFF, {"payment.succeeded"}) == ("order",)
    assert set(wanted_kinds(Log.ROOM, {"stock.changed"})) == {"product.added", "product.changed"}
    assert not wanted_kinds(Log.ROOM, set())
    assert [is_pattern(text) for text in ("*", "order.*", "order.paid", "order", "orde*", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_time_has_its_milliseconds() -> None:
    assert orjson.loads(body_of("x", 1_800_000_000_007, {}))["timestamp"].endswith(":00.007Z")


def test_nothing_that_is_written_to_a_log_is_forgotten_here() -> None:
    """A new kind of entry wants a line in server/webhooks/events.py, or in ``UNTOLD``."""
    kinds: dict[Log, set[str]] = {Log.ROOM: set(), Log.STAFF: set()}
    for package in ("rooms", "moderation", "server"):
        for file in (ROOT / package).rglob("*.py"):
            code = re.sub(r'""".*?"""', "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
            for log, call in ((Log.ROOM, "append"), (Log.STAFF, "brief")):
                kinds[log] |= set(re.findall(rf'\btx\.{call}\(\s*[\w.]+,\s*"([a-z_.]+)"', code))
    assert kinds[Log.ROOM] >= {"room.created", "comment", "product.added"}
    assert kinds[Log.STAFF] >= {"order", "comments_purged"}
    kinds[Log.STAFF] |= {*GIVEN.values(), *OVER.values(), "comment_deleted", "comment_masked"}
    for log, found in kinds.items():
        assert found - set(wanted_kinds(log, TYPES)) <= UNTOLD
