"""From a token's text to checked claims. Pure: keys and the time are handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moderation.filter.clean import clean_name
from rooms.errors import Refused
from server.auth.identity import Identity
from server.auth.jws import Unproved, VerificationKey, is_proved, take_apart

TOKEN_MAX_BYTES = 8192
ID_MAX_CHARS = 128
NAME_MAX_CHARS = 40


@dataclass(frozen=True, slots=True)
class Peek:
    """What a token says of itself before anything is proved: good for choosing a key, for nothing else."""

    kid: str | None
    issuer: str


def peek(token: str) -> Peek:
    """The key id and issuer that ``token`` claims. Raises ``Refused("bad_token")``."""
    unproved = _take_apart(token)
    kid, issuer = unproved.header.get("kid"), unproved.claims.get("iss")
    if not isinstance(issuer, str) or not (kid is None or isinstance(kid, str)):
        raise Refused("bad_token", "The token doesn't say who issued it (iss).")
    return Peek(kid, issuer)


def decode(
    token: str, key: VerificationKey, alg: str, *, issuer: str, audience: str, now_ms: int, leeway_s: int = 0
) -> dict[str, Any]:
    """The claims of ``token``, proved with ``key`` by ``alg`` and no other algorithm, and in force now.

    Raises ``Refused``: ``bad_token``, ``token_expired``.
    """
    unproved = _take_apart(token)
    if not is_proved(unproved, key, alg):
        raise Refused("bad_token")
    claims = unproved.claims
    for name in ("exp", "iss", "aud"):
        if claims.get(name) is None:
            raise Refused("bad_token", f"The token lacks the claim {name}.")
    if claims["iss"] != issuer or not _is_for(audience, claims["aud"]):
        raise Refused("bad_token", "The token was made for somebody else (iss or aud).")
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
        name=clean_name(name, NAME_MAX_CHARS) or nameless(user_id),
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


def _take_apart(token: str) -> Unproved:
    if len(token) > TOKEN_MAX_BYTES:
        raise Refused("bad_token", "The token is too long.")
    try:
        return take_apart(token)
    except ValueError:
        raise Refused("bad_token", "The token is no JWT.") from None


def _is_for(audience: str, said: Any) -> bool:
    """One audience or a list of them (RFC 7519, 4.1.3)."""
    if isinstance(said, list):
        return audience in said and all(isinstance(one, str) for one in said)
    return bool(said == audience)


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


def nameless(user_id: str) -> str:
    """A name for who has none. Not the id itself: shops use addresses and phone numbers as ids."""
    return f"user-{hashlib.sha256(user_id.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
