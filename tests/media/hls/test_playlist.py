"""Playlists follow RFC 8216bis whatever the stream went through."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.hls import playlist
from media.hls.boxes import VIDEO_RATE
from media.hls.config import HlsConfig
from media.hls.playlist import Reload
from media.hls.window import Window
from tests.media.hls import rules

CONFIG = HlsConfig()
PART = VIDEO_RATE * 28 // 100


def window(**changes: int) -> Window:
    return Window("s", changes.get("length_s", 60), changes.get("most_bytes", 10**9))


def fill(target: Window, segments: int, parts: int = 7, size: int = 10) -> None:
    for _ in range(segments):
        for i in range(parts):
            number, part = target.next_part if i else (target.next_part[0] + bool(target.next_part[1]), 0)
            data = f"{number}.{part}|".encode().ljust(size, b"x")
            target.add(data, PART, independent=i == 0, first=i == 0, started_ms=1_760_000_000_000)


def started(segments: int, **changes: int) -> Window:
    target = window(**changes)
    target.begin_period(b"init")
    fill(target, segments)
    return target


def test_a_first_playlist() -> None:
    target = started(1)
    expected = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.000,CAN-SKIP-UNTIL=24.0
#EXT-X-PART-INF:PART-TARGET=0.300
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="s-init0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-10-09T08:53:20.000Z
#EXT-X-PART:DURATION=0.28000,URI="s-0.0.m4s",INDEPENDENT=YES
"""
    text = playlist.media(target, CONFIG)
    assert text.startswith(expected)
    assert text.endswith('#EXT-X-PRELOAD-HINT:TYPE=PART,URI="s-0.7.m4s"\n')
    rules.check(text)


def test_an_ended_playlist_has_no_hint() -> None:
    target = started(3)
    target.end()
    read = rules.check(playlist.media(target, CONFIG))
    assert read.ended
    assert [segment.uri for segment in read.segments] == ["s-0.m4s", "s-1.m4s", "s-2.m4s"]


def test_a_new_period_is_a_discontinuity_with_its_map() -> None:
    target = started(2)
    target.begin_period(b"other")
    fill(target, 2)
    read = rules.check(playlist.media(target, CONFIG))
    assert [segment.discontinuity for segment in read.segments] == [False, False, True, False]
    assert len({segment.init for segment in read.segments}) == 2
    assert target.find(read.segments[-1].init) == b"other"
    assert [segment.number for segment in read.segments] == [0, 1, 2, 3]


def test_discontinuities_that_left_the_window_are_counted() -> None:
    target = started(2)
    target.begin_period(b"other")
    fill(target, 40)
    read = rules.check(playlist.media(target, CONFIG))
    assert read.tags["DISCONTINUITY-SEQUENCE"] == "1"
    assert target.find("s-init0.mp4") is None
    assert read.segments[0].init == "s-init2.mp4"


def test_the_window_is_bounded_in_time() -> None:
    target = started(100)
    read = rules.check(playlist.media(target, CONFIG))
    assert 56 <= sum(segment.duration for segment in read.segments) <= 60
    assert target.bytes == sum(segment.size for segment in target.segments)
    gone = read.segments[0].number - 1
    assert target.find(f"s-{gone}.m4s") is None
    assert target.find(f"s-{gone}.0.m4s") is None


def test_the_window_is_bounded_in_bytes() -> None:
    target = window(most_bytes=100_000)
    target.begin_period(b"init")
    fill(target, 30, size=2_000)
    assert target.bytes <= 100_000
    assert len(target.segments) == 7


def test_a_segment_is_its_parts_in_a_row() -> None:
    target = started(3)
    for segment in target.segments:
        if segment.data is not None:
            parts = [target.find(f"s-{segment.number}.{i}.m4s") for i in range(7)]
            assert target.find(segment.name) == b"".join(bytes(part or b"") for part in parts)


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["part", "part", "part", "part", "segment", "period"]), max_size=250),
    pick=st.floats(0, 1),
)
def test_whatever_happens_the_rules_hold_and_a_delta_gives_the_full_playlist(
    steps: list[str], pick: float
) -> None:
    target = window()
    target.begin_period(b"init")
    target.add(b"x", PART, independent=True, first=True, started_ms=0)
    versions = [playlist.media(target, CONFIG)]
    parts = 1
    for step in steps:
        if step == "period":
            target.begin_period(b"more")
        first = step != "part" or parts >= 12
        parts = 1 if first else parts + 1
        target.add(b"x", PART, independent=first, first=first, started_ms=len(versions) * 280)
        versions.append(playlist.media(target, CONFIG))
    for text in (versions[-1], playlist.media(target, CONFIG, skip=True)):
        rules.check(text)
    recent = versions[-20:]
    earlier = recent[int(pick * (len(recent) - 1))]
    if rules.read(earlier).segments[0].number <= rules.read(versions[-1]).segments[0].number:
        merged = rules.merge(earlier, playlist.media(target, CONFIG, skip=True))
        assert merged == versions[-1]


