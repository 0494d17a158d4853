"""How news travel between nodes. Pure.

A message is the sender (8 bytes, so that an echo is known without looking further), the version (1 byte) and
msgpack. Bodies of events go as the JSON bytes that they were committed with: nobody decodes them on the way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgpack

from rooms.log import LogEvent, PrivateEvent, StaffEvent
from server.bus.port import RoomNews

SENDER_BYTES = 8
VERSION = b"\x06"
_START = SENDER_BYTES + len(VERSION)


class UnknownMessageError(ValueError):
    """Not a message of this version; what it says is in SQL."""


def sender_of(message: bytes) -> bytes:
    return message[:SENDER_BYTES]


def encode_room(sender: bytes, news: RoomNews) -> bytes:
    """A room's news as a message; ``room_id`` is the channel's to know."""
    events = [
        (e.epoch, e.offset, e.id, e.kind, e.at_ms, e.user_id, e.visibility, e.body, e.reply_to)
        for e in news.events
    ]
    staff = [(e.seq, e.at_ms, e.kind, e.action, e.body) for e in news.staff]
    content = (
        events,
        staff,
        news.stock,
        news.likes,
        news.origin,
        news.coupons,
        news.counts,
        news.publisher,
    )
    return _encode(sender, content)


def decode_room(room_id: str, message: bytes) -> RoomNews:
    """The inverse of :func:`encode_room`. Raises ``UnknownMessageError``."""
    events, staff, stock, likes, origin, coupons, counts, publisher = _decode(message, 8)
    return RoomNews(
        room_id,
        [LogEvent(room_id, *event) for event in events],
        [StaffEvent(room_id, *event) for event in staff],
        stock,
        likes,
        origin,
        coupons,
        counts,
        publisher,
    )


def encode_user(sender: bytes, events: list[PrivateEvent]) -> bytes:
    """One user's private events as a message."""
    return _encode(sender, [(e.seq, e.at_ms, e.room_id, e.kind, e.body) for e in events])


def decode_user(user_id: str, message: bytes) -> list[PrivateEvent]:
    """The inverse of :func:`encode_user`. Raises ``UnknownMessageError``."""
    return [PrivateEvent(user_id, *event) for event in _decode(message)]


def encode_grown(sender: bytes, room_ids: Collection[str]) -> bytes:
    """Rooms whose logs go on as a message."""
    return _encode(sender, sorted(room_ids))


def decode_grown(message: bytes) -> list[str]:
    """The inverse of :func:`encode_grown`. Raises ``UnknownMessageError``."""
    room_ids: list[str] = _decode(message)
    return room_ids


def _encode(sender: bytes, content: Any) -> bytes:
    packed: bytes = msgpack.packb(content, use_bin_type=True)
    return sender + VERSION + packed


def _decode(message: bytes, length: int | None = None) -> Any:
    if message[SENDER_BYTES:_START] != VERSION:
        raise UnknownMessageError("another version")
    try:
        content = msgpack.unpackb(message[_START:], raw=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise UnknownMessageError(str(error)) from error
    if not isinstance(content, list) or (length is not None and len(content) != length):
        raise UnknownMessageError("another shape")
    return content
