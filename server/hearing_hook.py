"""Asking somebody else about what is said: a WAV, signed as webhooks are, answered in time or not at all."""

from __future__ import annotations

from dataclasses import replace

import orjson

from media.hearing.answers import Said, read_said
from media.hearing.process import Heard, Listener
from media.hearing.windows import Window
from server.checker_hook import CheckerHook, message_id

ANSWER_MAX_BYTES = 65_536


class HookJudge:
    """A ``Judge``: the worker makes a WAV (16 kHz, mono, 16 bits), the address says what is said in it. It is
    not asked about windows in which nothing can be heard."""

    def __init__(self, listener: Listener, hook: CheckerHook) -> None:
        self._listener, self._hook = listener, hook

    async def judge(self, window: Window) -> Heard:
        heard = await self._listener.listen(window)
        if heard.quiet:
            return heard
        said = await self._hook.ask(
            message_id("snd"), "audio/wav", heard.wav, read_answer, max_bytes=ANSWER_MAX_BYTES
        )
        return replace(heard, said=said)


def read_answer(body: bytes) -> Said:
    """Raises ``ValueError`` if it isn't as agreed."""
    return read_said(orjson.loads(body))
