"""A stream without the pattern is measured by sender reports."""

from __future__ import annotations

import pytest

from clients.probe.run import probe
from tests.media.world import _loopback_candidates, running_world

__all__ = ["_loopback_candidates"]  # fixtures


@pytest.mark.alone  # aiortc reports when a picture was sent, not taken: late beside other tests
async def test_latency_of_any_stream_is_known_from_the_node_on() -> None:
    async with running_world() as world:
        await world.publish()
        await world.until_said("live:alice")
        (seen,) = await probe(world.base, "demo", None, ("whep",), 2.5)
    assert seen.error is None
    assert seen.by == "sender_report"
    assert seen.glass_p50_ms is not None
    assert -100 < seen.glass_p50_ms < 3_000
    assert (seen.width, seen.height) == (160, 120)
    assert seen.av_offset_ms is None


async def test_a_protocol_that_is_not_there_is_an_error_and_no_exception() -> None:
    async with running_world() as world:
        (seen,) = await probe(world.base, "demo", None, ("hls",), 1.0)
    assert seen.frames == 0
    assert "404" in str(seen.error)
