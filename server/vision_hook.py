"""Asking somebody else about a picture: a JPEG, signed as webhooks are, answered at once or not at all."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from media.vision.mailbox import Frame
from media.vision.process import Away, Seen, Worker
from rooms.rows import new_id
from server.outbound import Outbound, OutboundError
from server.signing import secret_key, sign

ANSWER_MAX_BYTES = 16_384
CLASSES_MAX = 200


class Breaker:
    """Leaves somebody alone who has failed several times in a row: for a while, then one try. Pure."""

    def __init__(self, failures: int = 5, pause_s: float = 30.0) -> None:
        self._failures, self._pause_s = failures, pause_s
        self._bad = 0
        self._open_until = 0.0

    def may(self, now: float) -> bool:
        """Whether to ask now. Of those who ask while it is being tried again, only one may."""
        if self._bad < self._failures:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self._pause_s
        return True

    def good(self) -> None:
        self._bad = 0

    def bad(self, now: float) -> None:
        self._bad += 1
        if self._bad >= self._failures:
            self._open_until = now + self._pause_s


class HookJudge:
    """A ``Judge``: the worker makes a JPEG of at most 640 pixels a side, the address says what is on it.

    The answer has status 200 and a JSON object with ``classes``, scores from 0 to 1 by class; an empty one
    is fine. Everything else, and whatever takes longer than ``timeout_s``, is ``Away``.
    """

    def __init__(
        self,
        worker: Worker,
        outbound: Outbound,
        url: str,
        secret: str,
        timeout_s: float,
        clock_ms: Callable[[], int],
    ) -> None:
        self._worker, self._outbound, self._url = worker, outbound, url
        self._key, self._timeout_s, self._clock_ms = secret_key(secret), timeout_s, clock_ms
        self._breaker = Breaker()

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        seen = await self._worker.ask(frame, {}, stills=True)
        if not self._breaker.may(time.monotonic()):
            raise Away("the hook has failed too often")
        try:
            scores = await self._ask(seen.still)
        except (OutboundError, TimeoutError, ValueError) as error:
            self._breaker.bad(time.monotonic())
            raise Away(f"the hook: {error or type(error).__name__}") from error
        self._breaker.good()
        return Seen(scores, seen.still, seen.blurred, seen.cpu_s)

    async def _ask(self, jpeg: bytes) -> Mapping[str, float]:
        headers = {
            "Content-Type": "image/jpeg",
            **sign([self._key], f"pic_{new_id()}", self._clock_ms() // 1000, jpeg),
        }
        async with asyncio.timeout(self._timeout_s):
            answer = await self._outbound.request(
                "POST", self._url, headers=headers, body=jpeg, max_bytes=ANSWER_MAX_BYTES
            )
        if answer.status != 200:
            raise ValueError(f"it answers with status {answer.status}")
        return read_classes(answer.body)


def read_classes(body: bytes) -> dict[str, float]:
    """The scores in an answer. Raises ``ValueError`` if it isn't as agreed."""
    answer: Any = orjson.loads(body)
    classes = answer.get("classes") if isinstance(answer, dict) else None
    if not isinstance(classes, dict) or len(classes) > CLASSES_MAX:
        raise ValueError("it doesn't answer with classes")
    for name, score in classes.items():
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        if not is_number or not math.isfinite(score) or len(name) > 64:
            raise ValueError("its classes aren't scores by name")
    return {name: float(score) for name, score in classes.items()}
