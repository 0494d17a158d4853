"""Callers' tokens: which key a token must be proved with, and what it then says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rooms.errors import Refused
from server.auth.claims import Peek, decode, identity, peek
from server.auth.demo import DEMO_ISSUER, DemoTokens
from server.auth.identity import Identity
from server.auth.jwks import Fetch, KeySet, check_public_key
from server.auth.jws import VerificationKey
from server.config import AuthKey, ConfigError, Problem


@dataclass(frozen=True, slots=True)
class _Trusted:
    """One configured key, ready for use: its material, or the set that it is looked up in."""

    config: AuthKey
    material: VerificationKey | KeySet


class Tokens:
    """Verifies callers' tokens against the configured keys, and the demo's own when there is a demo.

    A key's algorithm is fixed by config; what a token's header says of it is never believed. ``shown`` makes
    of who somebody is who they are for others. Raises
    ``ConfigError`` at once if a configured key can't be read.
    """

    def __init__(
        self,
        keys: Sequence[AuthKey],
        fetch: Fetch,
        *,
        leeway_s: int = 30,
        demo: DemoTokens | None = None,
        shown: Callable[[Identity], Identity] = lambda identity: identity,
    ) -> None:
        self._trusted: dict[str, dict[str | None, _Trusted]] = {}
        for index, key in enumerate(keys):
            trusted = _Trusted(key, _material(key, index, fetch))
            self._trusted.setdefault(key.issuer, {})[key.kid] = trusted
        self._leeway_s = leeway_s
        self._demo = demo
        self._shown = shown

    async def verify(self, token: str, now_ms: int) -> Identity:
        """Who ``token`` says the caller is.

        Raises ``Refused``: ``bad_token``, ``token_expired``, or ``temporarily_unavailable`` while the keys of
        the shop can't be fetched.
        """
        claimed = peek(token)
        if self._demo is not None and claimed.issuer == DEMO_ISSUER:
            return self._shown(self._demo.verify(token, now_ms))
        trusted = self._choose(claimed)
        material = trusted.material
        if isinstance(material, KeySet):
            material = await material.key(claimed.kid, now_ms)
        config = trusted.config
        claims = decode(
            token,
            material,
            config.alg,
            issuer=config.issuer,
            audience=config.audience,
            now_ms=now_ms,
            leeway_s=self._leeway_s,
        )
        return self._shown(identity(claims, self._leeway_s))

    def _choose(self, claimed: Peek) -> _Trusted:
        """The issuer's key of that id, else its key without an id, else (no id in the token) its only key."""
        by_id = self._trusted.get(claimed.issuer, {})
        if claimed.kid is not None and claimed.kid in by_id:
            return by_id[claimed.kid]
        if None in by_id:
            return by_id[None]
        if claimed.kid is None and len(by_id) == 1:
            return next(iter(by_id.values()))
        raise Refused("bad_token", "The token's issuer or key is not known here (iss, kid).")


def _material(key: AuthKey, index: int, fetch: Fetch) -> VerificationKey | KeySet:
    if key.secret is not None:
        secret = key.secret.get_secret_value().encode()
        if b"-----BEGIN " in secret or secret.startswith(b"ssh-"):
            # Everybody knows a public key: whoever had it could sign.
            what, advice = "is a public or private key in text form", f"{key.alg} takes a random text"
            raise ConfigError([Problem(f"auth.keys.{index}.secret", what, advice)])
        return secret
    if key.jwks_url is not None:
        return KeySet(key.jwks_url, key.alg, fetch)
    assert key.public_key is not None  # noqa: S101  AuthKey has exactly one of the three
    try:
        return check_public_key(load_pem_public_key(key.public_key.get_secret_value().encode()), key.alg)
    except (ValueError, UnsupportedAlgorithm) as error:
        what = f"is not a public key for {key.alg}: {error}"
        advice = "give it in PEM form, -----BEGIN PUBLIC KEY-----"
        raise ConfigError([Problem(f"auth.keys.{index}.public_key", what, advice)]) from error
