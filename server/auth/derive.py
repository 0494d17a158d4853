"""Keys for each purpose, from the node's one secret."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(node_secret: bytes, label: str) -> bytes:
    """32 bytes for the purpose ``label``; one purpose's key tells nothing of another's (HKDF, RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=f"danmart/{label}".encode()).derive(node_secret)
