"""FFmpeg as an encoder that speaks RTMP, through PyAV: ``python -m tests.media.rtmp.encoder URL …``.

A process of its own, as PyAV keeps the interpreter's lock while it connects.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import contextlib
import math
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import av

FPS = 20
RATE = 48_000


class Encoder:
    """A running one. ``hold`` keeps the connection and sends nothing; ``stop`` says goodbye."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def stop(self) -> None:
        self._say(b"stop\n")

    def hold(self) -> None:
        self._say(b"hold\n")

    def paint(self, *, red: bool) -> None:
        """From now on the picture is red, or grey as at first."""
        self._say(b"red\n" if red else b"grey\n")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def failed(self) -> str:
        """Waits for its end; what it says of that, empty if it is content."""
        assert self._process.stderr is not None
        said = await self._process.stderr.read()
        await self._process.wait()
        return said.decode()

    def _say(self, word: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(word)


@asynccontextmanager
async def encoding(url: str, **options: object) -> AsyncIterator[Encoder]:
    """FFmpeg publishing to ``url``; options: ``sound``, ``bframes``, ``gop``, ``audio``, ``video``."""
    words = [f"--{name}={value}" for name, value in options.items()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.media.rtmp.encoder", url, *words),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    encoder = Encoder(process)
    try:
        yield encoder
    finally:
        encoder.kill()
        await process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--sound", type=int, default=1)
    parser.add_argument("--bframes", type=int, default=0)
    parser.add_argument("--gop", type=int, default=FPS)
    parser.add_argument("--audio", default="aac")
    parser.add_argument("--video", default="libx264")
    args = parser.parse_args()
    av.logging.restore_default_callback()  # what the server says of a refusal is only logged
    av.logging.set_level(av.logging.ERROR)
    words: set[str] = set()
    threading.Thread(target=_listen, args=(words,), daemon=True).start()
    try:
        with av.open(args.url, "w", format="flv") as out:
            _encode(out, args, words)
    except (OSError, av.FFmpegError) as error:
        sys.exit(f"{error}")


def _listen(words: set[str]) -> None:
    for line in sys.stdin:
        if line.strip() == "grey":
            words.discard("red")
        words.add(line.strip())


def _encode(out: av.container.OutputContainer, args: argparse.Namespace, words: set[str]) -> None:
    video = out.add_stream(args.video, rate=FPS)
    video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
    video.time_base = Fraction(1, 1000)
    if args.video == "libx264":
        tune = {} if args.bframes else {"tune": "zerolatency"}
        video.options = {"preset": "ultrafast", "bf": str(args.bframes), "g": str(args.gop), **tune}
    audio = out.add_stream(args.audio, rate=RATE) if args.sound else None
    if audio is not None:
        audio.layout = "stereo"
    start, samples = time.monotonic(), 0
    for count in range(10_000):
        if "stop" in words:
            break
        if "hold" in words:
            time.sleep(60)
        out.mux(video.encode(shade(count, red="red" in words)))
        while audio is not None and samples < (count + 1) * RATE // FPS:
            out.mux(audio.encode(tone(samples)))
            samples += 960
        time.sleep(max(0.0, start + count / FPS - time.monotonic()))
    for stream in (video, audio):
        if stream is not None:
            out.mux(stream.encode(None))


def shade(count: int, *, red: bool = False) -> av.VideoFrame:
    """Each picture is brighter than the one before, but for red ones, which have stripes."""
    picture = av.VideoFrame(160, 120, "yuv420p")
    values = (80, 90, 240) if red else (16 + count * 3 % 220, 128, 128)
    for plane, value in zip(picture.planes, values, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    if red:
        luma = picture.planes[0]
        luma.update((bytes([60]) * 8 + bytes([100]) * 8) * (luma.buffer_size // 16))
    picture.pts, picture.time_base = count * 1000 // FPS, Fraction(1, 1000)
    return picture


def tone(at: int, count: int = 960) -> av.AudioFrame:
    """Stereo, 440 Hz."""
    wave = array.array("f", (0.3 * math.sin((at + i) * 2 * math.pi * 440 / RATE) for i in range(count)))
    frame = av.AudioFrame("fltp", "stereo", count)
    for plane in frame.planes:
        plane.update(wave.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
    return frame


if __name__ == "__main__":
    main()
