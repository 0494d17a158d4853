"""A node that has no time for more viewers says so, and where else the picture is."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from media.load import LoopLoad
from tests.media.test_http import offer, refusal
from tests.media.world import running_world, until


def test_load_is_what_the_loop_takes_and_how_late_it_is() -> None:
    load = LoopLoad()
    for beat in range(81):  # every 50 ms; half of each is work
        load.beat(beat * 0.05, beat * 0.025, next_in_s=0.05)
    assert load.busy == pytest.approx(0.5)
    assert load.lag_s == pytest.approx(0)
    for beat in range(60):  # each beat comes 100 ms late, and all of it was work
        load.beat(4 + beat * 0.15, 2 + beat * 0.15, next_in_s=0.05)
    assert load.busy == pytest.approx(1)
    assert load.lag_s == pytest.approx(0.1, rel=0.05)


def test_one_long_call_is_no_overload() -> None:
    load = LoopLoad()
    for beat in range(40):
        load.beat(beat * 0.05, beat * 0.001, next_in_s=0.05)
    load.beat(2.5, 0.6, next_in_s=0.05)
    assert load.lag_s < 0.1
    assert load.busy < 0.5


def test_a_loop_without_beats_is_not_late() -> None:
    load = LoopLoad()
    load.beat(0, 0, next_in_s=0.05)
    load.rest()
    load.beat(100, 1, next_in_s=0.05)
    assert (load.busy, load.lag_s) == (0, 0)


async def test_busy_node_sends_viewers_to_hls_and_takes_them_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = SimpleNamespace(monotonic=time.monotonic, thread_time=time.monotonic)  # it works all the time
    monkeypatch.setattr("media.service.time", clocks)
    monkeypatch.setattr("media.load._WINDOW_S", 0.3)
    async with running_world(busy_max=0.5) as world:
        await world.publish()
        await world.until_said("live:alice")
        load = world.service._node.load
        await until(lambda: load.busy > 0.5, "a busy loop")
        response = await world.post("/whep/demo", offer("recvonly"))
        assert response.headers["Link"].startswith("</hls/demo/index.m3u8>")
        assert int(response.headers["Retry-After"]) > 0
        assert await refusal(response) == (503, "node_full")
        clocks.thread_time = lambda: 0.0
        await until(lambda: load.busy <= 0.5, "an idle loop")
        assert (await world.post("/whep/demo", offer("recvonly"))).status == 201
