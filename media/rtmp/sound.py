"""A publisher's AAC as Opus, which WebRTC takes: converted in a worker thread, never in the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import av
from av import AudioFrame, Packet

log = logging.getLogger(__name__)

RATE = 48_000
OPUS_SAMPLES = 960  # 20 ms, the length that every WebRTC peer expects
BITRATE = 96_000
_MOST_PENDING = 128  # frames of 1024 samples: not quite three seconds
_MOST_DRIFT = RATE // 10  # the encoder's timestamps are rounded to ms; further off, sound is missing


class Timed(NamedTuple):
    """``time`` in samples of 48 kHz since the publisher's zero."""

    time: int
    data: bytes


class AacToOpus:
    """One publisher's sound. Not thread-safe, but may move between threads."""

    def __init__(self, extradata: bytes) -> None:
        self._decoder = av.CodecContext.create("aac", "r")
        self._decoder.extradata = extradata
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.sample_rate = RATE
        self._encoder.layout = "stereo"
        self._encoder.format = "s16"
        self._encoder.bit_rate = BITRATE
        self._encoder.options = {"application": "audio", "frame_duration": "20"}
        self._resampler = self._new_resampler()
        self._next: int | None = None  # where the next Opus packet belongs
        self._heard = 0  # where the sound that has gone in ends

    def convert(self, frames: list[Timed]) -> list[Timed]:
        """What is whole with these frames, in order. A frame that can't be decoded is left out."""
        made: list[Timed] = []
        for frame in frames:
            try:
                decoded = self._decoder.decode(Packet(frame.data))
            except av.FFmpegError:
                continue
            for sound in decoded:
                if isinstance(sound, AudioFrame):
                    self._place(frame.time)
                    made += self._encode(sound)
        return made

    def _place(self, time: int) -> None:
        """Keeps the count of samples, unless the publisher's timestamps have gone elsewhere."""
        if self._next is None or abs(time - self._heard) > _MOST_DRIFT:
            self._resampler = self._new_resampler()
            self._next = self._heard = time

    def _encode(self, sound: AudioFrame) -> list[Timed]:
        self._heard += sound.samples * RATE // sound.sample_rate
        sound.pts = None
        made = []
        for part in self._resampler.resample(sound):
            part.pts = None
            for packet in self._encoder.encode(part):
                made.append(Timed(self._next or 0, bytes(packet)))
                self._next = (self._next or 0) + OPUS_SAMPLES
        return made

    @staticmethod
    def _new_resampler() -> av.AudioResampler:
        return av.AudioResampler(format="s16", layout="stereo", rate=RATE, frame_size=OPUS_SAMPLES)


class OpusLine:
    """Frames in, Opus out in the same order: at most one job is under way. Belongs to the event loop.

    When the worker can't keep up, the oldest frames are dropped and become a hole; ``dropped`` counts them.
    """

    def __init__(self, converter: AacToOpus, pool: Executor, give: Callable[[list[Timed]], None]) -> None:
        self._converter, self._pool, self._give = converter, pool, give
        self._pending: deque[Timed] = deque()
        self._job: asyncio.Future[list[Timed]] | None = None
        self._closed = False
        self.dropped = 0

    def push(self, frame: Timed) -> None:
        """Returns at once."""
        if len(self._pending) >= _MOST_PENDING:
            self._pending.popleft()
            self.dropped += 1
        self._pending.append(frame)
        self._work()

    def close(self) -> None:
        """Nothing is given any more, whatever is under way."""
        self._closed = True
        self._pending.clear()

    def _work(self) -> None:
        if self._job is not None or not self._pending or self._closed:
            return
        batch = list(self._pending)
        self._pending.clear()
        self._job = asyncio.get_running_loop().run_in_executor(self._pool, self._converter.convert, batch)
        self._job.add_done_callback(self._done)

    def _done(self, job: asyncio.Future[list[Timed]]) -> None:
        self._job = None
        if job.cancelled() or self._closed:
            return
        if error := job.exception():
            log.error("a publisher's sound could not be converted; it goes on without", exc_info=error)
            self._closed = True
            return
        self._give(job.result())
        self._work()
