"""Trails' heads to keep elsewhere: whoever can write a whole trail anew can't write what is kept there. Pure.

A file of heads says when it was made, and has a MAC by a key that is made of the node's secret: so it can lie
where others could change it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from moderation.audit.chain import digest
from moderation.audit.verify import Anchors

VERSION = 1
_HEADS = b"danmart audit heads 1"


class AnchorError(ValueError):
    """What is wrong with a file of heads."""


@dataclass(frozen=True, slots=True)
class HeadOf:
    trail: str
    seq: int
    hash: bytes


def written(heads: Iterable[HeadOf], made_at_ms: int, secret: bytes) -> bytes:
    """The file: JSON, a head a line."""
    listed = list(heads)
    lines = [orjson.dumps({"trail": h.trail, "seq": h.seq, "hash": h.hash.hex()}) for h in listed]
    start = b'{"version":%d,"made_at_ms":%d,"mac":"%s","heads":[\n' % (
        VERSION,
        made_at_ms,
        _mac(listed, made_at_ms, secret).encode(),
    )
    return start + b",\n".join(lines) + b"\n]}\n"


def read(body: bytes, secret: bytes | None) -> dict[str, Anchors]:
    """The hashes by trails and places. Raises :class:`AnchorError` for what is no such file, or was made with
    another secret or changed since; ``secret`` None: whoever asks answers for that."""
    try:
        said = orjson.loads(body)
        if said["version"] != VERSION:
            raise AnchorError(f"version {said['version']}: not one that is known here")
        made_at_ms = int(said["made_at_ms"])
        heads = [_head(each) for each in said["heads"]]
        mac = str(said["mac"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, AnchorError):
            raise
        raise AnchorError(f"no file of heads: {error!r}") from error
    if secret is not None and not hmac.compare_digest(mac, _mac(heads, made_at_ms, secret)):
        raise AnchorError("made with another secret, or changed since")
    found: dict[str, dict[int, bytes]] = {}
    for head in heads:
        found.setdefault(head.trail, {})[head.seq] = head.hash
    return dict(found)


def _head(each: dict[str, Any]) -> HeadOf:
    if not isinstance(each["trail"], str) or not isinstance(each["seq"], int):
        raise TypeError("trail: a text; seq: a number")
    return HeadOf(each["trail"], each["seq"], bytes.fromhex(each["hash"]))


def _mac(heads: Iterable[HeadOf], made_at_ms: int, secret: bytes) -> str:
    parts = [_HEADS, b"%d" % made_at_ms]
    for head in heads:
        parts += (head.trail.encode(), b"%d" % head.seq, head.hash)
    key = hmac.digest(secret, _HEADS, "sha256")
    return hmac.new(key, digest(*parts), "sha256").hexdigest()
