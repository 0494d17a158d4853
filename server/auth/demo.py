"""The demo's tokens: a key of their own, one room, no operator."""

from __future__ import annotations

import secrets

import jwt

from moderation.filter.clean import clean_name
from moderation.permissions import Role
from rooms.errors import Refused
from server.auth.claims import NAME_MAX_CHARS, decode, expiry_ms, subject
from server.auth.derive import derive
from server.auth.identity import Identity

DEMO_ROOM = "demo"
DEMO_ISSUER = "danmart-demo"
LIFE_MS = 12 * 3_600_000

_ROLES = (Role.VIEWER, Role.MODERATOR, Role.HOST)


class DemoTokens:
    """Mints and verifies tokens for the room ``demo``. With ``public``, for viewers only."""

    def __init__(self, node_secret: bytes, *, public: bool) -> None:
        self.roles = (Role.VIEWER,) if public else _ROLES
        # Made from the node's own random secret, so that open pages go on after a restart.
        self._key = derive(node_secret, "demo-token")

    def mint(self, name: str, role: Role, now_ms: int) -> tuple[str, Identity]:
        """A token for a new person with ``role`` in the demo's room, for 12 hours, and who that is.

        Raises ``Refused("forbidden")`` for a role that the demo doesn't hand out.
        """
        if role not in self.roles:
            raise Refused("forbidden", f"The demo gives tokens for {', '.join(self.roles)}.")
        user_id = f"demo-{secrets.token_hex(8)}"
        claims = {
            "iss": DEMO_ISSUER,
            "aud": DEMO_ISSUER,
            "sub": user_id,
            "name": clean_name(name, NAME_MAX_CHARS) or f"Guest {user_id[-4:]}",
            "role": role.value,
            "exp": (now_ms + LIFE_MS) // 1000,
        }
        token = jwt.encode(claims, self._key, "HS256")
        return token, self.verify(token, now_ms)

    def verify(self, token: str, now_ms: int) -> Identity:
        """Who a demo token is for. Raises ``Refused``: ``bad_token``, ``token_expired``."""
        claims = decode(token, self._key, "HS256", issuer=DEMO_ISSUER, audience=DEMO_ISSUER, now_ms=now_ms)
        role = Role(claims["role"])
        if role not in self.roles:
            raise Refused("bad_token", "This token was given before the demo was opened to the public.")
        return Identity(
            id=subject(claims),
            name=claims["name"],
            expires_at_ms=expiry_ms(claims),
            only_room=DEMO_ROOM,
            demo_role=role,
        )
