"""From a token's text to checked claims. Pure: keys and the time are handed in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from moderation.filter.clean import clean_name
from rooms.errors import Refused
from server.auth.identity import Identity

TOKEN_MAX_BYTES = 8192
ID_MAX_CHARS = 128
NAME_MAX_CHARS = 40

VerificationKey = bytes | RSAPublicKey | Ed25519PublicKey | Ed448PublicKey

# Everything is required by ``decode`` below; the times are checked against the time that is handed in.
_OPTIONS: Any = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Peek:
    """What a token says of itself before anything is proved: good for choosing a key, for nothing else."""

    kid: str | None
    issuer: str


def peek(token: str) -> Peek:
    """The key id and issuer that ``token`` claims. Raises ``Refused("bad_token")``."""
    if len(token) > TOKEN_MAX_BYTES or not token.isascii():
        raise Refused("bad_token", "The token is too long, or no JWT.")
    # Read by our own means, because the library would take as long as for the proof. Where the two differ
    # in what they make of a token, ``decode`` has the last word.
    try:
        header, payload, _ = token.split(".")
        kid, issuer = _object(header).get("kid"), _object(payload).get("iss")
    except ValueError:
        raise Refused("bad_token", "The token is no JWT.") from None
    if not isinstance(issuer, str) or not (kid is None or isinstance(kid, str)):
        raise Refused("bad_token", "The token doesn't say who issued it (iss).")
    return Peek(kid, issuer)


def decode(
    token: str, key: VerificationKey, alg: str, *, issuer: str, audience: str, now_ms: int, leeway_s: int = 0
) -> dict[str, Any]:
    """The claims of ``token``, proved with ``key`` by ``alg`` and no other algorithm, and in force now.

    Raises ``Refused``: ``bad_token``, ``token_expired``.
    """
    try:
        claims = jwt.decode(token, key, [alg], options=_OPTIONS, issuer=issuer, audience=audience)
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
        raise Refused("bad_token", "The token was made for somebody else (iss or aud).") from None
    except jwt.MissingRequiredClaimError as error:
        raise Refused("bad_token", f"The token lacks the claim {error.claim}.") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Refused("bad_token") from None
    now_s = now_ms / 1000
    if _time(claims, "exp") + leeway_s <= now_s:
        raise Refused("token_expired")
    if "nbf" in claims and _time(claims, "nbf") - leeway_s > now_s:
        raise Refused("bad_token", "The token is not valid yet (nbf): check the clocks.")
    return claims


def identity(claims: Mapping[str, Any], leeway_s: int = 0) -> Identity:
    """The caller that proved claims speak of. Raises ``Refused("bad_token")`` if they are out of form."""
    name = claims.get("name", "")
    if not isinstance(name, str):
        raise Refused("bad_token", "The claim name is not a text.")
    user_id = subject(claims)
    return Identity(
        id=user_id,
        name=clean_name(name, NAME_MAX_CHARS) or _nameless(user_id),
        operator=_flag(claims, "operator"),
        may_host=_flag(claims, "may_host"),
        expires_at_ms=expiry_ms(claims, leeway_s),
    )


def subject(claims: Mapping[str, Any]) -> str:
    """The user's id. Raises ``Refused("bad_token")``."""
    user_id = claims.get("sub")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= ID_MAX_CHARS or not user_id.isprintable():
        raise Refused("bad_token", f"The claim sub should be 1 to {ID_MAX_CHARS} printable characters.")
    return user_id


def expiry_ms(claims: Mapping[str, Any], leeway_s: int = 0) -> int:
    """When the token stops being accepted, Unix ms."""
    return int((_time(claims, "exp") + leeway_s) * 1000)


def _object(part: str) -> dict[str, Any]:
    """A part of a token (RFC 7515, 2) as the JSON object that it is. Raises ``ValueError``."""
    read = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(read, dict):
        raise ValueError("not a JSON object")
    return read


def _time(claims: Mapping[str, Any], claim: str) -> float:
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("bad_token", f"The claim {claim} is not a time (seconds since 1970).")
    if not 0 <= value < 1e11:  # the year 5138: who sends more has sent milliseconds; NaN is refused too
        raise Refused("bad_token", f"The claim {claim} is not in seconds since 1970.")
    return value


def _flag(claims: Mapping[str, Any], claim: str) -> bool:
    value = claims.get(claim, False)
    if not isinstance(value, bool):
        raise Refused("bad_token", f"The claim {claim} is not true or false.")
    return value


def _nameless(user_id: str) -> str:
    """A name for who has none. Not the id itself: shops use addresses and phone numbers as ids."""
    return f"user-{hashlib.sha256(user_id.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
