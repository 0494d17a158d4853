"""Movies cut out of recordings: whole files that play, in step, from their first keyframe."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hls.boxes import Sample, fragment, init_section
from media.hls.h264 import VideoConfig
from media.movie import Movie
from media.movie.box import find, walk
from media.movie.pieces import Pieces
from tests.media.hls.source import broadcast, nal_units, pictures
from tests.media.hls.studio import Studio, decode
from tests.media.movie.archive import Tape

SECOND = 90_000


async def record(seconds: float = 8) -> Tape:
    studio, tape = Studio(), Tape()
    studio.sink._taps.append(tape)
    studio.begin()
    await studio.feed(broadcast(seconds))
    await studio.sink.close()
    await studio.hub.close()
    return tape


def packets(data: bytes, kind: str) -> list[Any]:
    """A track's packets: presentation time in seconds, and whether it is a keyframe."""
    with av.open(io.BytesIO(data), "r") as container:
        return [
            (float(packet.pts * packet.time_base), packet.is_keyframe, bytes(packet))
            for packet in container.demux()
            if packet.stream.type == kind and packet.pts is not None
        ]


async def test_the_whole_recording_is_one_file_with_its_index_first() -> None:
    tape = await record()
    movie = tape.movie()
    data = tape.file(movie)
    assert [box.kind for box in walk(data)] == [b"ftyp", b"moov", b"mdat"]
    assert len(data) == movie.size
    frames = decode(data)
    assert [time for time, _ in frames["video"]] == pytest.approx([n / 25 for n in range(200)])
    assert len(frames["audio"]) >= 8 * 48_000 / 1024 - 6
    steps = [b - a for (a, _), (b, _) in pairwise(frames["audio"])]
    assert steps == pytest.approx([1024 / 48_000] * len(steps))


async def test_a_clip_begins_with_the_keyframe_before_and_ends_on_time() -> None:
    tape = await record()
    movie = tape.movie(3 * SECOND, 7 * SECOND)
    assert (movie.start, movie.duration) == (2 * SECOND, 5 * SECOND)
    data = tape.file(movie)
    video = packets(data, "video")
    assert video[0][:2] == (0.0, True)
    assert len(video) == 125
    assert video[-1][0] == pytest.approx(4.96)
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration == pytest.approx(5_000_000, abs=1000)


async def test_sound_stays_where_it_was_beside_the_pictures() -> None:
    tape = await record()
    source = tape.inits[0] + b"".join(data for _, data in tape.segments)
    before = {"video": packets(source, "video"), "audio": packets(source, "audio")}
    clip = tape.file(tape.movie(5 * SECOND, 7 * SECOND))
    for kind in ("video", "audio"):
        places = {data: time for time, _, data in before[kind]}
        found = [(time, places[data]) for time, _, data in packets(clip, kind) if data in places]
        assert len(found) > 40
        for time, original in found:
            assert original - time == pytest.approx(4.0, abs=0.001)


async def test_a_clip_holds_nothing_from_outside_of_its_range() -> None:
    tape = await record()
    movie = tape.movie(4 * SECOND, 6 * SECOND)
    data = tape.file(movie)
    mdat = find(data, b"mdat")
    inside = b"".join(packet for kind in ("video", "audio") for _, _, packet in packets(data, kind))
    assert mdat.end - mdat.start == len(inside)


async def test_durations_and_edits_agree_as_quicktime_wants_it() -> None:
    tape = await record()
    movie = tape.movie(3 * SECOND, 7 * SECOND)
    data = tape.file(movie)
    moov = find(data, b"moov")
    head = find(data, b"mvhd", moov.start, moov.end)
    scale, length = struct.unpack_from("!II", data, head.start + 12)
    assert length / scale == 5
    tracks = [box for box in walk(data, moov.start, moov.end) if box.kind == b"trak"]
    for track, rate in zip(tracks, (90_000, 48_000), strict=True):
        shown = struct.unpack_from("!I", data, find(data, b"tkhd", track.start, track.end).start + 20)[0]
        media = find(data, b"mdia/mdhd", track.start, track.end)
        media_rate, media_length = struct.unpack_from("!II", data, media.start + 12)
        edits = find(data, b"edts/elst", track.start, track.end)
        count, edit_length, skip = struct.unpack_from("!IIi", data, edits.start + 4)
        assert (count, media_rate, edit_length) == (1, rate, shown)
        assert abs(shown / scale - 5) < 0.03
        assert skip / rate + shown / scale <= media_length / rate + 0.001


