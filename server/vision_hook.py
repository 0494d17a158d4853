"""Asking somebody else about a picture: a JPEG, signed as webhooks are, answered at once or not at all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from media.vision.mailbox import Frame
from media.vision.process import Away, Seen, Worker
from moderation.filter.hook import CLOSED
from rooms.rows import new_id
from server.outbound import Outbound, OutboundError
from server.signing import secret_key, sign

ANSWER_MAX_BYTES = 16_384
CLASSES_MAX = 200


class HookJudge:
    """A ``Judge``: the worker makes a JPEG of at most 640 pixels a side, the address says what is on it.

    The answer has status 200 and a JSON object with ``classes``, scores from 0 to 1 by class; an empty one
    is fine. Everything else, and whatever takes longer than ``timeout_s``, is ``Away``; who fails again and
    again is left alone for a while.
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
        self._circuit = CLOSED

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        seen = await self._worker.ask(frame, {}, stills=True)
        circuit = self._circuit.let_through(self._clock_ms())
        if circuit is None:
            raise Away("the hook has failed too often")
        self._circuit = circuit
        try:
            scores = await self._ask(seen.still)
        except (OutboundError, TimeoutError, ValueError) as error:
            self._circuit = self._circuit.failed(self._clock_ms())
            raise Away(f"the hook: {error or type(error).__name__}") from error
        self._circuit = self._circuit.succeeded()
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
