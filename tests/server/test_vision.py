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
import orjson
import pytest
from aiortc import RTCPeerConnection
from PIL import Image
from sqlalchemy import select

from media.vision import process
from moderation.rulebook.rules import RoomRules
from rooms.log import staff_events, user_events
from server.config import load
from server.node import Node
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
        body = {"key": key()}
        path = f"/api/v1/rooms/{ROOM}/commands/picture.clear"
        status, answer = await self.ask("POST", path, "root", json=body)
        assert status == 200, answer

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
        on = {"stream": "host", "on": True}
        await until(lambda: house.log("stream.blurred"), lambda log: log == [on], "it is blurred")
        assert [told["measure"] for told in await house.told("mei")] == ["blur"]
        assert house.node.picture.hls.posters.is_blurred(ROOM)
        encoder.paint(red=False)
        off = {"stream": "host", "on": False}
        await until(lambda: house.log("stream.blurred"), lambda log: log == [on, off], "it is sharp again")
        assert not house.node.picture.hls.posters.is_blurred(ROOM)
        encoder.paint(red=True)
        await until(lambda: house.log("stream.blurred"), lambda log: log == [on, off, on], "blurred again")
        await house.clear()
        assert await house.log("stream.blurred") == [on, off, on, off]
        assert not house.node.picture.hls.posters.is_blurred(ROOM)
        before = await house.checked()
        await until(house.checked, lambda n: n >= before + 2, "two more red frames were looked at")
        assert await house.log("stream.blurred") == [on, off, on, off]
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
        status, problem = await house.offer()
        assert (status, problem["code"]) == (422, "picture_refused")
        await house.clear()
        assert (await house.offer())[0] == 201


async def test_the_room_goes_on_without_the_worker_which_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "RESTART_MIN_S", 0.5)
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
        assert (await house.upload(colours.GREY, "PUT", "/api/v1/me/avatar"))[0] == 200


async def test_uploads_are_taken_unseen_where_the_settings_say_so(tmp_path: Path) -> None:
    async with housed(tmp_path, uploads="accept") as house:
        assert (await house.upload(colours.BLUE_FAILS))[0] == 201
        assert house.count("danmart_vision_uploads_total", outcome="unchecked") == 1
        assert (await house.upload(colours.RED))[0] == 422
