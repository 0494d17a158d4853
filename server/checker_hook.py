"""Asking somebody else about a piece of a stream: signed as webhooks are, answered in time or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from media.checks.keeper import Away
from moderation.filter.hook import CLOSED
from rooms.rows import new_id
from server.outbound import Outbound, OutboundError
from server.signing import secret_key, sign

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to ask: the address, the secret that what is sent is signed with, and how long the answer may
    take."""

    url: str
    secret: str
    timeout_s: float


class CheckerHook:
    """Who fails ``FAILURES_MAX`` times in a row is left alone for a while (``moderation.filter.hook``)."""

    def __init__(self, outbound: Outbound, receiver: Receiver, clock_ms: Callable[[], int]) -> None:
        self._outbound, self._clock_ms = outbound, clock_ms
        self._url, self._timeout_s = receiver.url, receiver.timeout_s
        self._key = secret_key(receiver.secret)
        self._circuit = CLOSED

    async def ask(
        self, message_id: str, content: str, body: bytes, read: Callable[[bytes], T], *, max_bytes: int
    ) -> T:
        """What ``read`` makes of the answer, which has status 200 and at most ``max_bytes``; it raises
        ``ValueError`` for what isn't one. Raises ``Away``: there is no answer, for whatever reason."""
        circuit = self._circuit.let_through(self._clock_ms())
        if circuit is None:
            raise Away("the hook has failed too often")
        self._circuit = circuit
        headers = {
            "Content-Type": content,
            **sign([self._key], message_id, self._clock_ms() // 1000, body),
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._outbound.request(
                    "POST", self._url, headers=headers, body=body, max_bytes=max_bytes
                )
            if answer.status != 200:
                raise ValueError(f"it answers with status {answer.status}")
            said = read(answer.body)
        except (OutboundError, TimeoutError, ValueError) as error:
            self._circuit = self._circuit.failed(self._clock_ms())
            raise Away(f"the hook: {error or type(error).__name__}") from error
        self._circuit = self._circuit.succeeded()
        return said


def message_id(sort: str) -> str:
    """A fresh one; ``sort`` is what it begins with."""
    return f"{sort}_{new_id()}"
