"""Pictures are checked at a whole node: real streams by RTMP and WHIP, uploads, and a worker that is lost."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import av
import orjson
import pytest
from aiortc import RTCPeerConnection
from PIL import Image
from sqlalchemy import select

from media.checks import keeper
from moderation.pictures.store import PICTURE_STATES, PictureState
from moderation.rulebook.rules import RoomRules
from rooms.heads import ROOMS
from rooms.log import staff_events, user_events
from rooms.rows import Steps
from rooms.unit import Unit
from server import late_checks
from server.config import load
from server.node import Node
from server.store.group import Work
from tests.media.rtmp.encoder import Encoder, encoding
from tests.media.vision import colours
from tests.media.vision.test_process import alive, picture
from tests.server.world import SECRET, key, token

pytestmark = pytest.mark.may_block  # a node starts in the loop; the worker's own tests are guarded
ROOM = "tea"
DEADLINE_S = 30.0
QUICK = {"every_s": 0.5, "hits": 1, "of": 1, "calm": 1, "timeout_s": 1.0}


@dataclass
class Fixed:
    """The rules of all rooms, as the test sets them."""

    measure: str

    def of(self, room_id: str) -> RoomRules:
        return RoomRules.model_validate({"picture": self.measure})


@dataclass
class House:
    """A node in this process with a room, and its host's stream key."""

    node: Node
    http: aiohttp.ClientSession
    rules: Fixed
    key: str = ""

    async def ask(self, method: str, path: str, user: str | None = "mei", **more: Any) -> tuple[int, Any]:
        claims = {"mei": {"may_host": True}, "root": {"operator": True}}.get(user or "", {})
        headers = {"Authorization": f"Bearer {token(user, user, **claims)}"} if user else {}
        headers |= more.pop("headers", {})
        async with self.http.request(method, path, headers=headers, **more) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, orjson.loads(body) if is_json else body

    async def log(self, kind: str) -> list[dict[str, Any]]:
        _, page = await self.ask("GET", f"/api/v1/rooms/{ROOM}/events?limit=200")
        return [event["data"] for event in page["items"] if event["kind"] == kind]

    async def blurs(self) -> list[dict[str, Any]]:
        """What the log says of blurs, without the times."""
        said = await self.log("stream.blurred")
        return [{name: one[name] for name in ("stream", "on")} for one in said]

    async def do(self, command: str, user: str = "mei", **payload: Any) -> Any:
        path = f"/api/v1/rooms/{ROOM}/commands/{command}"
        status, answer = await self.ask("POST", path, user, json={"key": key(), **payload})
        assert status == 200, answer
        return answer

    async def staff(self, kind: str) -> list[dict[str, Any]]:
        query = select(staff_events.c.body).where(staff_events.c.kind == kind).order_by(staff_events.c.seq)
        rows = await self.node.store.read(lambda conn: list(conn.scalars(query)))
        return [orjson.loads(row)["data"] for row in rows]

    async def told(self, user: str) -> list[dict[str, Any]]:
        query = select(user_events.c.body).where(user_events.c.user_id == user)
        rows = await self.node.store.read(lambda conn: list(conn.scalars(query)))
        return [orjson.loads(row)["data"] for row in rows]

    async def audit(self) -> list[str]:
        _, page = await self.ask("GET", f"/api/v1/rooms/{ROOM}/audit")
        return [line["action"] for line in page["items"] if line["action"].startswith("picture.")]

    async def status(self) -> str:
        return str((await self.ask("GET", f"/api/v1/rooms/{ROOM}"))[1]["status"])

    async def clear(self) -> None:
        await self.do("picture.clear", "root")

    async def poster(self) -> Image.Image | None:
        status, body = await self.ask("GET", f"/api/v1/rooms/{ROOM}/poster.jpg")
        if status != 200:
            return None
        with Image.open(io.BytesIO(body)) as image:
            return image.convert("RGB")

    async def checked(self) -> float:
        return self.count("danmart_vision_frames_total", outcome="checked")

    async def ready(self) -> float:
        return self.count("danmart_vision_ready")

    async def offer(self) -> tuple[int, Any]:
        """What becomes of a publisher's offer by WHIP."""
        peer = RTCPeerConnection()
        peer.addTransceiver("video", direction="sendonly")
        sdp = (await peer.createOffer()).sdp
        await peer.close()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/sdp"}
        return await self.ask("POST", f"/whip/{ROOM}", data=sdp, headers=headers)

    def count(self, name: str, **labels: str) -> float:
        return self.node.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[Encoder]:
        url = f"rtmp://127.0.0.1:{self.node.picture.media.rtmp_port}/live/{ROOM}?key={self.key}"
        async with encoding(url, gop=10, sound=0) as encoder:
            await until(self.status, lambda status: status == "live", "the stream is live")
            yield encoder

    async def upload(
        self, colour: tuple[int, int, int], method: str = "POST", path: str = f"/api/v1/rooms/{ROOM}/pictures"
    ) -> tuple[int, Any]:
        headers = {"Content-Type": "image/png"}
        data = picture(colour).data
        return await self.ask(method, path, data=data, headers=headers)


