"""Messages signed with a shared secret, by the Standard Webhooks specification (1.0), both ways. Pure.

What is signed is ``{id}.{timestamp}.{body}``, by HMAC-SHA256; the signature header has one or several
``v1,{base64}`` with blanks between them, of which one must be right (so that a secret can be changed).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from rooms.errors import Refused

PREFIX = "whsec_"
SECRET_BYTES = 32
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64
"""What the specification allows a secret to have."""
TOLERANCE_MS = 300_000
"""How far a message's time may be from ours, either way."""
_ID_MAX, _SIGNATURES_MAX = 255, 10


def new_secret() -> str:
    """A fresh secret, ``whsec_`` and base64."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def shared_key(secret: str) -> bytes:
    """The key of a secret that two sides have agreed on: what ``whsec_`` stands before is base64, anything
    else is taken as it is. Raises ``ValueError`` if it isn't base64."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {PREFIX} is not base64") from error


def secret_key(secret: str) -> bytes:
    """The key of a secret as the specification has it. Raises ``ValueError`` if it isn't one of 24 to 64
    bytes."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    key = shared_key(secret)
    if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
        raise ValueError(f"a secret has {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes, not {len(key)}")
    return key


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """One signature, ``v1,`` and base64, over the headers' texts as they are sent."""
    signed = b"%s.%s.%s" % (message_id.encode(), timestamp.encode(), body)
    return "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def sign(keys: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers to send with ``body``, signed with each of the keys: while one is being replaced,
    there are two.

    ``timestamp_s`` is the time of the attempt in Unix seconds: receivers refuse old ones, so that a recorded
    message can't be played to them again.
    """
    timestamp = str(timestamp_s)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signature(key, message_id, timestamp, body) for key in keys),
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
    wanted = signature(key, message_id, timestamp, body).encode()
    if not any(hmac.compare_digest(wanted, one.encode()) for one in given):
        raise Refused("bad_signature", "No signature fits the body.")
    if abs(now_ms - int(timestamp) * 1000) > TOLERANCE_MS:
        raise Refused("bad_signature", "webhook-timestamp is too far from the time here.")
