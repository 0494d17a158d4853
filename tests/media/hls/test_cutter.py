"""Parts and segments keep the lengths that players are promised, and nothing gets lost between them."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.hls.boxes import AAC_SAMPLES, AUDIO_RATE, VIDEO_RATE, Sample
from media.hls.cutter import Cut, Cutter

PART, SHORTEST, LONGEST = VIDEO_RATE * 300 // 1000, VIDEO_RATE, 4 * VIDEO_RATE


def cut_video(times: list[int], keyframes: set[int]) -> list[Cut]:
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cuts = []
    for i, time in enumerate(times):
        cuts += cutter.video(time, time, b"v%d" % i, keyframe=i in keyframes)
    return cuts + cutter.flush()


def check(cuts: list[Cut]) -> None:
    """What holds for any stream: no gaps between parts, none is too long, segments end in time."""
    assert cuts[0].first
    for before, cut in pairwise(cuts):
        assert cut.start == before.start + before.duration
    segment = 0
    for cut in cuts:
        assert cut.duration <= PART
        segment = cut.duration if cut.first else segment + cut.duration
        assert segment <= LONGEST


def test_at_25_frames_a_second_parts_have_seven_pictures() -> None:
    cuts = cut_video([3600 * i for i in range(100)], {0, 50})
    check(cuts)
    assert [len(cut.video) for cut in cuts] == [7] * 7 + [1] + [7] * 7 + [1]
    assert [i for i, cut in enumerate(cuts) if cut.first] == [0, 8]
    assert [i for i, cut in enumerate(cuts) if cut.independent] == [0, 8]


@given(
    jitter=st.lists(st.integers(-700, 700), min_size=60, max_size=200),
    fps=st.sampled_from([15, 20, 24, 25, 30, 60]),
    keyframes=st.sets(st.integers(1, 199)),
)
def test_parts_are_never_longer_than_promised_nor_much_shorter(
    jitter: list[int], fps: int, keyframes: set[int]
) -> None:
    frame = VIDEO_RATE // fps
    times = [frame * i + (moved if fps < 60 else moved // 2) + 700 for i, moved in enumerate(jitter)]
    cuts = cut_video(times, {0, *keyframes})
    check(cuts)
    for cut, following in pairwise(cuts):
        if not following.first:
            assert cut.duration > PART - frame - 1400  # one more picture would not have fitted
    assert [s.data for cut in cuts for s in cut.video] == [b"v%d" % i for i in range(len(times))]
    assert all(cut.video[0].sync for cut in cuts if cut.independent)


def test_keyframes_close_together_do_not_cut_tiny_segments() -> None:
    cuts = cut_video([3600 * i for i in range(100)], {0, 3, 6, 9, 40, 45})
    assert [cut.start // 3600 for cut in cuts if cut.first] == [0, 40]


def test_without_keyframes_segments_end_all_the_same() -> None:
    cuts = cut_video([3600 * i for i in range(500)], {0})
    check(cuts)
    assert sum(cut.first for cut in cuts) >= 5


def test_a_picture_that_stays_leaves_parts_of_sound() -> None:
    """A shared screen may bring one picture in two seconds; the sound goes on, parts keep their length."""
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cuts = cutter.video(0, 0, b"v0", keyframe=True) + cutter.video(3600, 3600, b"v1", keyframe=False)
    for i in range(200):
        sound = Sample(b"a%d" % i, i * AAC_SAMPLES, AAC_SAMPLES)
        cuts += cutter.audio(sound)
        if i * AAC_SAMPLES == 96_256:
            cuts += cutter.video(180_480, 180_480, b"v2", keyframe=False)
    cuts += cutter.flush()
    check(cuts)
    assert any(cut.audio and not cut.video for cut in cuts)
    frames = [sample for cut in cuts for sample in cut.video]
    assert [(s.data, s.time, s.duration) for s in frames[:2]] == [(b"v0", 0, 3600), (b"v1", 3600, 176_880)]
    sounds = [sample.data for cut in cuts for sample in cut.audio]
    assert sounds == [b"a%d" % i for i in range(len(sounds))]
    assert sounds


@given(
    gaps=st.lists(st.one_of(st.integers(1, 9000), st.integers(1, 5 * VIDEO_RATE)), min_size=1, max_size=20),
    keyframes=st.sets(st.integers(1, 20)),
    sounding=st.lists(st.booleans(), min_size=1, max_size=20),
    late=st.integers(0, VIDEO_RATE),
)
def test_parts_keep_their_length_whatever_stands_still(
    gaps: list[int], keyframes: set[int], sounding: list[bool], late: int
) -> None:
    """Pictures at any distance; sound that comes late, goes out for seconds, or isn't there at all."""
    times = [0, *accumulate(gaps)]
    sounds = [
        Sample(b"a%d" % i, i * AAC_SAMPLES, AAC_SAMPLES)
        for i in range(times[-1] * AUDIO_RATE // VIDEO_RATE // AAC_SAMPLES)
        if sounding[i // 50 % len(sounding)]
    ]
    coming: list[tuple[int, int, Sample | None]] = [(time, i, None) for i, time in enumerate(times)]
    coming += [(s.time * VIDEO_RATE // AUDIO_RATE + late, -1, s) for s in sounds]
    cutter, cuts = Cutter(PART, SHORTEST, LONGEST), []
    for time, i, sound in sorted(coming, key=lambda one: one[0]):
        if sound is not None:
            cuts += cutter.audio(sound)
        else:
            cuts += cutter.video(time, time, b"v%d" % i, keyframe=i == 0 or i in keyframes)
    cuts += cutter.flush()
    check(cuts)
    assert cuts[-1].start + cuts[-1].duration > times[-1]
    frames = [sample for cut in cuts for sample in cut.video]
    assert [(s.data, s.time) for s in frames] == [(b"v%d" % i, time) for i, time in enumerate(times)]
    heard = [sample.time for cut in cuts for sample in cut.audio]
    assert heard == sorted(set(heard))


def test_where_nothing_comes_parts_are_empty() -> None:
    """Pictures and sound stop for two seconds: whoever waits for the next part gets it all the same."""
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cuts = cutter.video(0, 0, b"v0", keyframe=True)
    cuts += cutter.video(180_000, 180_000, b"v1", keyframe=True) + cutter.flush()
    check(cuts)
    assert [cut.start for cut in cuts] == [0, 27_000, 54_000, 81_000, 108_000, 135_000, 162_000, 180_000]
    assert [len(cut.video) for cut in cuts] == [1, 0, 0, 0, 0, 0, 0, 1]
    assert cuts[0].video[0].duration == 180_000
    assert [cut.first for cut in cuts] == [True, *[False] * 6, True]
    assert cuts[-1].independent


def test_sound_goes_with_the_pictures_of_its_time() -> None:
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cuts = []
    for i in range(100):
        cuts += cutter.video(i * 3600, i * 3600, b"v", keyframe=i % 50 == 0)
        for n in range(i * 1920 // AAC_SAMPLES, (i + 1) * 1920 // AAC_SAMPLES):
            cuts += cutter.audio(Sample(b"a", n * AAC_SAMPLES, AAC_SAMPLES))
    for cut in cuts:
        assert cut.audio
        for sample in cut.audio:
            ticks = sample.time * VIDEO_RATE // AUDIO_RATE
            assert cut.start - 2 * 3600 <= ticks < cut.start + cut.duration


def test_after_a_flush_everything_begins_anew() -> None:
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cutter.video(0, 0, b"v0", keyframe=True)
    assert [s.data for cut in cutter.flush() for s in cut.video] == [b"v0"]
    assert cutter.flush() == []
    cutter.video(900_000, 900_000, b"v1", keyframe=True)
    (cut,) = cutter.flush()
    assert (cut.start, cut.first, cut.independent) == (900_000, True, True)


def cut_both(pictures: int, late_ms: int, sound_until: int = 10**9, keyframe_every: int = 50) -> list[Cut]:
    """25 pictures a second and sound that comes ``late_ms`` behind them."""
    cutter = Cutter(PART, SHORTEST, LONGEST)
    cuts, frames = [], 0
    for i in range(pictures):
        cuts += cutter.video(3600 * i, 3600 * i, b"v%d" % i, keyframe=i % keyframe_every == 0)
        while (frames + 1) * AAC_SAMPLES / AUDIO_RATE <= i / 25 - late_ms / 1000:
            if frames < sound_until:
                cuts += cutter.audio(Sample(b"a%d" % frames, frames * AAC_SAMPLES, AAC_SAMPLES))
            frames += 1
    return cuts + cutter.flush()


@given(late_ms=st.integers(0, 80), keyframe_every=st.integers(1, 120))
def test_a_segment_has_all_of_its_sound(late_ms: int, keyframe_every: int) -> None:
    cuts = cut_both(300, late_ms, keyframe_every=keyframe_every)
    check(cuts)
    for cut in cuts[:-2]:
        if cut.last and cut.start + cut.duration < 3600 * 290:
            until = cut.audio[-1].time + AAC_SAMPLES
            assert until * VIDEO_RATE >= (cut.start + cut.duration) * AUDIO_RATE
    assert [s.data for cut in cuts for s in cut.video] == [b"v%d" % i for i in range(300)]
    assert [s.data for cut in cuts for s in cut.audio] == [
        b"a%d" % i for i in range(sum(len(cut.audio) for cut in cuts))
    ]


def test_sound_that_stays_away_holds_nothing_up_for_long() -> None:
    cutter = Cutter(PART, SHORTEST, LONGEST)
    late = []
    for i in range(200):
        cuts = cutter.video(3600 * i, 3600 * i, b"v", keyframe=i % 50 == 0)
        late += [3600 * i - cut.start - cut.duration for cut in cuts]
        if i < 40:
            cutter.audio(Sample(b"a", i * 1920, AAC_SAMPLES))
    assert max(late) <= VIDEO_RATE // 8 + 3600
    assert late.count(0) > len(late) / 2
