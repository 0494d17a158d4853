"""Checkers of the tests: one hears how loud the sound is, others what the test says, or nothing at all."""

from __future__ import annotations

import io
import os
import signal
import time
import wave
from array import array
from collections.abc import Mapping
from typing import Any

from media.hearing.checkers import Check


def read(wav: bytes) -> array[int]:
    """The samples of a WAV, which has to be as checkers are promised."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return array("h", file.readframes(file.getnframes()))


def hear(wav: bytes) -> Mapping[str, Any]:
    samples = read(wav)
    loud = max(samples, default=0) / 32_768
    return {"hits": [{"label": "loud", "score": loud}], "text": f"{len(samples)} samples", "language": "en"}


def make() -> Check:
    return hear


def says() -> Check:
    """What it hears is in a file that the test writes."""

    def check(wav: bytes) -> Mapping[str, Any]:
        with open(os.environ["HEARING_TEST_SAYS"], encoding="utf-8") as file:  # noqa: PTH123
            return {"hits": [], "text": file.read(), "language": "en"}

    return check


def garbles() -> Check:
    return lambda wav: {"hits": "loud"}


def raises() -> Check:
    def check(wav: bytes) -> Mapping[str, Any]:
        raise LookupError("too loud for me")

    return check


def hangs() -> Check:
    def check(wav: bytes) -> Mapping[str, Any]:
        while time.monotonic():  # which takes the processor
            pass
        return {}

    return check


def dies() -> Check:
    def check(wav: bytes) -> Mapping[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    return check
