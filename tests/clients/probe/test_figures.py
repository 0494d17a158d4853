"""What is said of a stream that was watched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.probe.figures import Freezes, Playout, Watch, percentile

SIZE = (640, 360)


def test_percentiles_are_values_that_were_seen() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 50) == 3.0
    assert percentile(values, 95) == percentile(values, 100) == 5.0
    assert percentile(values, 1) == 1.0
    assert percentile([], 50) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_not_exceeded_by_its_share(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-6


def test_a_steady_picture_never_freezes() -> None:
    freezes = Freezes()
    for n in range(100):
        freezes.shown(n * 40.0)
    freezes.ended(99 * 40.0 + 40)
    assert (freezes.count, freezes.total_ms) == (0, 0)


def test_a_picture_that_stands_still_for_longer_than_usual_freezes() -> None:
    freezes = Freezes()
    times = [n * 40.0 for n in range(50)]
    times += [times[-1] + 540, times[-1] + 580]
    for at in times:
        freezes.shown(at)
    assert freezes.count == 1
    assert freezes.total_ms == pytest.approx(500, abs=1)


def test_a_picture_frozen_at_the_end_counts() -> None:
    freezes = Freezes()
    for n in range(10):
        freezes.shown(n * 40.0)
    freezes.ended(9 * 40.0 + 2_040)
    assert freezes.count == 1
    assert freezes.total_ms == pytest.approx(2_000, abs=1)


def test_few_frames_a_second_are_no_freeze() -> None:
    freezes = Freezes()
    for n in range(20):
        freezes.shown(n * 500.0)
    assert freezes.count == 0


def test_playing_goes_in_step_with_media_time() -> None:
    playout = Playout(start_ms=1_000)
    assert playout.show(960, 50_000) is None  # from before the place where it begins
    assert playout.show(1_000, 50_000) == 50_000
    assert playout.show(1_040, 50_001) == 50_040
    assert playout.show(1_300, 50_250) == 50_300


def test_what_a_buffer_lacked_is_shown_late_from_then_on() -> None:
    playout = Playout(start_ms=0)
    playout.show(0, 1_000)
    assert playout.show(300, 2_000) == 2_000
    assert playout.show(340, 2_000) == 2_040


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 900)), min_size=1))
def test_nothing_is_shown_before_it_is_there_and_time_never_goes_back(steps: list[tuple[int, int]]) -> None:
    playout, media, ready, before = Playout(0), 0, 0, -1.0
    for more_media, more_ready in steps:
        media, ready = media + more_media, ready + more_ready
        shown = playout.show(media, ready)
        assert shown is not None
        assert shown >= ready
        assert shown > before
        before = shown


def test_figures_of_a_stream_with_a_pattern() -> None:
    watch = Watch("whep", begun_ms=0)
    for n in range(101):
        watch.frame(200 + n * 40.0, SIZE, 200 + n * 40.0 - 80, "pattern")
    watch.received, watch.lost = 990, 10
    figures = watch.figures(200 + 100 * 40.0)
    assert figures.by == "pattern"
    assert figures.glass_p50_ms == figures.glass_p95_ms == 80
    assert figures.first_frame_ms == 200
    assert figures.fps == pytest.approx(25)
    assert (figures.width, figures.height) == SIZE
    assert figures.loss == 0.01
    assert figures.stalls == 0
    assert figures.error is None


def test_the_past_that_a_viewer_is_given_to_begin_with_is_no_latency() -> None:
    watch = Watch("whep", begun_ms=0)
    for n in range(10):
        watch.frame(100.0 + n, SIZE, 100.0 + n - 2_000, "pattern")
    for n in range(20):
        watch.frame(1_000 + n * 40.0, SIZE, 1_000 + n * 40.0 - 50, "pattern")
    assert watch.figures(2_000).glass_p95_ms == 50


def test_the_pattern_is_believed_before_reports() -> None:
    watch = Watch("hls", begun_ms=0)
    watch.frame(0, SIZE, None, "program_date_time")
    watch.frame(600, SIZE, 100, "program_date_time")
    watch.frame(640, SIZE, 140, "pattern")
    figures = watch.figures(700)
    assert (figures.by, figures.glass_p50_ms) == ("pattern", 500)


def test_without_a_picture_there_is_an_error_and_nothing_else() -> None:
    assert Watch("hls", 0).figures(5_000).error == "no picture came"


@pytest.mark.parametrize("late", [0.0, 45.0, -120.0])
def test_sound_is_set_against_its_picture(late: float) -> None:
    watch = Watch("hls", begun_ms=0)
    for n in range(75):
        watch.frame(2_000 + n * 40.0, SIZE, n * 40.0, "pattern")
        watch.picture_at(n * 40.0 - 777_123, n * 40.0)  # the stream's clock has an origin of its own
    for second in (1_000, 2_000):
        watch.beep_at(second - 777_123 + late)
    assert watch.figures(6_000).av_offset_ms == pytest.approx(late)
