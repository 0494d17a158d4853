"""From the entries of a room's logs to the messages of webhooks: which types there are, and what they say.

Pure. A message is named after its place in the log, so that whoever makes it again gives it the same id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from rooms.log import LogEvent, StaffEvent, Visibility


class Log(StrEnum):
    """A room's logs: what everybody sees, and what its staff sees, orders among it."""

    ROOM = "room"
    STAFF = "staff"


_PUBLIC: dict[str, tuple[str, ...]] = {
    "room.created": ("room.created",),
    "room.status": ("room.idle", "room.live", "room.interrupted", "room.ended"),
    "room.changed": ("room.changed",),
    "room.pause": ("room.pause",),
    "stream.blurred": ("stream.blurred",),
    "product.added": ("product.added", "stock.changed"),
    "product.changed": ("product.changed", "stock.changed"),
    "product.removed": ("product.removed",),
    "product.moved": ("product.moved",),
    "product.pinned": ("product.pinned",),
    "product.unpinned": ("product.unpinned",),
    "explaining.started": ("explaining.started",),
    "explaining.stopped": ("explaining.stopped",),
    "sale.scheduled": ("sale.scheduled",),
    "sale.started": ("sale.started",),
    "sale.ended": ("sale.ended",),
    "coupon.dropped": ("coupon.dropped",),
    "coupon.closed": ("coupon.closed",),
    "gift": ("gift.given",),
    "gift.refunded": ("gift.refunded",),
    "lottery.opened": ("lottery.opened",),
    "lottery.closed": ("lottery.closed",),
    "lottery.drawn": ("lottery.drawn",),
    "lottery.ended": ("lottery.ended",),
    "quiz.opened": ("quiz.opened",),
    "quiz.asked": ("quiz.asked",),
    "quiz.closed": ("quiz.closed",),
    "quiz.ended": ("quiz.ended",),
    "poll.opened": ("poll.opened",),
    "poll.closed": ("poll.closed",),
    "poll.ended": ("poll.ended",),
    "packet.opened": ("packet.opened",),
    "packet.ended": ("packet.ended",),
    "guest.joined": ("guest.joined",),
    "guest.left": ("guest.left",),
    "stage.layout": ("stage.layout",),
    "recording.started": ("recording.started",),
    "recording.stopped": ("recording.stopped",),
    "comment": ("comment.created",),
    "comment.deleted": ("comment.deleted",),
    "comment.masked": ("comment.masked",),
    "comment.purged": ("comment.purged",),
    "comment.restored": ("comment.restored",),
    "avatar.removed": ("avatar.removed",),
}
_ORDER_STATUSES = ("held", "paid", "cancelled", "expired", "refunded")
_STAFF: dict[str, tuple[str, ...]] = {
    "order": (
        *(f"order.{status}" for status in _ORDER_STATUSES),
        "payment.succeeded",
        "payment.refunded",
        "stock.changed",
    ),
    "order_address": ("order.addressed",),
    "payment": (
        "payment.failed",
        "payment.refund_due",
        "payment.refund_failed",
        "payment.refunded",
    ),
    "stock": ("stock.changed",),
    "muted": ("moderation.muted",),
    "unmuted": ("moderation.unmuted",),
    "banned": ("moderation.banned",),
    "unbanned": ("moderation.unbanned",),
    "shadowed": ("moderation.shadowed",),
    "unshadowed": ("moderation.unshadowed",),
    "watched": ("moderation.watched",),
    "unwatched": ("moderation.unwatched",),
    "restricted": ("moderation.restricted",),
    "unrestricted": ("moderation.unrestricted",),
    "evasion_hint": ("moderation.evasion_hint",),
    "address_banned": ("moderation.address_banned",),
    "address_unbanned": ("moderation.address_unbanned",),
    "warned": ("moderation.warned",),
    "warning_accepted": ("moderation.warning_accepted",),
    "comment_deleted": ("moderation.comment_deleted",),
    "comment_masked": ("moderation.comment_masked",),
    "comments_purged": ("moderation.comments_purged",),
    "avatar_removed": ("moderation.avatar_removed",),
    "modes": ("moderation.modes_changed",),
    "shield": ("moderation.shield",),
    "picture_hit": ("moderation.picture_hit",),
    "picture_over": ("moderation.picture_over",),
    "sound_hit": ("moderation.sound_hit",),
    "sound_over": ("moderation.sound_over",),
    "comment_refused": ("moderation.comment_refused",),
    "review": ("moderation.review_changed",),
    "review_full": ("moderation.review_full",),
    "role": ("moderation.role_changed",),
    "followed": ("host.followed",),
    "guest": ("guest.changed",),
    "recording": ("recording.ready", "recording.failed"),
    "recording_trouble": ("recording.trouble",),
}
_KINDS = {Log.ROOM: _PUBLIC, Log.STAFF: _STAFF}
# What an order's change of status says of its payment, and whether it moved stock.
_PAYMENT_OF_ORDER = {"paid": "payment.succeeded", "refunded": "payment.refunded"}

TYPES: tuple[str, ...] = tuple(
    sorted({name for kinds in _KINDS.values() for names in kinds.values() for name in names})
)
PING = "webhook.ping"


def matches(pattern: str, name: str) -> bool:
    """Whether a filter's entry covers a type: its name, ``order.*``, or ``*`` for all but ``comment.*``."""
    if pattern == "*":
        return not name.startswith("comment.")
    return name == pattern or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


