"""TURN servers for clients: time-limited credentials, and how WHIP and WHEP hand them out.

The credentials are those of the "TURN REST API" (draft-uberti-behave-turn-rest), which coturn calls
``use-auth-secret``: the user name says until when it holds, the password is an HMAC of it, and nothing has to
be stored on either side.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """TURN servers that share a secret. ``urls`` as RFC 7065 has them (``turn:host:3478?transport=udp``)."""

    urls: tuple[str, ...]
    secret: str
    lifetime_s: int = 43_200

    def credentials(self, now_s: float, name: str = "") -> tuple[str, str]:
        """User name and password, good for ``lifetime_s`` from ``now_s`` (Unix time).

        ``name`` tells users apart in the TURN server's log and quotas; it may be empty.
        """
        username = f"{int(now_s) + self.lifetime_s}" + (f":{name}" if name else "")
        digest = hmac.digest(self.secret.encode(), username.encode(), "sha1")
        return username, base64.b64encode(digest).decode()

    def links(self, now_s: float, name: str = "") -> tuple[str, ...]:
        """Values of ``Link`` headers, one a server (RFC 9725, 4.6; RFC 8288)."""
        username, password = self.credentials(now_s, name)
        told = f'rel="ice-server"; username="{username}"; credential="{password}"; credential-type="password"'
        return tuple(f"<{url}>; {told}" for url in self.urls)
