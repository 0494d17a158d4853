"""The two tracks of a publisher up to whole pictures and Opus packets on one time line."""

from __future__ import annotations

from typing import NamedTuple

from media.hls.boxes import AUDIO_RATE, VIDEO_RATE
from media.hls.clock import TimestampUnwrapper, TrackClock, skew_ms
from media.hls.h264 import H264Depacketizer
from media.hls.reorder import Reorder
from media.hls.transcode import OpusPacket
from media.rtp.packet import Rtp


class TimedPicture(NamedTuple):
    """``time`` is the RTP timestamp (90 kHz), unwrapped."""

    time: int
    units: list[bytes]
    keyframe: bool


class Tracks:
    """One publisher's packets. Pure: time is the packets' arrival."""

    def __init__(self, reorder_wait_ms: int) -> None:
        self.depacketizer = H264Depacketizer()
        self._video, self._audio = Reorder(reorder_wait_ms), Reorder(reorder_wait_ms)
        self._video_times, self._audio_times = TimestampUnwrapper(), TimestampUnwrapper()
        self._video_clock, self._audio_clock = TrackClock(VIDEO_RATE), TrackClock(AUDIO_RATE)

    @property
    def lost(self) -> int:
        """Packets given up so far."""
        return self._video.lost + self._audio.lost

    def video(self, packet: Rtp, arrival_ms: int) -> list[TimedPicture]:
        """The pictures that are complete with this packet."""
        pictures = []
        for rtp, after_loss in self._video.push(packet, arrival_ms):
            for picture in self.depacketizer.push(rtp, after_loss=after_loss):
                time = self._video_times.unwrap(picture.timestamp)
                self._video_clock.arrived(time, arrival_ms)
                pictures.append(TimedPicture(time, picture.units, picture.keyframe))
        return pictures

    def audio(self, packet: Rtp, arrival_ms: int) -> list[OpusPacket]:
        """The Opus packets in order now, their times in 48 kHz samples on the picture's time line."""
        packets = []
        for rtp, _ in self._audio.push(packet, arrival_ms):
            time = self._audio_times.unwrap(rtp.timestamp)
            self._audio_clock.arrived(time, arrival_ms)
            skew = skew_ms(self._video_clock, self._audio_clock)
            if skew is not None and rtp.payload:
                packets.append(OpusPacket(time + round(skew * AUDIO_RATE / 1000), rtp.payload))
        return packets

    def sender_report(self, kind: str, ntp_ms: float, timestamp: int) -> None:
        """The publisher's clock at an RTP timestamp of a track."""
        if kind == "video":
            self._video_clock.report(self._video_times.near(timestamp), ntp_ms)
        else:
            self._audio_clock.report(self._audio_times.near(timestamp), ntp_ms)
