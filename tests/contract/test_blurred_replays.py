"""Recordings of streams that were blurred for a while, on both databases."""

from __future__ import annotations

from pathlib import Path

import orjson

from media.recording.names import init_name, segment_name
from media.recording.poster import make_poster
from moderation.pictures.acts import Spotted
from rooms.recordings.blurs import Stretch, overlap
from rooms.recordings.store import RecordingRow
from server.clips import left_over
from server.replay import Replays
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, ROOM, House
from tests.contract.recording_house import Cinema, cinema, packets, segments_of
from tests.contract.test_replays import Cutting, ask, lengths

HIT_MS, CALM_MS, LENGTH_S = 1_200, 3_300, 6


async def record_blurred(house: House, studio: Cinema, *, calms: bool = True) -> RecordingRow:
    """Its picture is blurred from its beginning on: when the check hits, nothing had been looked at yet."""
    await house.ok("room.change", HOST, recording="on")
    await house.go_live()
    await studio.assigned()
    began_ms, acts = house.now_ms, house.services.picture_acts
    studio.begin()
    spotted = Spotted(
        ROOM, ROOM, None, "blur", began_ms + HIT_MS, (("red", 0.9),), (HOST.id or "",), since_ms=began_ms
    )
    happens = [
        (HIT_MS, Work("hit", lambda tx: acts.act(tx, spotted))),
        (CALM_MS, Work("calm", lambda tx: acts.calm(tx, ROOM, ROOM, "host"))),
    ]
    if not calms:
        happens.pop()
    for number, packet in enumerate(packets(LENGTH_S)):
        house.now_ms = began_ms + packet.at_ms
        while happens and packet.at_ms >= happens[0][0]:
            assert (await house.store.write(happens.pop(0)[1])).ok
        studio.sink.rtp(packet.kind, packet.data, packet.at_ms)
        if number % 40 == 39:
            await studio.sink.drain()
    await studio.sink.drain()
    await house.ok("room.end", HOST)
    await house.run_timers()
    await studio.sink.close()
    return await studio.settle("ready")


async def blurred(house: House, replays: Replays, row: RecordingRow) -> tuple[Stretch, ...]:
    return await house.store.read(lambda conn: replays.blurred(conn, row))


async def test_posters_and_downloads_show_nothing_of_what_was_blurred(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record_blurred(house, studio)
    replays = Replays()
    (stretch,) = await blurred(house, replays, row)
    assert stretch.from_ms == 0
    assert abs(stretch.to_ms - CALM_MS) < 100
    page = await ask(house, replays, row)
    assert page["blurred"] == [stretch.wire]
    segments = await segments_of(house, row.id)
    folder = tmp_path / row.id
    clean = next(one for one in segments if one.media_ms >= stretch.to_ms and one.independent)
    wanted = make_poster(
        (folder / init_name(clean.period)).read_bytes(),
        (folder / segment_name(clean.period, clean.number)).read_bytes(),
    )
    assert (folder / "poster.jpg").read_bytes() == wanted
    cutting = Cutting(house, tmp_path)
    try:
        left, movie = await cutting.downloads.movie(row.id, (stretch,))
        assert left == left_over(segments, (stretch,))
        assert not any(overlap((stretch,), one.media_ms, one.media_ms + one.duration_ms) for one in left)
        data = b"".join([p async for p in cutting.downloads.read(row.id, 0, movie.size, (stretch,))])
        length_s = sum(one.duration_ms for one in left) / 1000
        assert 0 < length_s < LENGTH_S - CALM_MS / 1000
        assert abs(lengths(data)["video"] - length_s) < 0.05
        # One from the middle goes on without a gap.
        middle = (Stretch(clean.media_ms, clean.media_ms + 10),)
        rest, cut = await cutting.downloads.movie(row.id, middle)
        assert [one.number for one in rest] == [one.number for one in segments if one is not clean]
        data = b"".join([p async for p in cutting.downloads.read(row.id, 0, cut.size, middle)])
        assert abs(lengths(data)["video"] - (row.duration_ms - clean.duration_ms) / 1000) < 0.05
        _, whole = await cutting.downloads.movie(row.id)
        assert whole.size > cut.size > movie.size
    finally:
        await cutting.close()
    # Long afterwards a moderator finds that it was a mistake.
    (item,) = [
        one
        for e in house.staff
        if e.kind == "review" and (one := orjson.loads(e.body)["data"]["item"])["kind"] == "picture"
    ]
    assert not any("since" in name for name in item)
    await house.ok("review.decide", MODERATOR, item=item["id"], decision="dismiss")
    assert await blurred(house, replays, row) == ()
    assert (await ask(house, replays, row))["blurred"] == []
    assert await blurred(house, Replays(), row) == ()


async def test_where_all_was_blurred_the_poster_is(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record_blurred(house, studio, calms=False)
    assert await blurred(house, Replays(), row) == (Stretch(0, row.duration_ms),)
    segments = await segments_of(house, row.id)
    assert left_over(segments, (Stretch(0, row.duration_ms),)) == []
    first, folder = segments[0], tmp_path / row.id
    init = (folder / init_name(first.period)).read_bytes()
    part = (folder / segment_name(first.period, first.number)).read_bytes()
    poster = (folder / "poster.jpg").read_bytes()
    assert poster == make_poster(init, part, blurred=True)
    assert poster != make_poster(init, part)