async def until(ask: Callable[[], Any], fits: Callable[[Any], bool], what: str) -> Any:
    """What ``ask`` gives, once it fits."""
    async with asyncio.timeout(DEADLINE_S):
        while not fits(found := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert fits(found), what
    return found


@asynccontextmanager
async def housed(folder: Path, measure: str = "alert", **vision: Any) -> AsyncIterator[House]:
    checks = {"checker": "tests.media.vision.colours:make", **QUICK, **vision}
    chosen = {
        "node": {"data_dir": folder, "secret": SECRET},
        "listen": {"port": 0},
        "media": {"rtmp": {"port": 0}, "grace_s": 1},
        "vision": checks,
    }
    node = Node(load(None, chosen, environ={}))
    rules = Fixed(measure)
    object.__setattr__(node.picture.vision._ground, "rules", rules.of)
    await node.start()
    try:
        async with aiohttp.ClientSession(node.url) as http:
            house = House(node, http, rules)
            status, _ = await house.ask("POST", "/api/v1/rooms", json={"id": ROOM, "title": "Tea"})
            assert status == 201
            _, made = await house.ask("POST", f"/api/v1/rooms/{ROOM}/stream-keys", json={"label": "OBS"})
            house.key = made["key"]
            assert await node.picture.vision.worker.until_ready(DEADLINE_S)
            yield house
    finally:
        await node.close()


def is_red(image: Image.Image) -> bool:
    return colours.look(image)["red"] > 0.5


async def test_moderators_are_told_of_a_hit_and_see_a_still(tmp_path: Path) -> None:
    async with housed(tmp_path) as house, house.stream() as encoder:
        await until(house.checked, lambda n: n >= 1, "a clean frame was looked at")
        assert await house.staff("picture_hit") == []
        encoder.paint(red=True)
        (hit,) = await until(lambda: house.staff("picture_hit"), bool, "the moderators are told")
        assert (hit["stream"], hit["measure"], hit["classes"][0]["name"]) == ("host", "alert", "red")
        assert hit["score"] == hit["classes"][0]["score"] > 0.5
        status, clear = await house.ask("GET", f"{hit['picture']}?clear=1")
        assert status == 200
        with Image.open(io.BytesIO(clear)) as image:
            assert image.size == (160, 120)
            assert is_red(image.convert("RGB"))
        status, blurred = await house.ask("GET", hit["picture"])
        assert status == 200
        assert blurred != clear
        assert (await house.ask("GET", hit["picture"], "lin"))[0] == 403
        assert (await house.ask("GET", hit["picture"], None))[0] == 401
        assert await house.audit() == ["picture.alert"]
        assert await house.log("stream.blurred") == []  # that is nothing for everybody
        assert await house.told("mei") == []
        assert await house.status() == "live"


async def test_a_blurred_picture_is_so_until_it_is_clean_or_a_moderator_says_so(tmp_path: Path) -> None:
    async with housed(tmp_path, "blur") as house, house.stream() as encoder:
        await until(house.poster, lambda image: image is not None and not is_red(image), "a poster")
        encoder.paint(red=True)
        on, off = {"stream": "host", "on": True}, {"stream": "host", "on": False}
        await until(house.blurs, lambda log: log == [on], "it is blurred")
        assert [told["measure"] for told in await house.told("mei")] == ["blur"]
        assert house.node.picture.hls.posters.is_blurred(ROOM)
        encoder.paint(red=False)
        await until(house.blurs, lambda log: log == [on, off], "it is sharp again")
        assert not house.node.picture.hls.posters.is_blurred(ROOM)
        encoder.paint(red=True)
        await until(house.blurs, lambda log: log == [on, off, on], "blurred again")
        await house.clear()
        assert await house.blurs() == [on, off, on, off]
        assert not house.node.picture.hls.posters.is_blurred(ROOM)
        before = await house.checked()
        await until(house.checked, lambda n: n >= before + 2, "two more red frames were looked at")
        assert await house.blurs() == [on, off, on, off]
        assert await house.audit() == [
            "picture.clear",
            "picture.blur",
            "picture.sharp",
            "picture.blur",
        ]


async def test_an_interrupted_stream_is_over_and_stays_so_for_a_while(tmp_path: Path) -> None:
    async with housed(tmp_path, "interrupt") as house:
        async with house.stream() as encoder:
            encoder.paint(red=True)
            await until(house.status, lambda status: status == "ended", "the stream is over")
            assert (await encoder.failed()) != ""
        ends = [data for data in await house.log("room.status") if data["status"] == "ended"]
        assert ends == [{"status": "ended", "reason": "moderation"}]
        (why,) = await house.told("mei")
        assert (why["measure"], why["classes"][0]["name"]) == ("interrupt", "red")
        assert await house.audit() == ["picture.interrupt"]
        on, off = {"stream": "host", "on": True}, {"stream": "host", "on": False}
        await until(house.blurs, lambda log: log == [on, off], "it was blurred to its end")
        status, problem = await house.offer()
        assert (status, problem["code"]) == (422, "picture_refused")
        await house.clear()
        assert (await house.offer())[0] == 201


async def test_the_room_goes_on_without_the_worker_which_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RESTART_MIN_S", 0.5)
    async with housed(tmp_path) as house, house.stream() as encoder:
        await until(house.checked, lambda n: n >= 1, "a frame was looked at")
        worker = house.node.picture.vision.worker
        pid = worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(house.ready, lambda ready: not ready, "that is noticed")
        assert await house.status() == "live"
        encoder.paint(red=True)
        (hit,) = await until(lambda: house.staff("picture_hit"), bool, "looked at by another")
        assert hit["classes"][0]["name"] == "red"
        assert worker.pid != pid
        assert house.count("danmart_vision_restarts_total") == 1
        last = worker.pid
    assert last is not None
    assert not alive(last)  # it has gone with the node


async def test_uploads_are_looked_at_before_they_are_taken(tmp_path: Path) -> None:
    async with housed(tmp_path) as house:
        status, made = await house.upload(colours.GREY)
        assert status == 201
        assert (await house.ask("GET", made["url"], None))[0] == 200
        status, problem = await house.upload(colours.RED)
        assert (status, problem["code"]) == (422, "picture_refused")
        assert "red" in str(problem)
        assert await house.audit() == ["picture.refuse"]
        status, problem = await house.upload(colours.BLUE_FAILS)  # nobody can say what is on it
        assert (status, problem["code"]) == (503, "temporarily_unavailable")
        house.rules.measure = "off"
        assert (await house.upload(colours.RED))[0] == 201
        # What is shown in all rooms is looked at whatever one of them says.
        status, problem = await house.upload(colours.RED, "PUT", "/api/v1/me/avatar")
        assert (status, problem["code"]) == (422, "picture_refused")
        status, answer = await house.upload(colours.GREY, "PUT", "/api/v1/me/avatar")
        assert status == 200
        async with house.http.get(f"/avatars/{answer['avatar']}") as response:
            assert "immutable" in response.headers["Cache-Control"]


async def test_uploads_are_taken_unseen_where_the_settings_say_so(tmp_path: Path) -> None:
    async with housed(tmp_path, uploads="accept") as house:
        assert (await house.upload(colours.BLUE_FAILS))[0] == 201
        assert house.count("danmart_vision_uploads_total", outcome="unchecked") == 1
        assert (await house.upload(colours.RED))[0] == 422


async def test_what_nobody_had_looked_at_is_withheld_when_somebody_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_checks, "REST_S", 0.05)
    monkeypatch.setattr(late_checks, "READY_S", 0.05)  # the checker comes up after the task
    async with housed(tmp_path, "off", late_per_min=6000) as house:
        (_, red), (_, grey) = await house.upload(colours.RED), await house.upload(colours.GREY)
        _, shown = await house.ask("GET", red["url"], None)
        house.rules.measure = "alert"

        async def queue() -> list[Any]:
            return list((await house.ask("GET", f"/api/v1/rooms/{ROOM}/review", "root"))[1]["items"])

        (item,) = await until(queue, bool, "the moderators are asked")
        assert (item["upload"], item["classes"][0]["name"]) == (red["url"], "red")
        _, drawing = await house.ask("GET", red["url"], None)
        with Image.open(io.BytesIO(drawing)) as image:
            assert not is_red(image.convert("RGB"))
        seen = f"/api/v1/rooms/{ROOM}{red['url']}"
        assert item["picture"] == seen
        assert (await house.ask("GET", seen, "lin"))[0] == 403
        assert (await house.ask("GET", f"{seen}?clear=1", "mei"))[1] == shown
        _, blurred = await house.ask("GET", seen, "mei")
        with Image.open(io.BytesIO(blurred)) as image:
            assert image.format == "JPEG"
        (told,) = await house.told("mei")
        assert told["upload"] == red["url"]
        await house.do("review.decide", "root", item=item["id"], decision="dismiss")
        assert (await house.ask("GET", red["url"], None))[1] == shown

        async def cached() -> str:
            async with house.http.get(grey["url"]) as response:
                return response.headers["Cache-Control"]

        await until(cached, lambda said: "immutable" in said, "the clean one may be kept for good")

        async def waiting() -> float:
            return house.count("danmart_vision_unchecked")

        await until(waiting, lambda n: n == 0, "the next step has counted")
        assert sorted(await house.audit()) == ["picture.restore", "picture.withhold"]


