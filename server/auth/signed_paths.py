"""Addresses that prove their bearer may watch: the same for everybody in a room, so that a CDN can cache."""

from __future__ import annotations

import base64
import hashlib
import hmac

from server.auth.derive import derive

BUCKET_MS = 900_000
SKEW_MS = 60_000
"""How far the clocks of two nodes may be apart."""


class SignedPaths:
    """Signatures of a room and a quarter of an hour, as one path segment ``{quarter}.{mac}``. Pure."""

    def __init__(self, node_secret: bytes) -> None:
        self._key = derive(node_secret, "signed-path")

    def sign(self, room: str, now_ms: int) -> str:
        """The segment for this quarter of an hour; good until the end of the next one, 15 to 30 minutes."""
        return self._segment(room, now_ms // BUCKET_MS)

    def good_until_ms(self, now_ms: int) -> int:
        """When what is signed now runs out."""
        return (now_ms // BUCKET_MS + 2) * BUCKET_MS

    def verify(self, segment: str, room: str, now_ms: int) -> bool:
        """Whether ``segment`` was signed for ``room`` and is still good."""
        digits = segment.partition(".")[0]
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 12):
            return False
        bucket = int(digits)
        starts_ms, ends_ms = bucket * BUCKET_MS - SKEW_MS, (bucket + 2) * BUCKET_MS
        return starts_ms <= now_ms < ends_ms and hmac.compare_digest(
            segment.encode("utf-8", "surrogatepass"), self._segment(room, bucket).encode()
        )

    def _segment(self, room: str, bucket: int) -> str:
        digest = hmac.digest(self._key, f"{bucket}\0{room}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"{bucket}.{base64.urlsafe_b64encode(digest[:16]).rstrip(b'=').decode()}"
