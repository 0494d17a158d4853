"""The demo's sound: soft chords, and a beep that begins on every full second of wall-clock time.

Synthesized and encoded once into a loop of Opus packets, which then costs nothing to send. The loop's
beginning is encoded once more after its end and that take kept, so that the end runs into it without a click.
"""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
from av.filter import Graph

from clients.publish.encode import OPUS_RATE, OPUS_SAMPLES, OpusEncoder

LOOP_SECONDS = 8
PACKET_MS = 1000 * OPUS_SAMPLES // OPUS_RATE
_CHORDS = ((220.0, 277.18, 329.63), (185.0, 220.0, 277.18), (146.83, 220.0, 293.66), (164.81, 246.94, 329.63))
_CHORD_SECONDS = 2
_BEEP_HZ = 1000
_BEEP_SECONDS = 0.06
_SEAM = 25  # packets (0.5 s) after which the encoder has forgotten where it came from


def opus_loop() -> list[bytes]:
    """The loop's packets of 20 ms; the first one starts on a full second."""
    encoder = OpusEncoder()
    tones = _tones(LOOP_SECONDS)
    packets: list[bytes] = []
    for frame in [*tones, *tones[: 2 * _SEAM]]:
        packets += encoder.encode(frame)
    count = len(tones)
    return packets[count : count + _SEAM] + packets[_SEAM:count]


def packet_index(unix_ms: int) -> int:
    """Which packet of the loop starts at (or last before) a wall-clock time."""
    return unix_ms // PACKET_MS % (LOOP_SECONDS * 1000 // PACKET_MS)


def _expression() -> str:
    """The sound as a function of time ``t``, for FFmpeg's ``aevalsrc``."""
    chords = []
    for i, chord in enumerate(_CHORDS):
        here = f"eq(mod(floor(t/{_CHORD_SECONDS}),{len(_CHORDS)}),{i})"
        tones = "+".join(f"sin(2*PI*{hz}*t)+0.3*sin(4*PI*{hz}*t)" for hz in chord)
        chords.append(f"{here}*({tones})")
    swell = f"pow(sin(PI*mod(t,{_CHORD_SECONDS})/{_CHORD_SECONDS}),0.6)"
    beep = f"lt(mod(t,1),{_BEEP_SECONDS})*sin(2*PI*{_BEEP_HZ}*t)*sin(PI*mod(t,1)/{_BEEP_SECONDS})"
    return f"0.045*{swell}*({'+'.join(chords)})+0.25*{beep}"


def _tones(seconds: int) -> list[av.AudioFrame]:
    graph = Graph()
    source = graph.add(
        "aevalsrc",
        exprs=f"{_expression()}",
        sample_rate=str(OPUS_RATE),
        duration=str(seconds),
        nb_samples=str(OPUS_SAMPLES),
    )
    sink = graph.add("abuffersink")
    source.link_to(sink)
    graph.configure()
    frames: list[av.AudioFrame] = []
    while True:
        try:
            frame = cast("av.AudioFrame", sink.pull())
        except av.EOFError:
            return frames
        frame.time_base = Fraction(1, OPUS_RATE)
        frames.append(frame)
