"""What the node and its worker say to each other: a JSON head and bytes, both preceded by their lengths.

Eight bytes (two lengths, big-endian), then the head, then the body. Whoever reads refuses what is longer than
agreed, so that a worker gone wrong can't fill the node's memory.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, Protocol

_LENGTHS = struct.Struct(">II")
HEAD_MAX = 65_536
BODY_MAX = 16 * 1024 * 1024

Head = dict[str, Any]


class WireError(ValueError):
    """What came is no message of ours."""


class _Reads(Protocol):
    async def readexactly(self, n: int) -> bytes: ...


def pack(head: Head, body: bytes = b"") -> bytes:
    """One message. Raises ``WireError`` if it is longer than allowed."""
    encoded = json.dumps(head).encode()
    if len(encoded) > HEAD_MAX or len(body) > BODY_MAX:
        raise WireError("too long to be sent")
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


async def receive(reader: _Reads) -> tuple[Head, bytes]:
    """The next message. Raises ``WireError``, and ``asyncio.IncompleteReadError`` at the end."""
    head, body = _checked(await reader.readexactly(_LENGTHS.size))
    return _head(await reader.readexactly(head)), await reader.readexactly(body)


def receive_now(file: BinaryIO) -> tuple[Head, bytes] | None:
    """The same from a file, waiting for it; None at the end. Raises ``WireError``."""
    start = file.read(_LENGTHS.size)
    if len(start) < _LENGTHS.size:
        return None
    head, body = _checked(start)
    return _head(file.read(head)), file.read(body)


def _checked(lengths: bytes) -> tuple[int, int]:
    head, body = _LENGTHS.unpack(lengths)
    if head > HEAD_MAX or body > BODY_MAX:
        raise WireError("longer than agreed")
    return head, body


def _head(encoded: bytes) -> Head:
    try:
        head = json.loads(encoded)
    except ValueError as error:
        raise WireError("the head is no JSON") from error
    if not isinstance(head, dict):
        raise WireError("the head is no object")
    return head