def test_a_long_playlist_skips_what_is_old() -> None:
    read = rules.check(playlist.media(started(30), CONFIG, skip=True))
    assert read.skipped
    rest = sum(segment.duration or sum(p.duration for p in segment.parts) for segment in read.segments)
    assert 24 <= rest <= 26


@pytest.mark.parametrize(
    "query",
    [
        {"_HLS_part": "1"},
        {"_HLS_msn": "-1"},
        {"_HLS_msn": "x"},
        {"_HLS_msn": "٣"},
        {"_HLS_msn": "9" * 40},
        {"_HLS_msn": "1", "_HLS_part": "1.5"},
        {"_HLS_skip": "NO"},
    ],
)
def test_directives_that_make_no_sense(query: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="_HLS_"):
        playlist.parse_reload(query)


def test_directives() -> None:
    assert playlist.parse_reload({}) == Reload()
    assert playlist.parse_reload({"_HLS_msn": "7", "_HLS_part": "2", "_HLS_skip": "YES"}) == Reload(
        7, 2, True
    )


def test_what_is_too_far_ahead_is_refused() -> None:
    target = started(3)  # segments 0 and 1 whole, 2 with seven parts
    for good in (Reload(2), Reload(4), Reload(2, 7), Reload(2, 17), Reload(3, 0), Reload(0, 50)):
        playlist.check_reload(good, target, CONFIG)
    for bad in (Reload(5), Reload(5, 0), Reload(2, 18)):
        with pytest.raises(ValueError, match="too far"):
            playlist.check_reload(bad, target, CONFIG)


def test_when_a_reload_is_answered() -> None:
    target = started(3)
    there = [Reload(), Reload(0), Reload(1), Reload(1, 3), Reload(1, 99), Reload(2, 6)]
    assert all(playlist.satisfied(reload, target) for reload in there)
    waiting = [Reload(2), Reload(2, 7), Reload(3), Reload(3, 0)]
    assert not any(playlist.satisfied(reload, target) for reload in waiting)
    target.end_segment()
    assert playlist.satisfied(Reload(2), target)
    assert not playlist.satisfied(Reload(2, 7), target)  # now the next segment's first part
    fill(target, 1)
    assert playlist.satisfied(Reload(2, 7), target)
    target.end()
    assert playlist.satisfied(Reload(9, 9), target)


def test_the_multivariant_playlist() -> None:
    variant = playlist.Variant("avc1.42e01f,mp4a.40.2", 640, 360, 900_000, 800_000, 25.0)
    line = playlist.multivariant([("media.m3u8", variant)]).splitlines()[2]
    assert rules.attributes(line.removeprefix("#EXT-X-STREAM-INF:")) == {
        "BANDWIDTH": "900000",
        "AVERAGE-BANDWIDTH": "800000",
        "CODECS": "avc1.42e01f,mp4a.40.2",
        "RESOLUTION": "640x360",
        "FRAME-RATE": "25.000",
    }


def test_settings_that_break_the_rules_are_refused() -> None:
    for bad in ({"part_hold_back_ms": 500}, {"window_s": 5}, {"target_duration_s": 1}):
        with pytest.raises(ValueError, match="must"):
            HlsConfig(**bad)  # type: ignore[arg-type]


def test_a_window_of_hours_costs_a_reload_no_more_than_one_of_a_minute() -> None:
    def cost(length_s: int) -> int:
        target = window(length_s=length_s, most_bytes=10**12)
        target.begin_period(b"init")
        fill(target, length_s // 2)
        playlist.media(target, CONFIG)
        touched = 0

        def trace(frame: object, event: str, arg: object) -> None:
            nonlocal touched
            touched += 1

        sys.setprofile(trace)
        try:
            playlist.media(target, CONFIG, skip=True)
            fill(target, 1)
        finally:
            sys.setprofile(None)
        return touched

    assert cost(3600) < 1.1 * cost(60)
