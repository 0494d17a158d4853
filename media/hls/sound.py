"""Hands a room's sound to a worker thread and takes it back as AAC, without ever holding the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from media.hls.boxes import Sample
from media.hls.transcode import OpusPacket, OpusToAac

log = logging.getLogger(__name__)

_MOST_PENDING = 100  # packets of 20 ms: two seconds


class SoundLine:
    """At most one job is under way, so frames come back in order; ``give`` gets them in the event loop.

    When the worker can't keep up, the oldest packets are dropped and become silence; ``on_drop`` counts them.
    """

    def __init__(
        self,
        bitrate: int,
        pool: Executor,
        give: Callable[[list[Sample]], None],
        on_drop: Callable[[], None],
    ) -> None:
        self._bitrate, self._pool, self._give, self._on_drop = bitrate, pool, give, on_drop
        self._converter = OpusToAac(bitrate)
        self._pending: deque[OpusPacket] = deque()
        self._job: asyncio.Future[list[Sample]] | None = None
        self._closed = False

    def push(self, packet: OpusPacket) -> None:
        """Returns at once."""
        if len(self._pending) >= _MOST_PENDING:
            self._pending.popleft()
            self._on_drop()
        self._pending.append(packet)
        self._work()

    def close(self) -> None:
        """Nothing is given any more, whatever is under way."""
        self._closed = True
        self._pending.clear()

    async def drain(self) -> None:
        """Waits until everything pushed so far has been given."""
        while self._job is not None:
            await asyncio.wait([self._job])
            await asyncio.sleep(0)  # the job's callback comes first

    def _work(self) -> None:
        if self._job is not None or not self._pending or self._closed:
            return
        batch = list(self._pending)
        self._pending.clear()
        loop = asyncio.get_running_loop()
        self._job = loop.run_in_executor(self._pool, self._converter.convert, batch)
        self._job.add_done_callback(self._done)

    def _done(self, job: asyncio.Future[list[Sample]]) -> None:
        self._job = None
        if job.cancelled() or self._closed:
            return
        error = job.exception()
        if error is not None:
            log.error("the sound could not be converted; starting afresh", exc_info=error)
            self._converter = OpusToAac(self._bitrate)
        else:
            self._give(job.result())
        self._work()
