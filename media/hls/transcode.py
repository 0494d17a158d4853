"""Opus into AAC. Runs in a worker thread; one call at a time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import av

from media.hls.boxes import AAC_SAMPLES, AUDIO_RATE, Sample

_TOLERANCE = AUDIO_RATE * 40 // 1000  # 40 ms: unseen, and reports jitter less
_LONGEST_SILENCE = AUDIO_RATE * 10


class OpusPacket(NamedTuple):
    """A payload (RFC 7587, 4.2: exactly one Opus packet); time in 48 kHz samples on the room's line."""

    time: int
    data: bytes


class OpusToAac:
    """Keeps the sound on the given times: gaps become silence, and what overlaps is left out."""

    def __init__(self, bitrate: int) -> None:
        self._decoder = av.CodecContext.create("libopus", "r")
        self._decoder.sample_rate = AUDIO_RATE
        self._decoder.layout = "stereo"
        self._encoder = av.CodecContext.create("aac", "w")
        self._encoder.sample_rate = AUDIO_RATE
        self._encoder.layout = "stereo"
        self._encoder.format = "fltp"
        self._encoder.bit_rate = bitrate
        self._resampler = av.AudioResampler(
            format="fltp", layout="stereo", rate=AUDIO_RATE, frame_size=AAC_SAMPLES
        )
        self._origin: int | None = None  # the time of the encoder's sample 0
        self._taken = 0
        self._given = 0

    def convert(self, packets: Sequence[OpusPacket]) -> list[Sample]:
        """The AAC frames that are complete. A packet that can't be decoded becomes silence."""
        samples: list[Sample] = []
        for packet in packets:
            samples += self._one(packet)
        return samples

    def _one(self, packet: OpusPacket) -> list[Sample]:
        if self._origin is None:
            self._origin = packet.time
        ahead = packet.time - (self._origin + self._taken)
        if ahead < -_TOLERANCE:
            return []
        samples: list[Sample] = []
        if ahead > _LONGEST_SILENCE:
            self._origin += ahead
        elif ahead > _TOLERANCE:
            samples += self._encode(_silence(ahead))
        for frame in self._decode(packet.data):
            samples += self._encode(frame)
        return samples

    def _decode(self, data: bytes) -> list[av.AudioFrame]:
        try:
            frames = self._decoder.decode(av.Packet(data))
        except av.FFmpegError:
            return []
        return [frame for frame in frames if isinstance(frame, av.AudioFrame)]

    def _encode(self, frame: av.AudioFrame) -> list[Sample]:
        self._taken += frame.samples
        frame.pts = None
        samples = []
        for part in self._resampler.resample(frame):
            part.pts = self._given
            part.time_base = Fraction(1, AUDIO_RATE)
            self._given += part.samples
            for packet in self._encoder.encode(part):
                # The encoder's first frame holds its delay and has a time before that of its first sample.
                time = (self._origin or 0) + (packet.pts or 0)
                samples.append(Sample(bytes(packet), time, AAC_SAMPLES))
        return samples


def _silence(samples: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = AUDIO_RATE
    return frame
