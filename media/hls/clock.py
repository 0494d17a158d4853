"""Time of two tracks: timestamps without wraps, and where a sound belongs on the picture's time line."""

from __future__ import annotations

from media.rtp.sequence import distance32


class TimestampUnwrapper:
    """Turns 32-bit RTP timestamps into integers that never wrap, the first one as it is."""

    def __init__(self) -> None:
        self._latest: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """The integer nearest to the latest one that has these low 32 bits; it is the latest then."""
        self._latest = self.near(timestamp)
        return self._latest

    def near(self, timestamp: int) -> int:
        """The same, without becoming the latest (for what is told beside the packets)."""
        if self._latest is None:
            return timestamp
        return self._latest + distance32(timestamp, self._latest & 0xFFFFFFFF)


class TrackClock:
    """When a track's timestamps happened: by its sender reports, before the first one by arrival.

    Times by report and by arrival are of different clocks: compare two tracks by the same kind only.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._reported_ms: float | None = None
        self._arrival_ms: float | None = None

    def arrived(self, timestamp: int, arrival_ms: int) -> None:
        """A packet came. The quickest one so far tells the most: others waited somewhere."""
        offset = arrival_ms - timestamp * 1000 / self._rate
        if self._arrival_ms is None or offset < self._arrival_ms:
            self._arrival_ms = offset

    def report(self, timestamp: int, ntp_ms: float) -> None:
        """A sender report came, with its RTP timestamp unwrapped like the packets'."""
        self._reported_ms = ntp_ms - timestamp * 1000 / self._rate

    @property
    def offset_by_report_ms(self) -> float | None:
        return self._reported_ms

    @property
    def offset_by_arrival_ms(self) -> float | None:
        return self._arrival_ms


def skew_ms(video: TrackClock, audio: TrackClock) -> float | None:
    """What to add to an audio time (timestamp over rate) to get the time of the picture beside it.

    ``None`` until both tracks have brought something to go by.
    """
    for offset in ("offset_by_report_ms", "offset_by_arrival_ms"):
        of_video, of_audio = getattr(video, offset), getattr(audio, offset)
        if of_video is not None and of_audio is not None:
            return float(of_audio - of_video)
    return None
