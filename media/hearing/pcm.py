"""Opus into what transcribers take, and that into a small file which a moderator can play. For the worker."""

from __future__ import annotations

import io
import wave
from array import array
from collections.abc import Iterable, Iterator, Sequence

import av

from media.checks.job import Undecodable
from media.hearing.windows import RATE, Packet

OUT_RATE = 16_000
KEPT_BITRATE = 24_000
SECONDS_MAX = 60
_TOLERANCE = RATE * 60 // 1000  # three packets that arrive together are no gap
_QUIET_PEAK = 33  # -60 dBFS: nobody hears what is below


def decode(packets: Sequence[Packet]) -> bytes:
    """16-bit samples at 16 kHz, mono, at most ``SECONDS_MAX`` of them. What is missing, or can't be decoded,
    is silence; what is longer than its packet's time says is there all the same. Raises ``Undecodable`` if
    nothing can be decoded."""
    limit = SECONDS_MAX * RATE
    resampler = av.AudioResampler(format="s16", layout="mono", rate=OUT_RATE)
    out = bytearray()
    for frame in (*_frames(packets, limit), None):
        for part in resampler.resample(frame):
            out += bytes(part.planes[0])[: part.samples * 2]
    if not out:
        raise Undecodable("there is no sound in it")
    return bytes(out)


def _frames(packets: Iterable[Packet], limit: int) -> Iterator[av.AudioFrame]:
    decoder = av.CodecContext.create("libopus", "r")
    taken: int | None = None
    for packet in packets:
        for frame in _decoded(decoder, packet.data):
            taken = packet.time if taken is None else taken
            missing = min(packet.time, limit) - taken
            if missing > _TOLERANCE:
                yield _silence(frame, missing)
                taken += missing
            if taken >= limit:
                return
            taken += frame.samples
            frame.pts = None
            yield frame


def _decoded(decoder: av.CodecContext, data: bytes) -> list[av.AudioFrame]:
    if not data:  # which would tell the decoder that this was all
        return []
    try:
        frames = decoder.decode(av.Packet(data))  # type: ignore[attr-defined]
    except (av.FFmpegError, ValueError):
        return []
    return [frame for frame in frames if isinstance(frame, av.AudioFrame)]


def _silence(like: av.AudioFrame, samples: int) -> av.AudioFrame:
    frame = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = like.sample_rate
    return frame


def is_quiet(pcm: bytes) -> bool:
    """Whether nothing can be heard in it."""
    samples = array("h", pcm)
    return max(samples, default=0) < _QUIET_PEAK and min(samples, default=0) > -_QUIET_PEAK


def to_wav(pcm: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(OUT_RATE)
        file.writeframes(pcm)
    return out.getvalue()


def to_ogg(wav: bytes) -> bytes:
    """Opus in Ogg (RFC 7845). Raises ``Undecodable`` if that was no WAV of ours."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            pcm = file.readframes(SECONDS_MAX * OUT_RATE)
    except (wave.Error, EOFError) as error:
        raise Undecodable(f"no WAV: {error}") from error
    if not pcm:
        raise Undecodable("an empty WAV")
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=OUT_RATE)
        stream.layout = "mono"
        stream.bit_rate = KEPT_BITRATE
        resampler = av.AudioResampler(format="s16", layout="mono", rate=OUT_RATE, frame_size=OUT_RATE // 50)
        for frame in (_frame(pcm), None):
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


def _frame(pcm: bytes) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.planes[0].update(pcm + bytes(frame.planes[0].buffer_size - len(pcm)))
    frame.sample_rate = OUT_RATE
    return frame
