"""A picture out of a part: its keyframe, decoded alone, beside the loop and behind everything else."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import av
from PIL import Image

from media.vision.blur import soften

_NICENESS = 10
_MOST_WAITING = 8
_MOST_PIXELS = 4096 * 2304
_QUALITY = 78


class NoPicture(Exception):  # noqa: N818  it is an answer, not a fault
    """There is nothing in it that can be decoded, it is too large, or too many others wait."""


class _Worker:
    """One thread for the whole process, begun with the first picture, of a lower priority than all others."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def run(self, init: bytes, part: bytes, max_size: int, *, blurred: bool) -> bytes:
        if self._waiting >= _MOST_WAITING:
            raise NoPicture("too many others wait")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "hls-pictures", initializer=be_nice)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, decode, init, part, max_size, blurred)
        finally:
            self._waiting -= 1


_worker = _Worker()


async def keyframe_picture(init: bytes, part: bytes, max_size: int, *, blurred: bool = False) -> bytes:
    """The first picture of ``part`` (moof and mdat) as a JPEG of at most ``max_size`` pixels a side.

    ``init`` is the part's init section; the part must begin with a keyframe. Takes some 20 ms of a thread at
    720p. Raises ``NoPicture``. Safe to cancel: what is being decoded is then thrown away.
    """
    return await _worker.run(init, part, max_size, blurred=blurred)


def decode(init: bytes, part: bytes, max_size: int, blurred: bool = False) -> bytes:
    """The same, here and now: not for the loop."""
    try:
        with av.open(io.BytesIO(init + part), "r", format="mp4") as container:
            stream = container.streams.video[0]
            size = stream.codec_context.width * stream.codec_context.height
            if not 0 < size <= _MOST_PIXELS:
                raise NoPicture("a picture of that size is not decoded")
            stream.codec_context.thread_count = 1
            frame = _first(container, stream)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise NoPicture("nothing in it can be decoded") from error
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    image.thumbnail((max_size, max_size), Image.Resampling.BILINEAR)
    if blurred:
        image = soften(image)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def _first(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame:
    """Decodes the first packet only; with the flush after it its picture comes, whatever a decoder holds."""
    for packet in container.demux(stream):
        for frame in [*packet.decode(), *stream.codec_context.decode(None)]:
            if isinstance(frame, av.VideoFrame):
                return frame
        break
    raise NoPicture("there is no picture in it")


def be_nice() -> None:
    """Lets the thread that calls it give way to others.

    On Linux a niceness is a thread's own; elsewhere this would slow the whole process, and is left.
    """
    if hasattr(os, "PRIO_PROCESS") and os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
