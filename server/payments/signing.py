"""Messages signed with a shared secret, by the Standard Webhooks specification (1.0), both ways. Pure.

What is signed is ``{id}.{timestamp}.{body}``, by HMAC-SHA256; the signature header has one or several
``v1,{base64}`` with blanks between them, of which one must be right (so that a secret can be changed).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping

from rooms.errors import Refused

TOLERANCE_MS = 300_000
"""How far a message's time may be from ours, either way."""
_ID_MAX, _SIGNATURES_MAX = 255, 10


def secret_key(secret: str) -> bytes:
    """The key of a secret: what ``whsec_`` stands before is base64, anything else is taken as it is.

    Raises ``ValueError`` if it isn't base64."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is not base64") from error


def sign(key: bytes, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
    """The three headers to send with ``body``."""
    timestamp = str(now_ms // 1000)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(key, message_id, timestamp, body)}",
    }


def verify(key: bytes, headers: Mapping[str, str], body: bytes, now_ms: int) -> None:
    """Raises ``Refused("bad_signature")`` unless ``body`` was signed with ``key``, about now.

    ``headers`` have lower-case names. The time is looked at last, so that only who has the key learns
    whether it was right.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    if not message_id or len(message_id) > _ID_MAX or len(given) > _SIGNATURES_MAX:
        raise Refused("bad_signature", "Send webhook-id, webhook-timestamp and webhook-signature.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused("bad_signature", "webhook-timestamp: seconds since 1970, please.")
    wanted = f"v1,{_signature(key, message_id, timestamp, body)}".encode()
    if not any(hmac.compare_digest(wanted, one.encode()) for one in given):
        raise Refused("bad_signature", "No signature fits the body.")
    if abs(now_ms - int(timestamp) * 1000) > TOLERANCE_MS:
        raise Refused("bad_signature", "webhook-timestamp is too far from the time here.")


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return b64encode(mac.digest()).decode()
