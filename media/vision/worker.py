"""The process that decodes and looks: ``python -m media.vision.worker CHECKER MEMORY_BYTES JOB_S``.

It reads jobs from its standard input and answers on its standard output, one after the other, and ends when
the input does. What it decodes was sent by strangers, so it has little: a bound on its memory, a low
priority, and clocks that kill it if one job takes too long, whether or not the node is still there.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import av
from PIL import Image, ImageOps

from media.vision.blur import soften
from media.vision.checkers import SIDE_MAX, Check, CheckerError, load
from media.vision.rules import findings
from media.vision.wire import Head, pack, receive_now

NICENESS = 10
PIXELS_MAX = 4096 * 2304
STILL_SIDE, BLURRED_SIDE = 640, 320
LOAD_S, PATIENCE = 30.0, 5
UNREADABLE = (av.FFmpegError, OSError, IndexError, ValueError, SyntaxError, Image.DecompressionBombError)
_FORMATS = ("JPEG", "PNG", "WEBP")


class Undecodable(Exception):  # noqa: N818  it is an answer, not a fault
    """There is no picture in it, or too large a one."""


def main(arguments: list[str]) -> int:
    """Until the input ends."""
    checker, memory, job_s = arguments[0], int(arguments[1]), float(arguments[2])
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not do so into our answers
    _become_small(memory)
    try:
        with _limited(LOAD_S):
            check = load(checker)
    except CheckerError as error:
        print(error, file=sys.stderr)
        return 1
    _send(answers, {"ready": True, "memory": _memory_bytes()})
    while (job := receive_now(jobs)) is not None:
        with _limited(job_s):
            head, still = _answer(check, *job)
        _send(answers, head, still)
    return 0


def _answer(check: Check, job: Head, body: bytes) -> tuple[Head, bytes]:
    began = time.process_time()
    head: Head = {"id": job["id"]}
    stills = b""
    if job["kind"] != "ping":
        try:
            picture = decode(job["kind"], body, job["cut"])
            scores = {name: float(score) for name, score in check(picture).items()}
            head["scores"] = scores
            if job["stills"] or findings(scores, job["thresholds"]):
                still = _jpeg(picture, STILL_SIDE)
                head["cut"] = len(still)
                stills = still + _jpeg(soften(_small(picture, BLURRED_SIDE)), BLURRED_SIDE)
        except Undecodable as error:
            head["undecodable"] = str(error)
        except MemoryError:
            raise  # whatever it was, a fresh process is better now
        except Exception as error:
            print(f"the checker failed: {error!r}", file=sys.stderr)
            head["failed"] = repr(error)[:200]
    return head | {"cpu_s": time.process_time() - began, "memory": _memory_bytes()}, stills


def decode(kind: str, body: bytes, cut: int) -> Image.Image:
    """The picture in RGB, at most ``SIDE_MAX`` a side. Raises ``Undecodable``."""
    try:
        if kind == "image":
            picture = _from_file(body)
        elif kind == "vp8":
            picture = _first(av.CodecContext.create("vp8", "r"), [av.Packet(body)])
        else:
            picture = _from_part(body)
    except (
        av.FFmpegError,
        OSError,
        IndexError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:
        raise Undecodable(f"{type(error).__name__}: {error}"[:200]) from error
    picture.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.BILINEAR)
    return picture


def _from_file(body: bytes) -> Image.Image:
    """What is transparent is seen on white, as on most pages."""
    with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
        if image.width * image.height > PIXELS_MAX * 5:
            raise Undecodable("a picture of that size is not decoded")
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    ground = Image.new("RGB", upright.size, "white")
    ground.paste(upright, mask=upright.getchannel("A"))
    return ground


def _from_part(body: bytes) -> Image.Image:
    with av.open(io.BytesIO(body), "r", format="mp4") as container:
        stream = container.streams.video[0]
        if not 0 < stream.codec_context.width * stream.codec_context.height <= PIXELS_MAX:
            raise Undecodable("a picture of that size is not decoded")
        return _first(stream.codec_context, container.demux(stream))


def _first(decoder: av.CodecContext, packets: Iterable[av.Packet[Any]]) -> Image.Image:
    """Decodes the first packet alone; with the flush after it its picture comes, whatever a decoder holds."""
    if not isinstance(decoder, av.VideoCodecContext):
        raise Undecodable("this isn't a picture's codec")
    decoder.thread_count = 1
    for packet in packets:
        for frame in [*decoder.decode(packet), *decoder.decode(None)]:
            if frame.width * frame.height > PIXELS_MAX:
                raise Undecodable("a picture of that size is not decoded")
            image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
            return image
        break
    raise Undecodable("there is no picture in it")


def _small(picture: Image.Image, side: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((side, side))
    return small


def _jpeg(picture: Image.Image, side: int) -> bytes:
    out = io.BytesIO()
    _small(picture, side).save(out, "JPEG", quality=75)
    return out.getvalue()


def _become_small(memory: int) -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX * 5


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """The kernel ends the process if it takes more of the processor, or ``PATIENCE`` times as long by the
    clock: beside busy loops a nice process may wait. No handler could end it while C code runs."""
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _memory_bytes() -> int:
    """What the process has in memory now; the most that it had, where that can't be told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _send(answers: BinaryIO, head: Mapping[str, object], body: bytes = b"") -> None:
    answers.write(pack(dict(head), body))
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
