"""One attempt at one delivery: a signed request through the client that guards this machine's network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from server.outbound import Outbound, OutboundError
from server.signing import secret_key, sign
from server.webhooks.schedule import ABSENT, PAUSE_MAX_MS
from server.webhooks.tables import EndpointRow

BODY_MAX_BYTES = 262_144
ERROR_MAX_CHARS = 300
GONE = 410


class Outcome(StrEnum):
    """How an attempt ended: taken (2xx), refused (somebody answered otherwise), absent (nobody there, or
    nobody who could take anything), gone (410: don't come again)."""

    TAKEN = "taken"
    REFUSED = "refused"
    ABSENT = "absent"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Attempt:
    """``http_status`` is None if there was no answer; then ``error`` says why."""

    outcome: Outcome
    http_status: int | None
    error: str | None
    took_ms: int
    retry_after_ms: int = 0


class Post:
    """Sends messages. Nothing of an answer but its status is read: what a receiver says is nobody's news."""

    def __init__(self, outbound: Outbound, clock_ms: Callable[[], int]) -> None:
        self._outbound = outbound
        self._clock_ms = clock_ms

    async def send(self, endpoint: EndpointRow, message_id: str, body: bytes) -> Attempt:
        """Raises nothing but ``CancelledError``, which leaves open whether it arrived."""
        now_ms = self._clock_ms()
        keys = [secret_key(secret) for secret in endpoint.secrets(now_ms)]
        signed = {
            "Content-Type": "application/json",
            **sign(keys, f"msg_{message_id}", now_ms // 1000, body),
        }
        begun = time.monotonic()

        def took_ms() -> int:
            return round((time.monotonic() - begun) * 1000)

        if len(body) > BODY_MAX_BYTES:
            return Attempt(Outcome.REFUSED, None, f"the body has more than {BODY_MAX_BYTES} bytes", 0)
        try:
            answer = await self._outbound.request(
                "POST", endpoint.url, headers=signed, body=body, want_body=False
            )
        except OutboundError as error:
            return Attempt(Outcome.ABSENT, None, str(error)[:ERROR_MAX_CHARS], took_ms())
        return Attempt(
            outcome_of(answer.status),
            answer.status,
            _why(answer.status),
            took_ms(),
            _retry_after_ms(answer.headers.get("retry-after", "")),
        )

    async def check(self, url: str) -> None:
        """Raises ``OutboundError`` if the address isn't one that may be asked, or has no such name."""
        await self._outbound.check(url)


def outcome_of(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.TAKEN
    if status == GONE:
        return Outcome.GONE
    return Outcome.ABSENT if status in ABSENT else Outcome.REFUSED


def _why(status: int) -> str | None:
    if 300 <= status < 400:
        return "redirects are not followed: give the final address"
    return None


def _retry_after_ms(text: str) -> int:
    """``Retry-After`` in seconds (RFC 9110, 10.2.3), bounded; a date is not worth the trouble."""
    return min(int(text) * 1000, PAUSE_MAX_MS) if text.isascii() and text.isdigit() and len(text) < 8 else 0
