"""A shop's published keys (JWKS, RFC 7517), fetched when needed and kept while they can't be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from rooms.errors import Refused

Fetch = Callable[[str], Awaitable[bytes]]
"""Gives the body at an address; raises ``OSError`` if it can't be had."""

PublicKey = RSAPublicKey | Ed25519PublicKey | Ed448PublicKey

FRESH_MS = 3_600_000
STALE_MAX_MS = 86_400_000
"""How long old keys are still believed while new ones can't be fetched: a shop's outage, not a revocation."""
RETRY_MS = 10_000
"""Between two fetches at least, whatever tokens with unknown key ids arrive."""
KEYS_MAX = 100
RSA_MIN_BITS = 2048

_KEY_TYPES = {"RS256": "RSA", "EdDSA": "OKP"}


class KeySet:
    """The keys of one address for one algorithm. Safe to cancel; one fetch at a time."""

    def __init__(self, url: str, alg: str, fetch: Fetch) -> None:
        self._url = url
        self._alg = alg
        self._fetch = fetch
        self._keys: dict[str | None, PublicKey] = {}
        self._fetched_ms: int | None = None
        self._tried_ms: int | None = None
        self._failed = False
        self._fetching = asyncio.Lock()

    async def key(self, kid: str | None, now_ms: int) -> PublicKey:
        """The key called ``kid``; for a token that names none, the only one there is.

        Raises ``Refused``: ``bad_token`` if the shop doesn't publish such a key, ``temporarily_unavailable``
        if it can't be asked.
        """
        key = self._find(kid)
        fresh = self._younger_than(FRESH_MS, now_ms)
        if key is None or not (fresh or self._fetching.locked()):  # who has an old key needn't wait too
            await self._refresh(now_ms)
            key = self._find(kid)
        if key is not None and self._younger_than(STALE_MAX_MS, now_ms):
            return key
        if self._failed:
            raise Refused("temporarily_unavailable", "The shop's keys can't be fetched at the moment.")
        raise Refused("bad_token", "The token is signed with a key that the shop doesn't publish.")

    def _find(self, kid: str | None) -> PublicKey | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _younger_than(self, age_ms: int, now_ms: int) -> bool:
        return self._fetched_ms is not None and now_ms - self._fetched_ms < age_ms

    async def _refresh(self, now_ms: int) -> None:
        async with self._fetching:
            if self._tried_ms is not None and now_ms - self._tried_ms < RETRY_MS:
                return  # just tried, perhaps by who held the lock
            self._tried_ms = now_ms
            self._failed = True  # until proved otherwise: a cancelled fetch has failed too
            with suppress(OSError, ValueError):
                self._keys = parse_key_set(await self._fetch(self._url), self._alg)
                self._failed = False
                self._fetched_ms = now_ms


def parse_key_set(body: bytes, alg: str) -> dict[str | None, PublicKey]:
    """The usable signature keys for ``alg`` by key id; others in the set are passed over (RFC 7517, 5).

    Raises ``ValueError`` if ``body`` is no key set or has nothing usable in it.
    """
    try:
        entries = json.loads(body)["keys"]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a key set") from error
    if not isinstance(entries, list) or len(entries) > KEYS_MAX:
        raise ValueError("not a key set of a sane size")
    keys: dict[str | None, PublicKey] = {}
    for entry in entries:
        if isinstance(entry, dict) and _usable(entry, alg):
            try:
                keys[entry.get("kid")] = check_public_key(jwt.PyJWK(entry, alg).key, alg)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
    if not keys:
        raise ValueError(f"no key for {alg} in the set")
    return keys


def _usable(entry: Mapping[str, Any], alg: str) -> bool:
    kid = entry.get("kid")
    return (
        entry.get("kty") == _KEY_TYPES[alg]
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", alg) == alg
        and (kid is None or isinstance(kid, str))
    )


def check_public_key(key: object, alg: str) -> PublicKey:
    """``key``, if it is a public key that fits ``alg`` and is long enough; raises ``ValueError`` else."""
    if alg == "RS256":
        if not isinstance(key, RSAPublicKey):
            raise ValueError("RS256 needs an RSA public key")
        if key.key_size < RSA_MIN_BITS:
            raise ValueError(f"the RSA key has {key.key_size} bits, fewer than {RSA_MIN_BITS}")
        return key
    if not isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        raise ValueError("EdDSA needs an Ed25519 or Ed448 public key")
    return key
