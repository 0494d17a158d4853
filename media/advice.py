"""What a host should be told about what is published, as codes that the pages put into words. Pure."""

from __future__ import annotations

from typing import Literal

Advice = Literal["loss", "round_trip", "keyframes", "b_frames", "frame_rate", "no_hls", "no_sound"]

# Repair hides less than this from viewers; from here on they see it.
LOSS = 0.02
ROUND_TRIP_MS = 400.0
# A viewer who comes waits for the next keyframe, and the pictures kept for newcomers are of this time.
KEYFRAMES_MS = 4_000.0
FRAME_RATE = 12.0


def advise(
    *,
    loss: float,
    rtt_ms: float | None,
    video_codec: str | None,
    fps: float,
    keyframe_interval_ms: float | None,
    b_frames: bool,
    has_audio: bool,
) -> tuple[Advice, ...]:
    """What is wrong, the worst first: at most one line each, empty when all is well.

    ``video_codec`` is None without a picture; ``fps`` 0 while nothing has been measured; ``loss`` is 0..1.
    """
    found: list[Advice] = []
    if loss >= LOSS:
        found.append("loss")
    if b_frames:
        found.append("b_frames")
    if video_codec is not None and keyframe_interval_ms is not None and keyframe_interval_ms > KEYFRAMES_MS:
        found.append("keyframes")
    if video_codec is not None and 0 < fps < FRAME_RATE:
        found.append("frame_rate")
    if rtt_ms is not None and rtt_ms >= ROUND_TRIP_MS:
        found.append("round_trip")
    if video_codec is not None and video_codec != "H264":
        found.append("no_hls")
    if not has_audio:
        found.append("no_sound")
    return tuple(found)
