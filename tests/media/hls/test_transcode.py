"""Sound stays where it belongs, whatever is missing."""

from __future__ import annotations

import io

import av

from media.hls.boxes import AAC_SAMPLES, Sample, fragment, init_section
from media.hls.h264 import ParameterSets
from media.hls.transcode import OpusPacket, OpusToAac
from tests.media.hls.source import nal_units, opus, pictures

START = 48_000
TONE = [OpusPacket(START + i * 960, data) for i, data in enumerate(opus(2.0))]


def decode(samples: list[Sample]) -> list[float]:
    """The loudness (mean absolute value) of each decoded AAC frame."""
    parameters = ParameterSets()
    parameters.see(nal_units(pictures(0.1)[0]))
    assert parameters.config is not None
    file = init_section(parameters.config, audio=True) + fragment(1, 0, [], samples)
    loudness = []
    with av.open(io.BytesIO(file), "r") as container:
        for frame in container.decode(audio=0):
            values = memoryview(frame.planes[0]).cast("B").cast("f")[: frame.samples]
            loudness.append(sum(map(abs, values)) / len(values))
    return loudness


def test_frames_follow_each_other_from_the_first_packet_on() -> None:
    samples = OpusToAac(96_000).convert(TONE)
    assert [s.time for s in samples] == [START + (i - 1) * AAC_SAMPLES for i in range(len(samples))]
    assert len(samples) >= 2 * 48_000 // AAC_SAMPLES - 2
    loudness = decode(samples)
    assert min(loudness[5:]) > 0.1


def test_a_gap_becomes_silence_of_its_length() -> None:
    samples = OpusToAac(96_000).convert(TONE[:40] + TONE[60:])  # 400 ms are missing
    assert [s.time for s in samples] == [START + (i - 1) * AAC_SAMPLES for i in range(len(samples))]
    quiet = [i for i, level in enumerate(decode(samples)) if level < 0.01 and i > 3]
    assert len(quiet) >= 0.35 * 48_000 / AAC_SAMPLES
    assert 0.78 < samples[quiet[0]].time / 48_000 - 1 < 0.88
    assert 1.1 < samples[quiet[-1]].time / 48_000 - 1 < 1.25


def test_single_jitters_are_not_filled() -> None:
    moved = [packet._replace(time=packet.time + (i % 3) * 500) for i, packet in enumerate(TONE)]
    assert min(decode(OpusToAac(96_000).convert(moved))[5:]) > 0.1


def test_what_overlaps_is_left_out() -> None:
    late = [packet._replace(time=packet.time - 9600) for packet in TONE[50:]]
    samples = OpusToAac(96_000).convert(TONE[:50] + late)
    end = samples[-1].time + AAC_SAMPLES
    assert abs(end - (late[-1].time + 960)) < 4 * AAC_SAMPLES  # all of it would end 9600 later


def test_garbage_becomes_silence() -> None:
    broken = [OpusPacket(p.time, b"\xff\xff\xff\xff") if 30 <= i < 40 else p for i, p in enumerate(TONE)]
    samples = OpusToAac(96_000).convert(broken)
    assert len(samples) >= 2 * 48_000 // AAC_SAMPLES - 2
