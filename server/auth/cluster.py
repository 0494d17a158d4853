"""What nodes of one cluster show each other: short tokens, each for one receiver, purpose and stream."""

from __future__ import annotations

import base64
import hashlib
import hmac

from rooms.errors import Refused
from server.auth.derive import derive

LIFE_MS = 60_000
SKEW_MS = 60_000
"""How far the clocks of two nodes may be apart."""


class ClusterTokens:
    """``{expires}.{mac}``: an HMAC of who is asked, for what, about which stream, until when. Pure."""

    def __init__(self, node_secret: bytes) -> None:
        self._key = derive(node_secret, "cluster")

    def mint(self, node: str, purpose: str, stream: str, now_ms: int) -> str:
        """A token to show to ``node``; good for a minute."""
        expires_ms = now_ms + LIFE_MS
        return f"{expires_ms}.{self._mac(node, purpose, stream, expires_ms)}"

    def check(self, token: str, node: str, purpose: str, stream: str, now_ms: int) -> None:
        """Raises ``Refused``: ``bad_token``, ``token_expired``."""
        digits, _, mac = token.partition(".")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
            raise Refused("bad_token")
        expires_ms = int(digits)
        expected = self._mac(node, purpose, stream, expires_ms)
        if not hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), expected.encode()):
            raise Refused("bad_token")
        if not expires_ms - LIFE_MS - SKEW_MS <= now_ms < expires_ms + SKEW_MS:
            raise Refused("token_expired")

    def _mac(self, node: str, purpose: str, stream: str, expires_ms: int) -> str:
        said = f"{node}\0{purpose}\0{stream}\0{expires_ms}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, said, hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
