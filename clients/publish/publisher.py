"""Keeps a source published.

The publisher steps aside while it is refused (409: somebody else is live) and comes back; it publishes again
when the server restarts, drops it or falls silent.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import aiohttp

from clients.publish.feed import Source
from clients.publish.whip import WhipRefused, WhipSession, WhipTarget

log = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.5
_RETRY_MOST_S = 15.0
_RETRY_AFTER_MOST_S = 60.0


class Publisher:
    """Keeps ``source`` published at ``target`` until cancelled or refused for good.

    ``on_state`` is told ``"live"`` when a session stands and ``"waiting"`` after it was lost or an attempt
    was refused for now or didn't get through.
    """

    def __init__(
        self,
        target: WhipTarget,
        source: Source,
        on_state: Callable[[str], None] | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._target, self._source, self._rng = target, source, rng
        self._on_state = on_state or (lambda _: None)
        self._failures = 0

    async def run(self) -> None:
        """Publishes until cancelled (then the session is DELETEd first). Raises a final ``WhipRefused``."""
        async with aiohttp.ClientSession() as http:
            while True:
                asked = await self._publish_once(http)
                self._on_state("waiting")
                await asyncio.sleep(retry_delay(self._failures, asked, self._rng()))

    async def _publish_once(self, http: aiohttp.ClientSession) -> float | None:
        """One session from beginning to end; returns how many seconds the server asked to wait, if it did."""
        self._failures += 1
        try:
            feeds = await asyncio.to_thread(self._source.feeds)
            async with WhipSession(http, self._target, feeds) as session:
                self._failures = 0
                self._on_state("live")
                log.info("live at %s", self._target.url)
                log.info("publication lost: %s", await session.wait_lost())
        except WhipRefused as refused:
            if refused.final:
                raise
            log.info("refused for now: %s", refused)
            return refused.retry_after_s
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            log.info("cannot publish: %s", error or type(error).__name__)
        return None


def retry_delay(failures: int, asked_s: float | None, chance: float) -> float:
    """Seconds to wait before trying again: what the server asked for, else doubling from 0.5 s up to 15 s.

    ``failures`` counts attempts in a row that didn't get through; ``chance`` (0-1) spreads many publishers
    over the upper half of the delay.
    """
    if asked_s is not None:
        return min(max(asked_s, 0.0), _RETRY_AFTER_MOST_S) + 0.2 * chance
    most = min(_RETRY_MOST_S, _RETRY_FIRST_S * 2.0 ** min(failures, 10))
    return most * (0.5 + 0.5 * chance)
