"""Replays and clips of real recordings, on both databases."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import av
import orjson
import pytest

from media.recording.folder import FolderArchive
from rooms.history import read_events, read_room
from rooms.recordings.clips import ClipRow, ClipRules, Clips, Wanted, file_name, read_clip, read_clips
from rooms.recordings.service import Recordings
from rooms.recordings.store import RecordingRow
from rooms.state import EMPTY, decode_state, fold_all
from server.clips import ClipMaker, Downloads, MovieMaker
from server.replay import Asked, Replays
from server.store.group import Answer, Work
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House
from tests.contract.recording_house import Cinema, cinema, packets

LENGTH_S = 8


async def record(house: House, studio: Cinema, seconds: float = LENGTH_S) -> RecordingRow:
    """A stream in which something happens each second."""
    await house.ok("room.change", HOST, recording="on")
    await house.go_live()
    await studio.assigned()
    stream = packets(seconds)
    tea, cup = [(await add(house, title))["id"] for title in ("Tea", "Cup")]
    happens: list[Any] = [
        lambda: say(house, VIEWER, "first"),
        lambda: house.ok("pin", HOST, product=tea),
        lambda: say(house, OTHER, "second"),
        lambda: say(house, OTHER, "rude"),
        lambda: house.ok("pin", HOST, product=cup),
        lambda: say(house, VIEWER, "last"),
    ]
    began_ms = house.now_ms
    studio.begin()
    for number, packet in enumerate(stream):
        house.now_ms = began_ms + packet.at_ms
        while happens and packet.at_ms >= 1_000 * (7 - len(happens)):
            await happens.pop(0)()
        studio.sink.rtp(packet.kind, packet.data, packet.at_ms)
        if number % 40 == 39:
            await studio.sink.drain()
    await studio.sink.drain()
    await house.ok("room.end", HOST)
    await house.run_timers()
    await studio.sink.close()
    return await studio.settle("ready")


async def add(house: House, title: str) -> dict[str, Any]:
    added = await house.ok("product.add", HOST, title=title, currency="CNY", price_minor=100, stock=5)
    product: dict[str, Any] = added["product"]
    return product


async def say(house: House, who: Any, text: str) -> None:
    await house.ok("comment", who, text=text)


def asking(**more: Any) -> Asked:
    return Asked(**({"from_ms": 0, "to_ms": None, "cursor": None, "limit": 1000, "snapshot": False} | more))


async def ask(house: House, replays: Replays, row: RecordingRow, **more: Any) -> dict[str, Any]:
    made = await house.store.read(lambda conn: replays.timeline(conn, row, asking(**more)))
    page: dict[str, Any] = orjson.loads(made)
    return page


def texts(page: dict[str, Any]) -> list[str]:
    return [item["data"]["text"] for item in page["items"] if item["kind"] == "comment"]


async def test_a_timeline_has_what_happened_when_it_did(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio)
    replays = Replays()
    whole = await ask(house, replays, row)
    assert texts(whole) == ["first", "second", "rude", "last"]
    places = {i["data"].get("text", i["kind"]): i["media_ms"] for i in whole["items"]}
    assert places["first"] == pytest.approx(1_000, abs=250)
    assert places["last"] - places["first"] == pytest.approx(5_000, abs=50)
    assert all(item["media_ms"] <= row.duration_ms for item in whole["items"])
    # Page by page, and stretch by stretch, it is the same.
    paged, cursor = [], None
    while True:
        page = await ask(house, replays, row, limit=2, cursor=cursor)
        paged += page["items"]
        if page["next"] is None:
            break
        cursor = int(page["next"])
    assert paged == whole["items"]
    stretches = [
        await ask(house, replays, row, from_ms=ms, to_ms=ms + 1_700) for ms in range(0, 8_500, 1_700)
    ]
    assert [item for stretch in stretches for item in stretch["items"]] == whole["items"]


async def test_the_state_of_any_place_is_the_fold_of_the_log(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio)
    room = await house.store.read(lambda conn: read_room(conn, ROOM))
    assert room is not None
    epoch = room.epoch
    log = await house.store.read(lambda conn: read_events(conn, ROOM, epoch, after=0))
    replays = Replays()
    for from_ms in (0, 1_500, 2_500, 5_500, row.duration_ms):
        page = await ask(house, replays, row, from_ms=from_ms, snapshot=True)
        shown = decode_state(orjson.dumps(page["snapshot"]))
        follows = page["items"][0]["offset"] if page["items"] else log[-1].offset + 1
        known = [event for event in log if event.offset < follows and event.kind != "recording.stopped"]
        wanted = fold_all(EMPTY, known)
        assert (shown.pins, shown.products) == (wanted.pins, wanted.products), from_ms
        assert [comment.id for comment in shown.comments] == [comment.id for comment in wanted.comments]


async def test_what_is_deleted_afterwards_is_gone(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio)
    replays = Replays()
    before = await ask(house, replays, row, snapshot=True)
    rude = next(item for item in before["items"] if item["data"].get("text") == "rude")
    await house.ok("moderate.delete", HOST, event=rude["id"])
    for from_ms in (0, rude["media_ms"] + 1):
        page = await ask(house, replays, row, from_ms=from_ms, snapshot=True)
        assert rude["id"] not in orjson.dumps(page).decode()
    assert texts(await ask(house, replays, row)) == ["first", "second", "last"]


async def test_chapters_are_the_pins(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio)
    replays = Replays()
    found = await house.store.read(lambda conn: replays.chapters(conn, row))
    assert [chapter.title for chapter in found] == ["Tea", "Cup"]
    assert found[0].to_ms == found[1].from_ms
    assert found[1].to_ms == row.duration_ms


class Cutting:
    """Clips of a house's recordings in a folder."""

    def __init__(self, house: House, folder: Path, rules: ClipRules | None = None) -> None:
        service: Recordings = house.services.recordings
        self.house, self.archive = house, FolderArchive(folder)
        self.clips = Clips(service._standing, service._audit, rules)
        maker = MovieMaker(self.archive)
        self.downloads = Downloads(maker, house.store)
        self.maker = ClipMaker(self.archive, maker, house.store, self.clips)

    async def ask(self, row: RecordingRow, from_ms: int, to_ms: int, who: Any = HOST) -> Answer:
        wanted = Wanted(row.id, "a clip", from_ms, to_ms)
        return await self.house.store.write(
            Work("clip.make", lambda tx: self.clips.ask(tx, row.room_id, wanted, who))
        )

    async def make(self, row: RecordingRow, from_ms: int, to_ms: int) -> ClipRow:
        answer = await self.ask(row, from_ms, to_ms)
        assert answer.ok, answer
        clip_id = orjson.loads(answer.body)["clip"]
        clip = await self.clip(clip_id)
        assert clip is not None
        self.maker.begin(clip)
        await self.maker.wait(clip.id, 20)
        made = await self.clip(clip_id)
        assert made is not None
        return made

    async def clip(self, clip_id: str) -> ClipRow | None:
        return await self.house.store.read(lambda conn: read_clip(conn, clip_id))

    async def close(self) -> None:
        await self.maker.close()
        await self.archive.close()


