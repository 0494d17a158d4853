"""What goes over the socket: Engine.IO v4 packets with Socket.IO v5 packets in them. No I/O."""

from __future__ import annotations

from typing import Any

import orjson

NAMESPACE = b"/live"
ENGINE_OPEN, ENGINE_CLOSE, ENGINE_PING = b"0", b"1", b"2"
CONNECTED, DISCONNECTED = b"40/live,", b"41/live,"
EVENT, ACK, CONNECT_ERROR = b"42/live,", b"43/live,", b"44/live,"
EVENTS = b'42/live,["events",'
PONG = b"3"

MARK = "~"
"""A comment of ours begins with it; the nanoseconds at which it was sent (Unix time) follow."""


def upgrade_request(host: str, port: int) -> bytes:
    """The HTTP request that opens the socket. No extensions are offered: no compression."""
    return (
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n\r\n"
    ).encode()


def connect_packet(token: str | None) -> bytes:
    return b"40/live," + (orjson.dumps({"token": token}) if token else b"")


def command_packet(name: str, payload: dict[str, Any], ack: int) -> bytes:
    return b"42/live,%d%b" % (ack, orjson.dumps([name, payload]))


def parse_ack(packet: bytes) -> tuple[int, dict[str, Any]]:
    """An acknowledgement's number and its object. Raises ``ValueError``."""
    start = packet.index(b"[")
    body = orjson.loads(packet[start:])
    return int(packet[len(ACK) : start]), body[0] if body and isinstance(body[0], dict) else {}


def parse_event(packet: bytes) -> tuple[str, dict[str, Any]]:
    """A server's message and its payload. Raises ``ValueError``."""
    name, *rest = orjson.loads(packet[len(EVENT) :])
    return str(name), rest[0] if rest and isinstance(rest[0], dict) else {}


def stamped(text_bytes: int, now_ns: int) -> str:
    """A comment's text that says when it was sent, at least as long as asked for."""
    text = f"{MARK}{now_ns:019d} load"
    # Figures of its own: a comment that is like many others, or a line of one sign, is refused as nuisance.
    return text + (f" {now_ns:019d}"[::-1] * (text_bytes // 20 + 1))[: max(0, text_bytes - len(text))]


def stamp_of(text: Any) -> int | None:
    """When a comment was sent, in nanoseconds; None if it isn't one of ours."""
    if not isinstance(text, str) or not text.startswith(MARK):
        return None
    digits = text[1:20]
    return int(digits) if len(digits) == 19 and digits.isdecimal() else None
