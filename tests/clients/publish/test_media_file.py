"""A file goes round and round without a break."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from clients.publish.media_file import FileSource


def write(path: Path, *, video: bool = True, audio: bool = True) -> Path:
    """A second of a grey picture, 200 × 200, 20 frames a second, and a second of silence at 44.1 kHz."""
    with av.open(str(path), "w") as container:
        picture = (
            container.add_stream("libx264", 20, width=200, height=200, pix_fmt="yuv420p") if video else None
        )
        sound = container.add_stream("aac", 44_100, layout="mono") if audio else None
        if picture is not None:
            for number in range(20):
                container.mux(picture.encode(_grey(number)))
            container.mux(picture.encode(None))
        if sound is not None:
            for number in range(43):
                container.mux(sound.encode(_silence(number)))
            container.mux(sound.encode(None))
    return path


def _grey(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(200, 200, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    frame.pts, frame.time_base = number, Fraction(1, 20)
    return frame


def _silence(number: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate = 44_100
    frame.pts, frame.time_base = number * 1024, Fraction(1, 44_100)
    return frame


def test_both_tracks_go_on_over_the_end(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "clip.mp4"), 320, 180, 25, 300_000)
    video, audio = source.feeds()
    decoder = av.CodecContext.create("h264", "r")
    times, sizes = [], set()
    for i in range(50):
        times.append(video.advance(0.0))
        for frame in decoder.decode(av.Packet(video.packet(keyframe=i == 0))):
            assert isinstance(frame, av.VideoFrame)
            sizes.add((frame.width, frame.height))
    assert sizes == {(320, 180)}
    assert all(0.04 < b - a < 0.11 for a, b in pairwise(times))
    assert times[-1] > 2.2
    sounds = []
    for _ in range(125):
        sounds.append(audio.advance(0.0))
        assert audio.packet(keyframe=False)
    assert all(0.019 < b - a < 0.06 for a, b in pairwise(sounds))
    assert sounds[-1] > 2.4


def test_the_frame_rate_is_an_upper_bound(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "clip.mp4", audio=False), 320, 180, 10, 300_000)
    (video,) = source.feeds()
    times = [video.advance(0.0) for _ in range(10)]
    assert all(b - a == pytest.approx(0.1, abs=0.01) for a, b in pairwise(times))


def test_the_picture_keeps_its_shape(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "clip.mp4"), 320, 180, 25, 300_000)
    video = source.feeds()[0]
    video.advance(0.0)
    decoder = av.CodecContext.create("h264", "r")
    frames = decoder.decode(av.Packet(video.packet(keyframe=True))) + decoder.decode(None)
    frame = frames[0]
    assert isinstance(frame, av.VideoFrame)
    line = bytes(frame.planes[0])[90 * frame.planes[0].line_size :][:320]
    assert max(line[:60]) < 40  # black beside the square
    assert min(line[80:240]) > 90
    assert max(line[260:320]) < 40


def test_a_file_without_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no video"):
        FileSource(write(tmp_path / "sound.mp4", video=False), 320, 180, 25, 300_000)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(ValueError, match="Invalid data"):
        FileSource(tmp_path / "text.mp4", 320, 180, 25, 300_000)
    with pytest.raises(OSError, match="No such file"):
        FileSource(tmp_path / "none.mp4", 320, 180, 25, 300_000)
