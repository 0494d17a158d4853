"""What comes out of the depacketizer is byte for byte what was sent, and always decodable."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.hls.h264 import H264Depacketizer, ParameterSets, Picture, sample
from media.hls.reorder import Reorder
from media.rtp.packet import Rtp, build, parse
from tests.media.hls.source import TimedPacket, nal_units, pictures, video_packets

CLIP = pictures(3.0, keyframe_every=15)
UNITS = [nal_units(picture) for picture in CLIP]


def run(packets: list[TimedPacket], wait_ms: int = 200) -> tuple[list[Picture], H264Depacketizer]:
    reorder, depacketizer = Reorder(wait_ms), H264Depacketizer()
    out = []
    for packet in packets:
        for rtp, lossy in reorder.push(parse(packet.data), packet.at_ms):
            out += depacketizer.push(rtp, after_loss=lossy)
    return out, depacketizer


@pytest.mark.parametrize("mtu", [100, 400, 1200])
def test_everything_arrives_unchanged(mtu: int) -> None:
    out, depacketizer = run(video_packets(CLIP, mtu=mtu))
    assert [picture.units for picture in out] == UNITS
    assert [picture.keyframe for picture in out] == [i % 15 == 0 for i in range(len(CLIP))]
    assert not depacketizer.waiting


def test_a_picture_without_marker_ends_where_the_next_begins() -> None:
    packets = []
    for packet in video_packets(CLIP[:4]):
        rtp = parse(packet.data)
        data = build(96, False, rtp.sequence, rtp.timestamp, 1, rtp.payload)
        packets.append(TimedPacket(packet.at_ms, "video", data))
    out, _ = run(packets)
    assert [picture.units for picture in out] == UNITS[:3]


def test_nothing_comes_before_the_first_keyframe() -> None:
    out, depacketizer = run(video_packets(CLIP[5:20]))
    assert [picture.units for picture in out] == UNITS[15:20]
    assert depacketizer.dropped == 10


def test_after_a_loss_nothing_until_the_next_keyframe() -> None:
    packets = video_packets(CLIP[:40])
    first_of = [i for i, p in enumerate(packets) if i == 0 or parse(packets[i - 1].data).marker]
    del packets[first_of[5]]
    out, depacketizer = run(packets)
    assert [picture.units for picture in out] == UNITS[:5] + UNITS[15:40]
    assert depacketizer.dropped >= 9


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.1), jitter_ms=st.integers(0, 120))
def test_under_loss_and_reordering_only_whole_decodable_pictures(
    seed: int, loss: float, jitter_ms: int
) -> None:
    rng = random.Random(seed)
    sent = video_packets(CLIP, mtu=300)
    late = [TimedPacket(p.at_ms + rng.randint(0, jitter_ms), "video", p.data) for p in sent[1:]]
    packets = [sent[0]] + [packet for packet in late if rng.random() >= loss]
    packets.sort(key=lambda packet: packet.at_ms)
    out, _ = run(packets)
    numbers = [UNITS.index(picture.units) for picture in out]
    for before, number in zip([-1, *numbers], numbers, strict=False):
        assert number > before
        assert number == before + 1 or out[numbers.index(number)].keyframe
    if len(packets) == len(sent):
        assert len(out) == len(CLIP)


@given(payloads=st.lists(st.binary(max_size=60), max_size=30), marks=st.lists(st.booleans(), max_size=30))
def test_garbage_is_survived(payloads: list[bytes], marks: list[bool]) -> None:
    depacketizer = H264Depacketizer()
    for i, (payload, mark) in enumerate(zip(payloads, marks, strict=False)):
        depacketizer.push(Rtp(96, mark, i, i // 3, 1, payload, {}), after_loss=False)


def test_parameter_sets_give_codec_and_size() -> None:
    parameters = ParameterSets()
    parameters.see(UNITS[1])
    assert parameters.config is None
    parameters.see(UNITS[0])
    assert parameters.config is not None
    assert parameters.config.size == (320, 180)
    assert parameters.config.codec == "avc1.42c014"
    kept = parameters.config
    parameters.see(UNITS[1])
    assert parameters.config is kept


def test_a_sample_holds_the_picture_without_parameter_sets() -> None:
    data, at, kinds = sample(UNITS[0]), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kinds.append(data[at + 4] & 0x1F)
        at += 4 + size
    assert at == len(data)
    assert 5 in kinds
    assert not {7, 8} & set(kinds)
