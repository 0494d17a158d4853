"""Finds the demo's beep in decoded sound: 60 ms of 1 kHz that begin on each full second of the wall clock.

The sound is taken at 8 kHz. Power at 1 kHz is measured over blocks of 5 ms (Goertzel's algorithm); a beep is
a run of loud blocks between quiet ones, and its middle, weighted by power, lies 30 ms after its beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

RATE = 8000
BLOCK = 40  # samples: 5 ms, five periods of 1 kHz
_BLOCK_MS = 1000 * BLOCK / RATE
_HALF_MS = 30.0
_LEAST, _MOST = 9, 18  # blocks: what is shorter or longer is no beep
_LOUD = 0.04  # amplitude; the beep's is 0.25, the chords have nothing at 1 kHz
_COEFFICIENT = 2 * math.cos(2 * math.pi * 1000 / RATE)


def loudness(block: Sequence[int]) -> float:
    """The amplitude at 1 kHz (0..1) of one block of 16-bit samples."""
    before = last = 0.0
    for sample in block:
        before, last = last, sample + _COEFFICIENT * last - before
    power = before * before + last * last - _COEFFICIENT * before * last
    return 2 * math.sqrt(max(0.0, power)) / len(block) / 32768


class Beeps:
    """Takes samples as they come; ``add`` gives the times at which beeps began."""

    def __init__(self) -> None:
        self._left: list[int] = []
        self._left_ms = 0.0
        self._run: list[tuple[float, float]] = []

    def add(self, samples: Sequence[int], at_ms: float) -> list[float]:
        """``samples`` (16 bits, mono, 8 kHz) begin at ``at_ms`` of any clock; times are of the same clock."""
        expected = self._left_ms + 1000 * len(self._left) / RATE
        if abs(at_ms - expected) > _BLOCK_MS:  # something is missing: what was begun means nothing
            self._left, self._run, self._left_ms = [], [], at_ms
        self._left += samples
        found = []
        while len(self._left) >= BLOCK:
            block, self._left = self._left[:BLOCK], self._left[BLOCK:]
            began = self._block(loudness(block), self._left_ms + _BLOCK_MS / 2)
            self._left_ms += _BLOCK_MS
            if began is not None:
                found.append(began)
        return found

    def _block(self, loud: float, middle_ms: float) -> float | None:
        if loud >= _LOUD:
            if len(self._run) <= _MOST:
                self._run.append((middle_ms, loud * loud))
            return None
        run, self._run = self._run, []
        if not _LEAST <= len(run) <= _MOST:
            return None
        return sum(at * power for at, power in run) / sum(power for _, power in run) - _HALF_MS
