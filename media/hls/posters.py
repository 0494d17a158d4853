"""What a stream looks like at the moment: a picture of each, anew every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from media.hls.thumbnails import NoPicture, keyframe_picture
from media.ports import CmafPart, Period

log = logging.getLogger(__name__)

_SIDE = 640


@dataclass(frozen=True, slots=True)
class Poster:
    """A JPEG, and when its picture was shown, in Unix milliseconds."""

    body: bytes
    at_ms: int


class Posters:
    """The posters of a node's streams, by name. Belongs to the event loop.

    A poster is there from a stream's first keyframe to its end, but not while it is hidden. Between two there
    are ``every_s`` at least, and only one is decoded at a time: with many streams each waits longer.
    """

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.every_s, self.clock = every_s, clock
        self._posters: dict[str, Poster] = {}
        self._taps: dict[str, PosterTap] = {}
        self._blurred: set[str] = set()

    def tap(self, name: str) -> PosterTap:
        """A reader of a new stream's parts; its predecessor's poster stays until it has one."""
        return PosterTap(self, name)

    def find(self, name: str) -> Poster | None:
        """The stream's poster, if it has one."""
        return self._posters.get(name)

    def hide(self, name: str) -> bool:
        """Forgets the poster; the stream gets none any more. Returns whether there was one."""
        if name in self._taps:
            self._taps[name].hidden = True
        return self._posters.pop(name, None) is not None

    def blur(self, name: str, *, on: bool) -> None:
        """From now on the stream's posters are blurred, or no longer; the one that there is goes."""
        if on == (name in self._blurred):
            return
        (self._blurred.add if on else self._blurred.discard)(name)
        self._posters.pop(name, None)
        if name in self._taps:
            self._taps[name].hurry()

    def is_blurred(self, name: str) -> bool:
        return name in self._blurred

    def begun(self, tap: PosterTap) -> None:
        self._taps[tap.name] = tap

    def shown(self, tap: PosterTap, poster: Poster) -> None:
        if self._taps.get(tap.name) is tap and not tap.hidden:
            self._posters[tap.name] = poster

    def ended(self, tap: PosterTap) -> None:
        """Unless another stream of that name has begun."""
        if self._taps.get(tap.name) is tap:
            del self._taps[tap.name]
            self._posters.pop(tap.name, None)
            self._blurred.discard(tap.name)


class PosterTap:
    """A ``PartTap`` that looks at a keyframe now and then."""

    def __init__(self, posters: Posters, name: str) -> None:
        self.name = name
        self.hidden = False
        self._posters = posters
        self._init = b""
        self._due = 0.0
        self._job: asyncio.Task[None] | None = None

    def period(self, period: Period) -> None:
        self._init = period.init
        self._posters.begun(self)

    def part(self, part: CmafPart) -> None:
        busy = self._job is not None and not self._job.done()
        if not part.independent or busy or self.hidden or self._posters.clock() < self._due:
            return
        self._due = self._posters.clock() + self._posters.every_s
        self._job = asyncio.get_running_loop().create_task(self._look(self._init, part))

    def hurry(self) -> None:
        """The next keyframe gives a poster, however short a time ago there was one."""
        self._due = 0.0

    def interrupted(self) -> None:
        pass

    async def close(self) -> None:
        self._posters.ended(self)
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    async def _look(self, init: bytes, part: CmafPart) -> None:
        blurred = self._posters.is_blurred(self.name)
        try:
            body = await keyframe_picture(init, part.data, _SIDE, blurred=blurred)
        except NoPicture as error:
            log.debug("no poster", extra={"room": self.name, "why": str(error)})
        except Exception:
            log.exception("a poster could not be made")
        else:
            if blurred or not self._posters.is_blurred(self.name):
                self._posters.shown(self, Poster(body, part.started_ms))
