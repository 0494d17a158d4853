"""A change of a rulebook on one node, on another: how soon it holds there."""

from __future__ import annotations

import time

import pytest

from tests.server.test_rulebooks import Desk
from tests.server.world import World


@pytest.mark.alone
async def test_a_word_added_on_one_node_is_refused_on_another_within_half_a_second(
    cluster: list[World],
) -> None:
    here, there = cluster
    room, host = await here.room()
    desk, viewer = Desk(here, f"/rooms/{room}", host.user or ""), await there.viewer(room)
    took_s = []
    for n in range(5):
        word = f"zorblax{n}zorblax"
        await viewer.ok("comment", text=word)
        status, _ = await desk.put(f"list{n}", word)
        assert status == 200
        began = time.monotonic()
        while (await viewer.do("comment", text=word))["ok"]:
            pass
        took_s.append(time.monotonic() - began)
    assert max(took_s) < 0.5, took_s
