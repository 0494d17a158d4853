"""The time in a picture survives encoding and scaling, and nothing else is taken for one."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clients.publish import barcode
from clients.publish.encode import H264Encoder
from clients.publish.scene import Scene

TIMES = st.integers(0, 2**48 - 1)


def luma(unix_ms: int, white: int = 235, black: int = 16) -> list[int]:
    return [white if cell else black for cell in barcode.cells(unix_ms)]


def test_the_checksum_is_the_common_one() -> None:
    assert barcode.crc8(b"123456789") == 0xF4


@given(TIMES)
def test_what_is_written_can_be_read(unix_ms: int) -> None:
    assert len(barcode.cells(unix_ms)) == barcode.CELLS
    assert barcode.decode(luma(unix_ms)) == unix_ms
    assert barcode.decode(luma(unix_ms, white=120, black=60)) == unix_ms


@given(TIMES, st.integers(0, 63))
def test_a_damaged_cell_is_noticed(unix_ms: int, cell: int) -> None:
    damaged = luma(unix_ms)
    damaged[cell] = 251 - damaged[cell]
    assert barcode.decode(damaged) is None


@given(st.lists(st.integers(0, 255), min_size=64, max_size=64))
def test_noise_is_hardly_ever_a_time(noise: list[int]) -> None:
    found = barcode.decode(noise)
    assert found is None or 0 <= found < 2**48


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (320, 180), (1280, 720)])
def test_it_survives_encoding(size: tuple[int, int]) -> None:
    scene = Scene(*size)
    encoder = H264Encoder(*size, fps=25, bitrate=500_000)
    decoder = av.CodecContext.create("h264", "r")
    times = [1_763_769_600_123 + 40 * i for i in range(30)]
    read = []
    for i, unix_ms in enumerate(times):
        picture = av.VideoFrame.from_image(scene.frame(unix_ms))  # type: ignore[no-untyped-call]
        data = encoder.encode(picture.reformat(format="yuv420p"), i * 3600, keyframe=i == 0)
        for frame in decoder.decode(av.Packet(data)):
            assert isinstance(frame, av.VideoFrame)
            read.append(barcode.read_barcode(frame))
    assert read == times[: len(read)]
    assert len(read) >= 28


@pytest.mark.parametrize("size", [(1920, 1080), (480, 270), (854, 480)])
def test_it_survives_scaling(size: tuple[int, int]) -> None:
    scaled = Scene(640, 360).frame(1_763_769_600_123).resize(size, Image.Resampling.BILINEAR)
    frame = av.VideoFrame.from_image(scaled)  # type: ignore[no-untyped-call]
    assert barcode.read_barcode(frame) == 1_763_769_600_123


def test_a_picture_without_one() -> None:
    for picture in (Image.new("RGB", (640, 360), (90, 20, 200)), Image.effect_noise((640, 360), 90)):
        frame = av.VideoFrame.from_image(picture.convert("RGB"))  # type: ignore[no-untyped-call]
        assert barcode.read_barcode(frame) is None
