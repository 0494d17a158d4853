"""Boxes of ISO 14496-12: making them, and finding them in what our own packager wrote."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

MATRIX = struct.pack("!9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class Box(NamedTuple):
    """``start`` and ``end`` of what is in the box, ``at`` of the box itself, in the data it was found in."""

    kind: bytes
    at: int
    start: int
    end: int


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes from ``start`` on, not those within them. Raises ``ValueError`` when one is cut off."""
    end = len(data) if end is None else end
    while start < end:
        if end - start < 8:
            raise ValueError("a box is cut off")
        size, kind = struct.unpack_from("!I4s", data, start)
        if size < 8 or start + size > end:
            raise ValueError(f"a box of {size} bytes doesn't fit")
        yield Box(kind, start, start + 8, start + size)
        start += size


def find(data: bytes, path: bytes, start: int = 0, end: int | None = None) -> Box:
    """The first box at a path such as ``b"mdia/minf/stbl"``. Raises ``ValueError`` if there is none."""
    kind, _, rest = path.partition(b"/")
    for box in walk(data, start, end):
        if box.kind == kind:
            return find(data, rest, box.start, box.end) if rest else box
    raise ValueError(f"there is no box {kind.decode('ascii', 'replace')}")


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("!I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack("!I", version << 24 | flags), *parts)