def is_pattern(text: str) -> bool:
    """Whether there is anything that the entry covers."""
    return any(matches(text, name) for name in TYPES)


def wanted_types(patterns: Iterable[str]) -> frozenset[str]:
    chosen = tuple(patterns)
    return frozenset(name for name in TYPES if any(matches(pattern, name) for pattern in chosen))


def wanted_kinds(log: Log, types: Collection[str]) -> tuple[str, ...]:
    """The kinds of entries that have to be read for these types."""
    chosen = frozenset(types)
    return tuple(kind for kind, names in _KINDS[log].items() if not chosen.isdisjoint(names))


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell. ``subject`` is what it is about: of one subject, one after another is sent.

    ``latest``: it says how something is now, not what happened; its ``data`` is filled in when it is sent,
    and of several in a row the last one will do.
    """

    id: str
    type: str
    room_id: str
    log: Log
    epoch: str
    position: int
    at_ms: int
    subject: str
    data: dict[str, Any]
    latest: bool = False


def message_id(log: Log, room_id: str, epoch: str, position: int, type_: str, about: str = "") -> str:
    """32 hexadecimal digits, the same for the same place in the same log."""
    place = "\0".join((log, room_id, epoch, str(position), type_, about))
    return hashlib.sha256(place.encode()).hexdigest()[:32]


def of_room(event: LogEvent) -> list[Message]:
    """The messages that an entry of the public log makes."""
    wire = orjson.loads(event.body)
    data, user = wire["data"], wire.get("user")
    if event.kind not in _PUBLIC or event.visibility == Visibility.SHADOW:
        return []
    base = (event.room_id, Log.ROOM, event.epoch, event.offset, event.at_ms)
    said: dict[str, Any] = {**data, **({"user": user} if user else {})}
    if event.kind == "comment":
        shown = event.visibility == Visibility.ALL
        name, said = "comment.created", {"id": event.id, "shown": shown, **said}
    elif event.kind == "room.status":
        name = f"room.{data['status']}"
    else:
        name = event.kind
    made = [_message(*base, name, _subject(name, data, event.room_id), said)]
    if event.kind in ("product.added", "product.changed"):
        made += _stock(base, [sku["id"] for sku in data["product"].get("skus", [])])
    return made


def of_staff(event: StaffEvent, epoch: str) -> list[Message]:
    """The messages that an entry of the staff's log makes. ``epoch`` is the room's."""
    if event.kind not in _STAFF:
        return []
    data = orjson.loads(event.body)["data"]
    base = (event.room_id, Log.STAFF, epoch, event.seq, event.at_ms)
    if event.kind == "order":
        return list(_of_order(base, data))
    if event.kind == "stock":
        return _stock(base, [data["sku"]])
    if event.kind == "payment":
        payment = data["payment"]
        return [_message(*base, f"payment.{payment['status']}", f"order:{payment.get('order')}", data)]
    if event.kind == "recording":
        name = f"recording.{data['recording']['status']}"
        return [_message(*base, name, _subject(name, data, event.room_id), data)]
    name = _STAFF[event.kind][0]
    return [_message(*base, name, _subject(name, data, event.room_id), data)]


_Base = tuple[str, Log, str, int, int]


def _of_order(base: _Base, data: dict[str, Any]) -> Iterator[Message]:
    order = data["order"]
    subject = f"order:{order['id']}"
    yield _message(*base, f"order.{order['status']}", subject, data)
    if payment := _PAYMENT_OF_ORDER.get(order["status"]):
        paid = {"order": order["id"], "amount_minor": order["total_minor"], "currency": order["currency"]}
        yield _message(*base, payment, subject, {"payment": paid})
    if order["sku"]:  # a top-up has none
        yield from _stock(base, [order["sku"]])


def _stock(base: _Base, skus: Iterable[str]) -> list[Message]:
    return [_message(*base, "stock.changed", f"sku:{sku}", {"sku": sku}, about=sku) for sku in skus]


def _message(
    room_id: str,
    log: Log,
    epoch: str,
    position: int,
    at_ms: int,
    name: str,
    subject: str,
    data: dict[str, Any],
    about: str = "",
) -> Message:
    return Message(
        message_id(log, room_id, epoch, position, name, about),
        name,
        room_id,
        log,
        epoch,
        position,
        at_ms,
        subject,
        data,
        latest=name == "stock.changed",
    )


def _subject(name: str, data: dict[str, Any], room_id: str) -> str:
    """People are moderated one by one, comments come one by one; everything else is about the room."""
    if name.startswith("comment."):
        return f"comment:{data.get('id', room_id)}"
    if name.startswith("moderation."):
        user = data.get("user") or data.get("sanction", {}).get("user") or {}
        return f"user:{user.get('id')}"
    return f"room:{room_id}"


def payload(message: Message, data: dict[str, Any], *, texts: bool) -> bytes:
    """The body: ``{type, timestamp, data}``. Without ``texts`` nothing in it is what viewers wrote."""
    said = dict(data)
    if not texts and message.type.startswith(("comment.", "moderation.")):
        said.pop("text", None)
        if isinstance(said.get("reply_to"), dict):
            said["reply_to"] = {k: v for k, v in said["reply_to"].items() if k != "text"}
    place = {"room": message.room_id, "log": message.log.value, "offset": message.position}
    return body_of(message.type, message.at_ms, place | said)


def body_of(type_: str, at_ms: int, data: dict[str, Any]) -> bytes:
    """``timestamp`` is when it happened, ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    timestamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": type_, "timestamp": timestamp, "data": data})