@pytest.mark.soak
async def test_a_stream_that_was_blurred_has_no_clear_poster_when_it_goes_on(tmp_path: Path) -> None:
    async with housed(tmp_path, "off") as house:  # so that nothing but what is known can blur it
        row = PictureState(ROOM, ROOM, 1, 0, 0)
        await house.node.store.write(Work("blurred", lambda tx: blurred(tx, row)))
        async with house.stream():
            posters = house.node.picture.hls.posters

            async def is_blurred() -> bool:
                return posters.is_blurred(ROOM)

            await until(is_blurred, bool, "its posters are blurred")


def blurred(tx: Unit, row: PictureState) -> Steps[None]:
    yield ROOMS.rows(ROOM)
    yield PICTURE_STATES.rows(row.stream)
    tx.put(PICTURE_STATES, row)


def reds(movie: bytes) -> list[bool]:
    """Whether each picture of a file is red."""
    with av.open(io.BytesIO(movie), "r") as container:
        return [is_red(frame.to_image()) for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_what_viewers_were_not_to_see_is_not_handed_out_afterwards(tmp_path: Path) -> None:
    async with housed(tmp_path, "blur", calm=2) as house:
        await house.do("room.change", recording="on")
        async with house.stream() as encoder:
            encoder.paint(red=True)  # from its beginning on
            await until(house.blurs, bool, "it is blurred")
            encoder.paint(red=False)
            await until(house.blurs, lambda log: len(log) == 2, "it is sharp again")
            before = await house.checked()
            await until(house.checked, lambda n: n >= before + 8, "it goes on for some seconds")
            encoder.paint(red=True)
            await until(house.blurs, lambda log: len(log) == 3, "it is blurred again")
            encoder.paint(red=False)
            await until(house.blurs, lambda log: len(log) == 4, "it is sharp again")
            before = await house.checked()
            await until(house.checked, lambda n: n >= before + 4, "it goes on for some seconds")
            await house.do("room.end")

        async def ready() -> list[Any]:
            _, page = await house.ask("GET", f"/api/v1/rooms/{ROOM}/recordings")
            return [one for one in page["items"] if one["status"] == "ready"]

        (card,) = await until(ready, bool, "the recording is ready")
        base = f"/api/v1/recordings/{card['id']}"
        first, second = (await house.ask("GET", f"{base}/timeline", None))[1]["blurred"]
        assert first["from_ms"] < 600
        assert first["to_ms"] < second["from_ms"] < second["to_ms"] <= card["duration_ms"]
        _, poster = await house.ask("GET", card["poster"], None)
        with Image.open(io.BytesIO(poster)) as image:
            assert not is_red(image.convert("RGB"))

        # A file has nothing of it, unless who looks after the recordings asks for it.
        _, made = await house.ask("POST", f"{base}/download")
        assert made["left_out"] == [first, second]
        _, cut = await house.ask("GET", made["url"], None)
        assert len(cut) == made["bytes"]
        assert len(pictures := reds(cut)) > 20
        assert not any(pictures)
        assert (await house.ask("GET", f"{made['url']}&blurred=1", None))[0] == 403
        _, whole = await house.ask("POST", f"{base}/download?blurred=1")
        assert whole["left_out"] == []
        pictures = reds((await house.ask("GET", whole["url"], None))[1])
        assert any(pictures)
        assert not all(pictures)

        # Nor has a clip.
        between = {"from_ms": first["to_ms"], "to_ms": second["from_ms"] - 100}
        (status, problem) = await house.ask(
            "POST", f"{base}/clips", json={"from_ms": 0, "to_ms": between["to_ms"]}
        )
        assert (status, problem["code"]) == (409, "was_blurred")
        assert problem["errors"] == {"blurred": [first, second]}
        status, clip = await house.ask("POST", f"{base}/clips", json=between)
        assert (status, clip["clip"]["status"]) == (201, "ready"), clip
        assert first["to_ms"] <= clip["clip"]["from_ms"] < first["to_ms"] + 2_500
        assert not any(reds((await house.ask("GET", clip["clip"]["url"], None))[1]))

        # A moderator looks, and nothing was wrong.
        _, queue = await house.ask("GET", f"/api/v1/rooms/{ROOM}/review", "root")
        await house.do("review.decide", "root", item=queue["items"][0]["id"], decision="dismiss")
        assert (await house.ask("GET", f"{base}/timeline", None))[1]["blurred"] == []
        _, made = await house.ask("POST", f"{base}/download")
        assert made["left_out"] == []
