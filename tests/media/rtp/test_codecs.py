from __future__ import annotations

from fractions import Fraction

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.codecs import picture_size, starts_keyframe, vp8_frame

SIZES = [(160, 120), (640, 360), (1080, 1920), (642, 362)]


def frames(width: int, height: int, count: int) -> list[av.VideoFrame]:
    made = []
    for index in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([index * 20 + 10]) * plane.buffer_size)
        frame.pts, frame.time_base = index * 3000, Fraction(1, 90000)
        made.append(frame)
    return made


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("codec", "encoder"), [("H264", H264Encoder), ("VP8", Vp8Encoder)])
def test_keyframes_and_size_of_real_encoders(
    codec: str, encoder: type[H264Encoder | Vp8Encoder], width: int, height: int
) -> None:
    encode = encoder()
    pictures = [
        encode.encode(frame, force_keyframe=index == 3)[0]
        for index, frame in enumerate(frames(width, height, 6))
    ]
    pictures = [payloads for payloads in pictures if payloads]
    keys = [any(starts_keyframe(codec, payload) for payload in payloads) for payloads in pictures]
    assert keys[0]
    assert keys.count(True) == 2
    sizes = {picture_size(codec, payload) for payload in pictures[0]} - {None}
    assert sizes == {(width, height)}


@given(st.sampled_from(["H264", "VP8", "opus"]), st.binary(max_size=60))
def test_any_bytes_are_a_payload(codec: str, payload: bytes) -> None:
    starts_keyframe(codec, payload)
    picture_size(codec, payload)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_parameter_set(body: bytes) -> None:
    picture_size("H264", b"\x67" + body)


def test_vp8_descriptor_with_all_its_parts() -> None:
    frame = b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01"
    payload = b"\x90\xf0\x81\x23\x05\x40" + frame
    assert vp8_frame(payload) == frame
    assert picture_size("VP8", payload) == (640, 360)
    assert vp8_frame(b"\x80" + payload[1:]) is None
