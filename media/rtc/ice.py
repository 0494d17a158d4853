"""The ICE agent of a server with known addresses (RFC 8445, 2.5: lite): it answers checks, it starts none.

The client is always controlling; what it nominates is used. Candidates of clients are not needed: a path is
known when an authenticated check has come over it.
"""

from __future__ import annotations

import secrets
import string
import struct
from dataclasses import dataclass

from aioice import stun

_ICE_CHARS = string.ascii_letters + string.digits
_PRFLX_PRIORITY = 110 << 24 | 65535 << 8 | 255


def is_stun(data: bytes) -> bool:
    """Tells STUN from DTLS and SRTP by the first byte (RFC 7983)."""
    return bool(data) and data[0] < 4


def parse(data: bytes) -> stun.Message | None:
    """The message, or ``None`` if it isn't one."""
    try:
        return stun.parse_message(data)
    except (ValueError, struct.error):
        return None


def local_ufrag(message: stun.Message) -> str | None:
    """Whom a binding request is for: the first half of its user name (RFC 8445, 7.2.2)."""
    username = message.attributes.get("USERNAME")
    return username.partition(":")[0] if isinstance(username, str) else None


@dataclass(frozen=True, slots=True)
class Credentials:
    """An ICE user name fragment and password (RFC 8839, 5.4)."""

    ufrag: str
    password: str

    @classmethod
    def generate(cls) -> Credentials:
        def pick(length: int) -> str:
            return "".join(secrets.choice(_ICE_CHARS) for _ in range(length))

        return cls(pick(12), pick(24))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to send back for a check, and what it means for the path it came over."""

    response: bytes
    valid: bool = False
    nominated: bool = False


class IceLite:
    """One peer's side of ICE. Addresses are ``(ip, port)`` without IPv4-in-IPv6 mapping."""

    def __init__(self, remote: Credentials) -> None:
        self.local = Credentials.generate()
        self.remote = remote
        self._probe: tuple[bytes, float] | None = None
        self.rtt_ms: float | None = None

    def restart(self, remote: Credentials) -> None:
        """New credentials on both sides (RFC 8445, 9)."""
        self.local, self.remote = Credentials.generate(), remote

    def check(self, message: stun.Message, address: tuple[str, int]) -> Verdict | None:
        """Judges a binding request; ``None`` when it is not authentic and must not be answered."""
        username = message.attributes.get("USERNAME")
        if message.message_method != stun.Method.BINDING or message.message_class != stun.Class.REQUEST:
            return None
        if username != f"{self.local.ufrag}:{self.remote.ufrag}":
            return None
        if not message.check_message_integrity(self.local.password.encode()):
            return None
        if "ICE-CONTROLLED" in message.attributes:  # a lite agent never controls: RFC 8445, 7.3.1.1
            return Verdict(self._reply(message, stun.Class.ERROR, "ERROR-CODE", (487, "Role Conflict")))
        response = self._reply(message, stun.Class.RESPONSE, "XOR-MAPPED-ADDRESS", address)
        return Verdict(response, valid=True, nominated="USE-CANDIDATE" in message.attributes)

    def _reply(self, request: stun.Message, kind: stun.Class, name: str, value: object) -> bytes:
        reply = stun.Message(request.message_method, kind, request.transaction_id, {name: value})
        reply.add_message_integrity(self.local.password.encode())
        return bytes(reply)

    def probe(self, now_ms: float) -> bytes:
        """A binding request of our own, only to measure the round trip."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self.remote.ufrag}:{self.local.ufrag}"
        request.attributes["PRIORITY"] = _PRFLX_PRIORITY
        request.attributes["ICE-CONTROLLED"] = 0
        request.add_message_integrity(self.remote.password.encode())
        self._probe = (request.transaction_id, now_ms)
        return bytes(request)

    def probe_answered(self, message: stun.Message, now_ms: float) -> bool:
        """Takes the answer to ``probe``; false if it isn't one."""
        if self._probe is None or message.transaction_id != self._probe[0]:
            return False
        if not message.check_message_integrity(self.remote.password.encode()):
            return False
        self.rtt_ms = now_ms - self._probe[1]
        self._probe = None
        return True