def made_by_hand(config: VideoConfig, units: list[bytes], start: int, shifts: list[int]) -> bytes:
    samples = [
        Sample(unit, start + n * 3600, 3600, n == 0, shift)
        for n, (unit, shift) in enumerate(zip(units, shifts, strict=True))
    ]
    return fragment(1, start, samples, [])


def coded(size: tuple[int, int], count: int) -> tuple[VideoConfig, list[bytes]]:
    """The parameter sets of pictures, and the pictures as samples."""
    units = [nal_units(unit) for unit in pictures(count / 25, size=size)]
    sets = {unit[0] & 31: unit for unit in units[0]}
    samples = [
        b"".join(len(u).to_bytes(4, "big") + u for u in unit if u[0] & 31 not in (7, 8)) for unit in units
    ]
    return VideoConfig((sets[7],), (sets[8],)), samples


def joined(*parts: tuple[tuple[int, int], int]) -> tuple[Tape, Movie]:
    """A recording of periods with pictures of these sizes, that many in each."""
    tape, at = Tape(), 0
    for number, (size, count) in enumerate(parts):
        config, samples = coded(size, count)
        tape.inits.append(init_section(config, audio=False))
        tape.segments.append((number, made_by_hand(config, samples, at, [0] * count)))
        at += count * 3600
    return tape, tape.movie()


def test_periods_with_the_same_parameters_are_one() -> None:
    tape, movie = joined(((320, 180), 25), ((320, 180), 25))
    data = tape.file(movie)
    assert len(decode(data)["video"]) == 50
    described = find(data, b"moov/trak/mdia/minf/stbl/stsd")
    assert struct.unpack_from("!I", data, described.start + 4)[0] == 1


def test_a_change_of_resolution_plays_on() -> None:
    tape, movie = joined(((320, 180), 25), ((640, 360), 25), ((320, 180), 25))
    assert (movie.width, movie.height) == (640, 360)
    frames = decode(tape.file(movie))["video"]
    assert [frame.width for _, frame in frames] == [320] * 25 + [640] * 25 + [320] * 25
    assert [time for time, _ in frames] == pytest.approx([n / 25 for n in range(75)])


def test_pictures_shown_in_another_order_than_decoded_keep_their_times() -> None:
    config, samples = coded((320, 180), 4)
    tape = Tape([init_section(config, audio=False)])
    tape.segments.append((0, made_by_hand(config, samples, 9000, [0, -3600, 0, 3600])))
    shown = sorted(time for time, _, _ in packets(tape.file(tape.movie()), "video"))
    assert shown == pytest.approx([0, 0, 0.08, 0.16])


def test_sound_that_begins_late_is_led_in_by_silence() -> None:
    config, samples = coded((320, 180), 50)
    with_sound = init_section(config, audio=True)
    quiet = bytes((0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80))
    sound = [Sample(quiet, 48_000 + n * 1024, 1024) for n in range(40)]
    video = [Sample(unit, n * 3600, 3600, n == 0) for n, unit in enumerate(samples)]
    tape = Tape([with_sound], [(0, fragment(1, 0, video, sound))])
    data = tape.file(tape.movie())
    times = [time for time, _, _ in packets(data, "audio")]
    assert times[:2] == pytest.approx([0, 1.0])
    for _, frame in decode(data)["audio"]:
        heard = struct.unpack(f"={frame.samples}f", bytes(frame.planes[0])[: frame.samples * 4])
        assert max(map(abs, heard)) < 1e-6


def test_what_is_not_ours_is_refused() -> None:
    tape, _ = joined(((320, 180), 5))
    tape.segments[0] = (0, tape.segments[0][1][:-10])
    with pytest.raises(ValueError, match=r"fit|cut off"):
        tape.movie()
    with pytest.raises(ValueError, match="no picture"):
        Tape([tape.inits[0]], []).movie()


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40), st.integers(0, 30)), max_size=12), st.data())
def test_any_stretch_of_the_pieces_is_that_stretch(
    parts: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    sources = {n: bytes((n * 70 + i) % 251 for i in range(80)) for n in (1, 2, 3)}
    pieces, whole = Pieces(), b""
    for number, start, length in parts:
        assert pieces.add(number, start, length) == len(whole)
        whole += sources[number][start : start + length]
    begin = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(begin, len(whole)))
    read = b"".join(sources[n][at : at + size] for n, at, size in pieces.between(begin, stop))
    assert read == whole[begin:stop]
