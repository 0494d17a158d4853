"""One room's stream as it is served: the window, who waits for its next part, and the bytes they all get."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from media.hls import playlist
from media.hls.bell import Bell
from media.hls.boxes import VIDEO_RATE
from media.hls.config import HlsConfig
from media.hls.h264 import VideoConfig
from media.hls.window import Window

if TYPE_CHECKING:
    from media.hls.ladder import Ladder

_NOMINAL_BANDWIDTH = 2_000_000  # until a segment has been measured
_MEASURED = 64
_COUNTED = 8  # releases (about two seconds) that the estimate of viewers looks back on


class TooManyWaiting(Exception):  # noqa: N818  it is an answer, not a fault
    """No more requests may wait at the moment."""


@dataclass(frozen=True)
class Rendered:
    """A playlist's bytes, made once for everybody who asks for this version of it."""

    body: bytes
    etag: str

    @cached_property
    def gzipped(self) -> bytes:
        """The same, compressed on first use."""
        packer = zlib.compressobj(5, wbits=31)
        return packer.compress(self.body) + packer.flush()


class Waiting:
    """Counts the requests that wait, over all rooms of the node."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most

    def enter(self) -> None:
        """Raises ``TooManyWaiting`` when the bound is reached."""
        if self.count >= self._most:
            raise TooManyWaiting
        self.count += 1

    def leave(self) -> None:
        self.count -= 1


class _Turn:
    """One request's waiting, for handlers that are coroutines."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def woken(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def come(self) -> None:
        await self._future
        self._future = asyncio.get_running_loop().create_future()


class Stream:
    """Belongs to the event loop. Whoever changes ``window`` calls ``changed`` afterwards."""

    def __init__(self, window: Window, config: HlsConfig, waiting: Waiting) -> None:
        self.window, self.config = window, config
        self.video: VideoConfig | None = None
        self.has_audio = False
        self.frame_rate = 0.0
        self.closed = False
        self.ladder: Ladder | None = None
        self.siblings: Callable[[], Sequence[tuple[str, Stream]]] = tuple
        self.waiting = waiting
        self.bell = Bell()
        self._released: deque[int] = deque(maxlen=_COUNTED)
        self._rendered: dict[bool, tuple[str, Rendered]] = {}

    @property
    def viewers(self) -> int:
        """About how many watch: the most requests that waited for one of the last parts."""
        return max(self._released, default=0)

    @property
    def codecs(self) -> str:
        """What a player has to know (RFC 6381); empty before the first picture."""
        if self.video is None:
            return ""
        return f"{self.video.codec},mp4a.40.2" if self.has_audio else self.video.codec

    def changed(self) -> None:
        """Wakes everybody who waits; each looks whether what it waits for is there."""
        self._released.append(len(self.bell))
        self.bell.ring()

    def close(self) -> None:
        """Releases everybody; nothing is waited for any more."""
        self.closed = True
        self.changed()

    async def wait(self, ready: Callable[[], bool], timeout: float) -> bool:
        """Waits until ``ready()``, for ``timeout`` seconds at most; returns what it is then.

        Raises ``TooManyWaiting``. Safe to cancel.
        """
        if ready() or self.closed:
            return ready()
        self.waiting.enter()
        turn = _Turn()
        try:
            async with asyncio.timeout(timeout):
                while not ready() and not self.closed:
                    self.bell.wait(turn)
                    await turn.come()
        except TimeoutError:
            pass
        finally:
            self.bell.leave(turn)
            self.waiting.leave()
        return ready()

    def media(self, *, skip: bool) -> Rendered:
        """The media playlist as of now."""
        others = [(name, stream.window) for name, stream in self.siblings() if stream is not self]
        version = ".".join(str(window.version) for window in (self.window, *(w for _, w in others)))
        known = self._rendered.get(skip)
        if known is None or known[0] != version:
            text = playlist.media(self.window, self.config, skip=skip, reports=others)
            known = version, Rendered(text.encode(), f'"{self.window.stream}-{version}{"d" if skip else ""}"')
            self._rendered[skip] = known
        return known[1]

    def multivariant(self) -> Rendered | None:
        """The multivariant playlist, ``None`` before the first picture."""
        if self.video is None:
            return None
        variants = [("media.m3u8", self._variant(self.frame_rate))]
        variants += [
            (name, stream._variant(self.frame_rate)) for name, stream in self.siblings() if stream is not self
        ]
        body = playlist.multivariant(variants).encode()
        return Rendered(body, f'"{self.window.stream}-{zlib.crc32(body):08x}"')

    def rendition(self, name: str) -> Stream | None:
        """The stream behind a media playlist's name."""
        if name == "media.m3u8":
            return self
        return dict(self.siblings()).get(name)

    def holder(self, name: str) -> Stream:
        """The stream, of this and its renditions, that a file belongs to by its name."""
        prefix = name.partition("-")[0]
        for _, stream in self.siblings():
            if stream.window.stream == prefix:
                return stream
        return self

    @property
    def is_ready(self) -> bool:
        """Whether the multivariant playlist can be made, with all that will be in it."""
        return self.video is not None and (self.ladder is None or self.ladder.is_ready)

    def _variant(self, frame_rate: float) -> playlist.Variant:
        width, height = self.video.size if self.video is not None else (0, 0)
        return playlist.Variant(self.codecs, width, height, *self._bandwidth(), frame_rate)

    def _bandwidth(self) -> tuple[int, int]:
        """Peak and average of the newest complete segments, in bits a second."""
        newest = islice(reversed(self.window.segments), _MEASURED)
        whole = [segment for segment in newest if segment.data is not None]
        rates = [segment.size * 8 * VIDEO_RATE // max(1, segment.duration) for segment in whole]
        if not rates:
            return _NOMINAL_BANDWIDTH, _NOMINAL_BANDWIDTH
        average = sum(s.size for s in whole) * 8 * VIDEO_RATE // max(1, sum(s.duration for s in whole))
        return max(rates), average
