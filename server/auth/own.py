"""The node's own key: tokens that ``danmart token`` and ``danmart host-link`` sign, before a shop does."""

from __future__ import annotations

import jwt
from pydantic import SecretStr

from server.auth.derive import derive
from server.config import AuthKey

ISSUER = "danmart"


def own_key(secret: bytes) -> AuthKey:
    """The key to trust beside the configured ones; good on every node with the same secret."""
    return AuthKey(
        kid="danmart-own", alg="HS256", issuer=ISSUER, audience=ISSUER, secret=SecretStr(_derived(secret))
    )


def sign(
    secret: bytes, user_id: str, name: str, *, now_ms: int, life_s: int, operator: bool, may_host: bool
) -> str:
    """A token by the node's own key."""
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": user_id,
        "name": name,
        "exp": now_ms // 1000 + life_s,
        "operator": operator,
        "may_host": may_host,
    }
    return jwt.encode(claims, _derived(secret).encode(), "HS256", headers={"kid": "danmart-own"})


def _derived(secret: bytes) -> str:
    return derive(secret, "own-token").hex()
