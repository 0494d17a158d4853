"""What can be set about Low-Latency HLS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HlsConfig:
    """Lengths, limits and times. A player stays ``part_hold_back_ms`` and up to a part behind.

    ``part_target_ms`` is PART-TARGET: no part is longer, and at usual frame rates each but a segment's last
    has at least 85 % of it. ``segment_min_ms`` keeps the keyframes that joining viewers ask for from
    cutting tiny segments; a segment is cut without a keyframe before it exceeds ``target_duration_s``.
    ``reorder_wait_ms`` is how long a missing packet is waited for, a retransmission included, before its
    picture is given up. An ended stream can be read for ``linger_s``. A blocked request waits for
    ``wait_s`` (three target durations: RFC 8216bis, 6.2.5.2) and is then answered with 503; at most
    ``max_waiting`` wait at a time on a node. A stream's poster is made anew every ``poster_every_s``.

    The rooms in ``ladder_rooms`` (``*``: all) are transcoded to those of ``ladder_heights`` that are below
    the source's, ``ladder_rooms_max`` of them at a time, each by a thread of its own.
    """

    part_target_ms: int = 300
    part_hold_back_ms: int = 1_000
    segment_min_ms: int = 1_000
    target_duration_s: int = 4
    keyframe_interval_ms: int = 2_000
    reorder_wait_ms: int = 250
    window_s: int = 60
    window_bytes: int = 64 * 1024 * 1024
    linger_s: float = 60.0
    audio_bitrate: int = 96_000
    wait_s: float = 12.0
    max_waiting: int = 20_000
    transcode_threads: int = 2
    poster_every_s: float = 10.0
    ladder_rooms: frozenset[str] = frozenset()
    ladder_heights: tuple[int, ...] = (720, 360)
    ladder_rooms_max: int = 1
    ladder_preset: str = "veryfast"

    def __post_init__(self) -> None:
        if self.part_hold_back_ms < 3 * self.part_target_ms:
            raise ValueError(
                "part_hold_back_ms must be at least three times part_target_ms (RFC 8216bis, 4.4.3.8)"
            )
        if self.segment_min_ms + self.part_target_ms > self.target_duration_s * 1000:
            raise ValueError("target_duration_s must leave room for segment_min_ms and another part")
        if self.window_s < 3 * self.target_duration_s:
            raise ValueError("window_s must be at least three times target_duration_s (RFC 8216bis, 6.2.2)")

    @property
    def skip_until_s(self) -> int:
        """CAN-SKIP-UNTIL: what is older may be left out of a delta update (six target durations, 4.4.3.8)."""
        return 6 * self.target_duration_s
