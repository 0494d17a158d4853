"""Asking somebody else about a picture: a JPEG, signed as webhooks are, answered at once or not at all."""

from __future__ import annotations

import math
from typing import Any

import orjson

from media.vision.mailbox import Frame
from media.vision.process import Seen, Worker
from server.checker_hook import CheckerHook, message_id

ANSWER_MAX_BYTES = 16_384
CLASSES_MAX = 200


class HookJudge:
    """A ``Judge``: the worker makes a JPEG of at most 640 pixels a side, the address says what is on it.

    The answer has status 200 and a JSON object with ``classes``, scores from 0 to 1 by class; an empty one
    is fine. Everything else, and whatever takes too long, is ``Away``.
    """

    def __init__(self, worker: Worker, hook: CheckerHook) -> None:
        self._worker, self._hook = worker, hook

    async def judge(self, frame: Frame, *, stills: bool = False) -> Seen:
        seen = await self._worker.ask(frame, {}, stills=True)
        scores = await self._hook.ask(
            message_id("pic"), "image/jpeg", seen.still, read_classes, max_bytes=ANSWER_MAX_BYTES
        )
        return Seen(scores, seen.still, seen.blurred, seen.cpu_s)


def read_classes(body: bytes) -> dict[str, float]:
    """The scores in an answer. Raises ``ValueError`` if it isn't as agreed."""
    answer: Any = orjson.loads(body)
    classes = answer.get("classes") if isinstance(answer, dict) else None
    if not isinstance(classes, dict) or len(classes) > CLASSES_MAX:
        raise ValueError("it doesn't answer with classes")
    if not all(is_score(name, score) for name, score in classes.items()):
        raise ValueError("its classes aren't scores by name")
    return {name: float(score) for name, score in classes.items()}


def is_score(name: object, score: object) -> bool:
    """Whether that can be a class and its score."""
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    return isinstance(name, str) and len(name) <= 64 and is_number and math.isfinite(score)  # type: ignore[arg-type]
