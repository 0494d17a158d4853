"""Sound is checked at a whole node: real streams by RTMP, their words judged by the room's own lists."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from media.checks import keeper
from moderation.rulebook.rules import RoomRules
from server.config import load
from server.node import Node
from tests.media.rtmp.encoder import encoding
from tests.server.test_vision import DEADLINE_S, ROOM, House, until
from tests.server.world import SECRET, key

pytestmark = pytest.mark.may_block  # a node starts in the loop; the worker's own tests are guarded
HEARING = {
    "checker": "tests.media.hearing.tones:says",
    "every_s": 2,
    "window_s": 1,
    "lead_s": 0,
}


class Rule:
    """The rule of all rooms, as the test sets it."""

    def __init__(self, sound: str) -> None:
        self.sound = sound

    def of(self, room_id: str) -> RoomRules:
        return RoomRules.model_validate({"sound": self.sound})


class Ears(House):
    """A house with a host who says what is in a file."""

    says: Path

    async def windows(self) -> float:
        return self.count("danmart_hearing_windows_total", outcome="checked")

    @asynccontextmanager
    async def sounding(self) -> AsyncIterator[None]:
        url = f"rtmp://127.0.0.1:{self.node.picture.media.rtmp_port}/live/{ROOM}?key={self.key}"
        async with encoding(url, gop=10):
            await until(self.status, lambda status: status == "live", "the stream is live")
            yield

    async def clear_sound(self) -> None:
        path = f"/api/v1/rooms/{ROOM}/commands/sound.clear"
        status, answer = await self.ask("POST", path, "root", json={"key": key()})
        assert status == 200, answer

    async def sounds(self) -> list[dict[str, Any]]:
        _, page = await self.ask("GET", f"/api/v1/rooms/{ROOM}/audit")
        return [line for line in page["items"] if line["action"].startswith("sound.")]


@asynccontextmanager
async def housed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, measure: str = "alert"
) -> AsyncIterator[Ears]:
    says = folder / "says"
    says.write_text("welcome to my stream")
    monkeypatch.setenv("HEARING_TEST_SAYS", str(says))
    chosen = {
        "node": {"data_dir": folder, "secret": SECRET},
        "listen": {"port": 0},
        "media": {"rtmp": {"port": 0}, "grace_s": 1},
        "hearing": HEARING,
    }
    node = Node(load(None, chosen, environ={}))
    rule = Rule(measure)
    object.__setattr__(node.picture.hearing._ground, "rules", rule.of)
    await node.start()
    try:
        async with aiohttp.ClientSession(node.url) as http:
            house = Ears(node, http, rule)  # type: ignore[arg-type]
            house.says = says
            status, _ = await house.ask("POST", "/api/v1/rooms", json={"id": ROOM, "title": "Tea"})
            assert status == 201
            _, made = await house.ask("POST", f"/api/v1/rooms/{ROOM}/stream-keys", json={"label": "OBS"})
            house.key = made["key"]
            assert await node.picture.hearing.listener.until_ready(DEADLINE_S)
            yield house
    finally:
        await node.close()


async def test_moderators_read_and_hear_what_the_rooms_own_lists_catch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with housed(tmp_path, monkeypatch) as house:
        path = f"/api/v1/rooms/{ROOM}/moderation/lists/rivals"
        headers = {"Content-Type": "text/plain"}
        status, _ = await house.ask("PUT", path, data="zibblewock\n", headers=headers)
        assert status in (200, 201)
        async with house.sounding():
            await until(house.windows, lambda n: n >= 1, "a clean window was listened to")
            assert await house.staff("sound_hit") == []
            house.says.write_text("better than Zibblewock, I promise")
            (hit,) = await until(lambda: house.staff("sound_hit"), bool, "the moderators are told")
            assert (hit["stream"], hit["measure"], hit["text"]) == ("host", "alert", house.says.read_text())
            (reason,) = hit["reasons"]
            assert hit["text"][reason["start"] : reason["end"]] == "Zibblewock"
            assert reason["code"] == "rivals"
            assert 0 <= hit["into_ms"] < 60_000
            assert 900 <= hit["duration_ms"] <= 1_100
            status, ogg = await house.ask("GET", hit["sound"])
            assert status == 200
            with av.open(io.BytesIO(ogg), "r") as container:
                assert 0.8 < (container.duration or 0) / av.time_base < 1.3
            assert (await house.ask("GET", hit["sound"], "lin"))[0] == 403
            assert (await house.ask("GET", hit["sound"], None))[0] == 401
            (line,) = await house.sounds()
            assert (line["action"], line["detail"]["text"]) == ("sound.alert", hit["text"])
            assert await house.told("mei") == []
            assert await house.status() == "live"


@pytest.mark.soak
async def test_an_interrupted_stream_is_over_and_stays_so_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with housed(tmp_path, monkeypatch, "interrupt") as house:
        async with house.sounding():
            await until(house.windows, lambda n: n >= 1, "a clean window was listened to")
            house.says.write_text("call me at 138 1234 5678")
            await until(house.status, lambda status: status == "ended", "the stream is over")
        ends = [data for data in await house.log("room.status") if data["status"] == "ended"]
        assert ends == [{"status": "ended", "reason": "moderation"}]
        (why,) = await house.told("mei")
        assert (why["measure"], why["stream"]) == ("interrupt", "host")
        status, problem = await house.offer()
        assert (status, problem["code"]) == (422, "sound_refused")
        await house.clear_sound()
        assert (await house.offer())[0] == 201


@pytest.mark.soak
async def test_the_room_goes_on_without_the_worker_which_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RESTART_MIN_S", 0.5)
    async with housed(tmp_path, monkeypatch) as house, house.sounding():
        await until(house.windows, lambda n: n >= 1, "a window was listened to")
        pid = house.node.picture.hearing.listener.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        house.says.write_text("call me at 138 1234 5678")
        (hit,) = await until(lambda: house.staff("sound_hit"), bool, "heard by another")
        assert hit["reasons"][0]["check"] == "contacts"
        assert await house.status() == "live"
        assert house.node.picture.hearing.listener.pid not in (None, pid)
        assert house.count("danmart_hearing_restarts_total") == 1
