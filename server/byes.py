"""How a connection is told that the server ends it: the message ``bye`` of docs/protocol.md."""

from __future__ import annotations

from typing import Any

_MESSAGES = {
    "token_expired": "Your token has run out: connect again with a new one.",
    "slow": "Your connection could not keep up.",
    "shutting_down": "This server is going away: connect again.",
    "room_gone": "The room is gone.",
    "banned": "You are banned.",
    "replaced": "You are connected elsewhere.",
}


def bye(code: str, *, reconnect: bool, retry_after_ms: int | None = None) -> dict[str, Any]:
    """The payload of ``bye``."""
    payload: dict[str, Any] = {"code": code, "message": _MESSAGES[code], "reconnect": reconnect}
    if retry_after_ms is not None:
        payload["retry_after_ms"] = retry_after_ms
    return payload
