"""Where parts and segments end (RFC 8216bis, 4.4.4.9). Pure: samples in, parts out."""

from __future__ import annotations

from typing import NamedTuple

from media.hls.boxes import AUDIO_RATE, VIDEO_RATE, Sample

_PATIENCE = VIDEO_RATE  # sound this far ahead means that no picture comes: parts go on without
_USUAL_FRAME = VIDEO_RATE // 30
_SOUND_WAIT = VIDEO_RATE // 8  # how long a segment's end waits for its sound, which takes 50 ms longer
_MOST_SOUND = 60 * 50  # frames held at most; reached only if times make no sense


class Cut(NamedTuple):
    """A part. ``start`` and ``duration`` in 90 kHz ticks; ``first`` begins a segment, ``last`` ends one."""

    start: int
    duration: int
    independent: bool
    first: bool
    last: bool
    video: list[Sample]
    audio: list[Sample]


class Cutter:
    """Groups a period's samples into parts of at most ``part`` ticks, segments ``shortest`` to ``longest``.

    A picture's duration is known when the next one comes, so the newest is held back. A part ends before the
    picture that would make it too long; a keyframe ends the segment, once that is long enough. When a picture
    lasts longer than a part, parts are cut by time until it ends: they carry only sound, or nothing where no
    sound has come either. No two pictures may be further apart than the caller wants to have such parts.

    A segment's last part waits for a moment until its sound is there: players that find less in a segment
    than its duration fetch it again (hls.js, from the newest segment, without end).
    """

    def __init__(self, part: int, shortest: int, longest: int) -> None:
        self._part, self._shortest, self._longest = part, shortest, longest
        self._held: Sample | None = None
        self._frames: list[Sample] = []
        self._sound: list[Sample] = []
        self._start = self._segment = 0
        self._first = True
        self._usual = _USUAL_FRAME
        self._heard: int | None = None  # where the sound ends that has come
        self._due: int | None = None  # where a segment ends that waits for its sound

    def video(self, time: int, shown: int, data: bytes, *, keyframe: bool) -> list[Cut]:
        """A picture with its decoding time (growing) and presentation time. The first must be a keyframe."""
        new = Sample(data, time, 0, keyframe, shown - time)
        if self._held is None:
            self._held, self._start, self._segment = new, time, time
            return []
        last = self._held._replace(duration=time - self._held.time)
        self._frames.append(last)
        self._held, self._usual = new, last.duration
        cuts: list[Cut] = []
        if self._due is not None:
            if time - self._due < _SOUND_WAIT:
                return []
            cuts += self._end_due()
        if time - self._start > self._part and last.time > self._start:
            cuts += self._cut(last.time)
        while time - self._start > self._part:
            cuts += self._cut(self._start + self._part)
        full = time + last.duration - self._start > self._part and self._has_something(time)
        if (keyframe and time - self._segment >= self._shortest) or (full and self._is_last(time)):
            self._due = time
            if not self._waits_for_sound(time):
                cuts += self._end_due()
        elif full:
            cuts += self._cut(time)
        return cuts

    def audio(self, sample: Sample) -> list[Cut]:
        """A frame of sound, its times in 48 kHz samples."""
        if self._held is None or len(self._sound) >= _MOST_SOUND:
            return []
        self._sound.append(sample)
        self._heard = (sample.time + sample.duration) * VIDEO_RATE // AUDIO_RATE
        cuts: list[Cut] = []
        if self._due is not None and self._heard >= self._due:
            cuts += self._end_due()
        while _ticks(sample) - self._start > self._part + _PATIENCE:
            end = self._start + self._part
            if not self._has_something(end):
                break  # a hole in the sound, or times that make no sense: the next picture will tell
            cuts += self._cut(end)
        return cuts

    def flush(self) -> list[Cut]:
        """The rest: nothing follows for now. The next picture begins anew and must be a keyframe."""
        if self._held is None:
            return []
        cuts = self._end_due()
        last = self._held._replace(duration=min(self._usual, self._part))
        self._frames.append(last)
        end = max(last.time + last.duration, self._start + 1)
        if end - self._start > self._part and last.time > self._start:
            cuts += self._cut(last.time)
        cuts += self._cut(end, end_segment=True)
        self._held, self._first, self._heard = None, True, None
        self._sound.clear()
        return cuts

    def _is_last(self, at: int) -> bool:
        """Whether a part that ends at ``at`` must end its segment: another one might make it too long."""
        return at - self._segment + self._part > self._longest

    def _waits_for_sound(self, end: int) -> bool:
        """Whether there is sound, and what belongs before ``end`` may well come yet."""
        return self._heard is not None and end - 8 * _SOUND_WAIT < self._heard < end

    def _end_due(self) -> list[Cut]:
        due, self._due = self._due, None
        return [] if due is None else self._cut(due, end_segment=True)

    def _has_something(self, before: int) -> bool:
        frames = any(sample.time < before for sample in self._frames)
        return frames or any(_ticks(sample) < before for sample in self._sound)

    def _cut(self, at: int, *, end_segment: bool = False) -> list[Cut]:
        """Ends the part at ``at``, unless it hasn't begun before."""
        video = [sample for sample in self._frames if sample.time < at]
        audio = [sample for sample in self._sound if _ticks(sample) < at]
        if at <= self._start:
            self._first |= end_segment
            return []
        first = self._first
        self._first = end_segment or self._is_last(at)
        independent = bool(video) and video[0].sync
        cut = Cut(self._start, at - self._start, independent, first, self._first, video, audio)
        self._frames = self._frames[len(video) :]
        self._sound = self._sound[len(audio) :]
        self._start = at
        if self._first:
            self._segment = at
        return [cut]


def _ticks(sample: Sample) -> int:
    return sample.time * VIDEO_RATE // AUDIO_RATE
