"""Pictures into H.264 and sound into Opus, as WebRTC carries them."""

from __future__ import annotations

from fractions import Fraction

import av
from av import AudioFrame, VideoFrame
from av.video.frame import PictureType

OPUS_RATE = 48_000
OPUS_SAMPLES = 960  # 20 ms, the packet length that every WebRTC peer expects
VIDEO_RATE = 90_000


class H264Encoder:
    """Constrained-baseline H.264 for one sender. Not thread-safe.

    Tuned for little CPU and no delay: one thread, no lookahead, no B-frames; SPS and PPS before each
    keyframe. ``bitrate`` is in bits a second, held over one second so that keyframes can't flood the path.
    """

    def __init__(self, width: int, height: int, fps: int, bitrate: int, preset: str = "veryfast") -> None:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = "yuv420p"
        codec.bit_rate = bitrate
        codec.framerate = Fraction(fps)
        codec.time_base = Fraction(1, VIDEO_RATE)
        codec.thread_count = 1
        codec.options = {
            "preset": preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "maxrate": str(bitrate),
            "bufsize": str(bitrate),
            "forced-idr": "1",
            "g": str(fps * 10),  # who needs one sooner asks for it
            "sc_threshold": "0",
        }
        self._codec = codec

    def encode(self, frame: VideoFrame, pts: int, *, keyframe: bool) -> bytes:
        """One access unit in Annex B. ``pts`` in growing 90 kHz ticks; ``keyframe`` makes it an IDR."""
        frame.pts = pts
        frame.time_base = Fraction(1, VIDEO_RATE)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


class OpusEncoder:
    """Stereo Opus in 20 ms packets. Takes any audio format and rate. Not thread-safe."""

    def __init__(self, bitrate: int = 64_000) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate = OPUS_RATE
        codec.layout = "stereo"
        codec.format = "s16"
        codec.bit_rate = bitrate
        codec.options = {"application": "audio", "frame_duration": "20"}
        self._codec = codec
        self._resampler = av.AudioResampler(
            format="s16", layout="stereo", rate=OPUS_RATE, frame_size=OPUS_SAMPLES
        )

    def encode(self, frame: AudioFrame) -> list[bytes]:
        """The packets that are complete with this frame."""
        packets: list[bytes] = []
        for part in self._resampler.resample(frame):
            part.pts = None
            packets += (bytes(packet) for packet in self._codec.encode(part))
        return packets