def lengths(data: bytes) -> dict[str, float]:
    """In seconds, by track; the first picture must be a keyframe at 0."""
    with av.open(io.BytesIO(data), "r") as container:
        packets_ = [p for p in container.demux() if p.pts is not None]
        first = next(p for p in packets_ if p.stream.type == "video")
        assert (first.pts, first.is_keyframe) == (0, True)
        return {s.type: float((s.duration or 0) * (s.time_base or 0)) for s in container.streams}


async def test_clips_are_cut_kept_and_deleted(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio)
    cutting = Cutting(house, tmp_path, ClipRules(most=2))
    try:
        clip = await cutting.make(row, 3_000, 6_000)
        assert (clip.status, clip.from_ms, clip.duration_ms) == ("ready", 2_000, 4_000)
        data = (tmp_path / row.id / file_name(clip.id)).read_bytes()
        assert len(data) == clip.bytes
        assert lengths(data) == pytest.approx({"video": 4.0, "audio": 4.0}, abs=0.05)
        segments, movie = await cutting.downloads.movie(row.id)
        whole = b"".join([piece async for piece in cutting.downloads.read(row.id, 0, movie.size)])
        assert len(segments) == row.segments
        assert lengths(whole)["video"] == pytest.approx(row.duration_ms / 1000, abs=0.05)
        middle = [piece async for piece in cutting.downloads.read(row.id, 1_000, 90_000)]
        assert b"".join(middle) == whole[1_000:90_000]
        await cutting.make(row, 0, 1_000)
        assert (await cutting.ask(row, 0, 1_000)).code == "too_many"
        await house.store.write(
            Work("x", lambda tx: cutting.clips.delete(tx, row.room_id, row.id, clip.id, HOST))
        )
        assert await cutting.clip(clip.id) is None
    finally:
        await cutting.close()


async def test_who_may_not_or_asks_for_too_much_gets_no_clip(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio, 3)
    cutting = Cutting(house, tmp_path, ClipRules(longest_ms=2_000))
    try:
        assert (await cutting.ask(row, 0, 1_500, VIEWER)).code == "forbidden"
        for from_ms, to_ms in ((0, 2_500), (1_000, 1_200), (60_000, 62_000), (2_000, 1_000)):
            assert (await cutting.ask(row, from_ms, to_ms)).code == "bad_request", from_ms
        assert await house.store.read(lambda conn: read_clips(conn, row.id)) == []
    finally:
        await cutting.close()


async def test_a_recording_takes_its_clips_with_it(house: House, tmp_path: Path) -> None:
    async with cinema(house, tmp_path) as studio:
        row = await record(house, studio, 3)
        cutting = Cutting(house, tmp_path)
        clip = await cutting.make(row, 0, 2_000)
        service = house.services.recordings
        answer = await house.store.write(Work("x", lambda tx: service.delete(tx, row.id, HOST)))
        assert answer.ok
        await studio.look()
        assert await cutting.clip(clip.id) is None
        assert await house.store.read(lambda conn: read_clips(conn, row.id)) == []
        assert not await asyncio.to_thread((tmp_path / row.id).exists)
        await cutting.close()
