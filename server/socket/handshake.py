"""The opening handshake of a websocket-first client (RFC 6455, 4.2), from a request's head. No I/O.

Only what is beyond doubt is taken; everything else is somebody else's request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

HEAD_END = b"\r\n\r\n"
PATH = "/socket.io/"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_REQUEST = re.compile(r"GET (/[\x21-\x7e]*) HTTP/1\.1")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_BODY = frozenset({"content-length", "transfer-encoding"})


class Headers:
    """A request's headers, of which there may be several of one name."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        self._values.setdefault(name.lower(), []).append(value)

    def getall(self, key: str, default: Sequence[str] = ()) -> Sequence[str]:
        return self._values.get(key.lower(), default)

    def one(self, name: str) -> str | None:
        """The value, if there is exactly one."""
        values = self.getall(name)
        return values[0] if len(values) == 1 else None

    def has_token(self, name: str, token: str) -> bool:
        """Whether a comma-separated header names this token, in whatever case."""
        items = (item.strip().lower() for value in self.getall(name) for item in value.split(","))
        return token in items

    def __contains__(self, name: str) -> bool:
        return name in self._values


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request for an Engine.IO session over a WebSocket from the start."""

    headers: Headers
    host: str
    """The ``Host`` without its port, in lower case."""
    accept: str
    """What proves to the client that its request was understood."""


def read_upgrade(head: bytes) -> Upgrade | None:
    """The handshake in a whole request head (with the empty line), or None if it isn't one for us."""
    if not head.startswith(b"GET " + PATH.encode()):
        return None
    first, *lines = head[: -len(HEAD_END)].decode("latin-1").split("\r\n")
    request = _REQUEST.fullmatch(first)
    headers = _read_headers(lines)
    if request is None or headers is None or not _is_ours(request[1]):
        return None
    host, key = headers.one("host"), headers.one("sec-websocket-key")
    if not host or key is None or not _is_key(key) or headers.one("sec-websocket-version") != "13":
        return None
    if not headers.has_token("upgrade", "websocket") or not headers.has_token("connection", "upgrade"):
        return None
    if any(name in headers for name in _BODY):
        return None
    return Upgrade(headers, _without_port(host), accept_of(key))


def accept_of(key: str) -> str:
    """``Sec-WebSocket-Accept`` for a client's key."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def encode_switching(accept: str) -> bytes:
    """The answer that makes the connection a WebSocket."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def encode_answer(status: str, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """An answer after which the connection ends."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + HEAD_END + body


def _read_headers(lines: list[str]) -> Headers | None:
    headers = Headers()
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            return None
        headers.add(match[1], match[2].rstrip(" \t"))
    return headers


def _is_ours(target: str) -> bool:
    path, _, query = target.partition("?")
    try:
        asked = parse_qs(query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return False
    return (
        path == PATH
        and asked.get("EIO") == ["4"]
        and asked.get("transport") == ["websocket"]
        and "sid" not in asked
    )


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()
