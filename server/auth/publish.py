"""What a publisher shows at the WHIP door: a stream key, or the studio's short token."""

from __future__ import annotations

import hashlib
import secrets

import jwt

from rooms.errors import Refused
from server.auth.claims import decode, subject
from server.auth.derive import derive

STREAM_KEY_PREFIX = "dm_live_"
_NAME = "danmart-publish"


class PublishTokens:
    """Short tokens for the studio, bound to a room and a user, good on every node with the same secret."""

    LIFE_MS = 5 * 60_000

    def __init__(self, node_secret: bytes) -> None:
        self._key = derive(node_secret, "publish-token")

    def mint(self, room: str, user_id: str, now_ms: int) -> tuple[str, int]:
        """A token, and when it runs out (Unix ms)."""
        expires_s = (now_ms + self.LIFE_MS) // 1000
        claims = {"iss": _NAME, "aud": _NAME, "sub": user_id, "room": room, "exp": expires_s}
        return jwt.encode(claims, self._key, "HS256"), expires_s * 1000

    def verify(self, token: str, now_ms: int) -> tuple[str, str]:
        """The room and the user id that ``token`` is for.

        Raises ``Refused``: ``bad_token``, ``token_expired``.
        """
        claims = decode(token, self._key, "HS256", issuer=_NAME, audience=_NAME, now_ms=now_ms)
        room = claims.get("room")
        if not isinstance(room, str):
            raise Refused("bad_token")
        return room, subject(claims)


class StreamKeys:
    """Long-lived keys for OBS and the like. Only their hash is stored; a key is shown once."""

    @staticmethod
    def new_key() -> tuple[str, str]:
        """A new key, and its hash for the store."""
        key = STREAM_KEY_PREFIX + secrets.token_urlsafe(24)
        return key, StreamKeys.hash_key(key)

    @staticmethod
    def hash_key(key: str) -> str:
        """SHA-256 in hex. No salt and no stretching: 192 random bits can't be guessed from it."""
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    @staticmethod
    def is_key(bearer: str) -> bool:
        """Whether a bearer credential has a stream key's form, so that it is looked up as one."""
        return bearer.startswith(STREAM_KEY_PREFIX)
