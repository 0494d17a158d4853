"""Reading LL-HLS playlists."""

from __future__ import annotations

import pytest

from clients.probe.playlist import first_variant, holds_back, parse_media, starting_part

HEAD = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.000,CAN-SKIP-UNTIL=24.0
#EXT-X-PART-INF:PART-TARGET=0.300
#EXT-X-MEDIA-SEQUENCE:7
"""
TAIL = """#EXT-X-MAP:URI="i.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.30000,URI="7.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.20000,URI="7.1.m4s"
#EXTINF:0.50000,
7.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.500Z
#EXT-X-PART:DURATION=0.30000,URI="8.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.30000,URI="8.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="8.2.m4s"
"""


def test_parts_know_their_place_their_init_and_their_time() -> None:
    playlist = parse_media(HEAD + TAIL)
    assert [(part.number, part.index) for part in playlist.parts] == [(7, 0), (7, 1), (8, 0), (8, 1)]
    assert {part.init for part in playlist.parts} == {"i.mp4"}
    first = playlist.parts[0].started_ms
    assert first == 1_767_225_600_000
    assert [part.started_ms - first for part in playlist.parts if part.started_ms] == [0, 300, 500, 800]
    assert (playlist.next_number, playlist.next_index, playlist.hint) == (8, 2, "8.2.m4s")
    assert (playlist.hold_back_s, playlist.part_target_s) == (1.0, 0.3)
    assert playlist.can_block
    assert playlist.can_skip
    assert not playlist.ended


def test_a_delta_update_counts_what_it_leaves_out() -> None:
    playlist = parse_media(HEAD + "#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n" + TAIL)
    assert [part.number for part in playlist.parts] == [12, 12, 13, 13]


def test_a_player_begins_its_hold_back_before_the_end_with_a_keyframe() -> None:
    assert starting_part(parse_media(HEAD + TAIL)) == 0  # 8.0 would be 0.6 s before the end
    longer = TAIL.replace("#EXT-X-PRELOAD", '#EXT-X-PART:DURATION=0.40000,URI="8.2.m4s"\n#EXT-X-PRELOAD')
    assert starting_part(parse_media(HEAD + longer)) == 2
    assert starting_part(parse_media(HEAD)) is None


def test_a_player_of_a_young_stream_waits_until_it_can_hold_back() -> None:
    playlist = parse_media(HEAD + TAIL)
    assert holds_back(playlist, 0)
    assert not holds_back(playlist, 2)  # 0.6 s


def test_an_ended_playlist_says_so() -> None:
    assert parse_media(HEAD + TAIL + "#EXT-X-ENDLIST\n").ended


@pytest.mark.parametrize(
    "text", ["", "<html>", HEAD + "#EXT-X-PART:DURATION=1\n", HEAD + "#EXT-X-PART-INF:X\n"]
)
def test_what_is_no_playlist_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_media(text)


def test_the_first_variant_is_found() -> None:
    assert first_variant("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia.m3u8\n") == "media.m3u8"
    assert first_variant(HEAD + TAIL) is None
