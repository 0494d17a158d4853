"""Players that Debian brings: FFmpeg and GStreamer. Tests that want them skip where they are absent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil

import pytest

SMALL = (160, 90)
"""Into what GStreamer's pictures are scaled, so that each has as many bytes."""

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs Debian's ffmpeg"
)
needs_gstreamer = pytest.mark.skipif(
    not shutil.which("gst-launch-1.0"),
    reason="needs gstreamer1.0-tools, -plugins-good, -plugins-bad and -libav",
)


async def probe(what: str, data: bytes | None = None) -> dict[str, dict[str, str]]:
    """What ffprobe finds in an address or in ``data``, by kind; fails where it warns of anything."""
    out = await _quiet(
        "ffprobe", "-v", "warning", "-of", "compact=p=0:nk=0",
        "-show_entries", "stream=codec_type,codec_name,width,height,sample_rate,profile",
        what, data=data,
    )  # fmt: skip
    found = {}
    for line in out.decode().splitlines():
        if "codec_type=" in line:
            entries = dict(pair.split("=", 1) for pair in line.split("|") if "=" in pair)
            found[entries["codec_type"]] = entries
    return found


async def decode(address: str, *, seconds: float | None = None, start: int | None = None) -> int:
    """How many pictures FFmpeg makes of an address, picture and sound decoded; fails at a warning.

    ``start`` is the segment to begin with (default: FFmpeg's, three before the end of a live playlist).
    """
    before = ["-live_start_index", str(start)] if start is not None else []
    length = ["-t", str(seconds)] if seconds is not None else []
    out = await _quiet(
        "ffmpeg", "-v", "warning", "-xerror", "-nostdin", *before, "-i", address, *length,
        "-map", "0:v:0", "-f", "framecrc", "-fps_mode", "passthrough", "pipe:1",
        *length, "-map", "0:a:0", "-f", "null", "-",
    )  # fmt: skip
    return sum(line.startswith(b"0,") for line in out.splitlines())


async def show(address: str, count: int, *, legacy: bool = False) -> list[bytes]:
    """``count`` pictures that GStreamer decodes, or all until the end where that comes first.

    By what it chooses itself (``hlsdemux2`` for HLS), or by the older ``hlsdemux``.
    """
    width, height = SMALL
    source = (
        ["souphttpsrc", f"location={address}", "!", "hlsdemux", "!", "decodebin", "caps=video/x-raw"]
        if legacy
        else ["uridecodebin3", f"uri={address}", "caps=video/x-raw"]
    )
    caps = f"video/x-raw,format=GRAY8,width={width},height={height}"
    process = await asyncio.create_subprocess_exec(
        "gst-launch-1.0", "-q", *source, "!", "videoconvert", "!", "videoscale", "!", caps, "!",
        "fdsink", "fd=1", "sync=false",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "GST_DEBUG": "1", "GST_DEBUG_NO_COLOR": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    pictures: list[bytes] = []
    try:
        async with asyncio.timeout(30):
            with contextlib.suppress(asyncio.IncompleteReadError):
                while len(pictures) < count:
                    pictures.append(await process.stdout.readexactly(width * height))
    finally:
        if process.returncode is None:
            process.kill()
        _, problems = await process.communicate()
    assert b"ERROR" not in problems, problems.decode()
    return pictures


async def _quiet(*command: str, data: bytes | None = None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if data is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(40):
            out, problems = await process.communicate(data)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, problems.decode()
    assert problems == b"", problems.decode()
    return out
