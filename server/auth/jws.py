"""Signed tokens in their compact form (RFC 7515, 3.1; RFC 7519), taken apart and proved. Pure.

The proofs are PyJWT's (``jwt.algorithms``). Taking apart is ours: the library looks at every character in a
loop, and decodes twice what was to be decoded once; that was the dearest part of letting a newcomer in.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

VerificationKey = bytes | RSAPublicKey | Ed25519PublicKey | Ed448PublicKey

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

_ALGORITHMS: dict[str, tuple[Algorithm, tuple[type, ...]]] = {
    "HS256": (HMACAlgorithm(HMACAlgorithm.SHA256), (bytes,)),
    "RS256": (RSAAlgorithm(RSAAlgorithm.SHA256), (RSAPublicKey,)),
    "EdDSA": (OKPAlgorithm(), (Ed25519PublicKey, Ed448PublicKey)),
}


@dataclass(frozen=True, slots=True)
class Unproved:
    """What a token says, and what is to prove it."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def take_apart(token: str) -> Unproved:
    """A token's parts, not proved. Raises ``ValueError`` for whatever isn't exactly in form.

    There is one way to write a token: bits that nobody reads must be zero, and nothing may be padded.
    """
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise ValueError("not three parts in base64url")
    header, claims, signature = match.groups()
    signed = token[: match.end(2)].encode()
    return Unproved(_object(header), _object(claims), signed, _bytes(signature))


def is_proved(token: Unproved, key: VerificationKey, alg: str) -> bool:
    """Whether ``key`` signed the token by ``alg``, and its header says nothing that we would have to know.

    The header may only agree with ``alg``: it never chooses. A key of another algorithm proves nothing.
    """
    algorithm, kinds = _ALGORITHMS[alg]
    header = token.header
    # An extension that must be understood (RFC 7515, 4.1.11), or a payload in another form (RFC 7797).
    if header.get("alg") != alg or "crit" in header or "b64" in header:
        return False
    return isinstance(key, kinds) and algorithm.verify(token.signed, key, token.signature)


def _object(part: str) -> dict[str, Any]:
    read = orjson.loads(_bytes(part))
    if not isinstance(read, dict):
        raise ValueError("not a JSON object")
    return read


def _bytes(part: str) -> bytes:
    decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if len(part) % 4 and urlsafe_b64encode(decoded).rstrip(b"=") != part.encode():
        raise ValueError("not in the one form that base64url has")
    return decoded
