"""What pages report of their latency, and what hosts are told of it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from server.auth import GUEST
from server.latency import Latencies, Stats, Via
from server.live.connection import Connection
from tests.server.world import World


class Streams:
    """A node with 40 ms of uplink, three viewers by WHEP and one by HLS."""

    def __init__(self) -> None:
        self.uplink: float | None = 40.0

    def uplink_ms(self, room: str) -> float | None:
        return self.uplink

    def viewers(self, room: str) -> dict[Via, int]:
        return {"whep": 3, "hls": 1}


class Bench:
    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.streams, self.registry = Streams(), CollectorRegistry()
        self.latencies = Latencies(self.streams, self.registry, lambda: self.now_ms)

    def viewer(self, room: str = "r") -> Connection:
        connection = Connection("c", GUEST, None, "")  # type: ignore[arg-type]
        connection.room_id = room
        return connection

    def report(self, connection: Connection, behind_ms: int, via: Via = "whep", room: str = "r") -> None:
        self.latencies.take(connection, Stats(room=room, via=via, behind_ms=behind_ms))

    def said(self, room: str = "r") -> dict[str, Any]:
        self.now_ms += 2_000
        found: dict[str, Any] = self.latencies.signal(room)["latency"]
        return found

    def counted(self, name: str, via: Via = "whep") -> float:
        return self.registry.get_sample_value(f"{name}_count", {"protocol": via}) or 0


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_pages_report_is_put_on_top_of_the_way_to_the_node(bench: Bench) -> None:
    for behind in range(100, 200):
        bench.report(bench.viewer(), behind)
    bench.report(bench.viewer(), 1_500, "hls")
    said = bench.said()
    assert said["uplink_ms"] == 40
    assert said["whep"] == {"viewers": 3, "reports": 100, "p50_ms": 189, "p95_ms": 234}
    assert said["hls"] == {"viewers": 1, "reports": 1, "p50_ms": 1_540, "p95_ms": 1_540}
    assert bench.counted("danmart_media_glass_ms") == 100
    assert bench.registry.get_sample_value("danmart_media_glass_ms_sum", {"protocol": "hls"}) == 1_540


def test_a_page_counts_once_in_ten_seconds_and_in_its_own_room_only(bench: Bench) -> None:
    viewer = bench.viewer()
    bench.report(viewer, 100)
    bench.report(viewer, 900)
    bench.report(bench.viewer("elsewhere"), 900)
    assert bench.said()["whep"]["p95_ms"] == 140
    bench.now_ms += 10_000
    bench.report(viewer, 200)
    assert bench.said()["whep"]["reports"] == 2


def test_old_reports_are_forgotten(bench: Bench) -> None:
    bench.report(bench.viewer(), 100)
    bench.now_ms += 31_000
    assert bench.said()["whep"] == {"viewers": 3, "reports": 0, "p50_ms": None, "p95_ms": None}


def test_a_node_that_has_not_the_publisher_measures_from_itself_on(bench: Bench) -> None:
    bench.streams.uplink = None
    bench.report(bench.viewer(), 100)
    assert bench.said()["whep"]["p50_ms"] == 100
    assert bench.counted("danmart_media_glass_ms") == 0
    assert bench.counted("danmart_media_playout_ms") == 1


def test_the_way_to_another_node_is_what_that_node_says(bench: Bench) -> None:
    bench.streams.uplink = None
    bench.latencies.hear({"room": "r", "uplink_ms": 70.4})
    bench.latencies.hear({"room": "r", "slot": "g1", "uplink_ms": 900.0})
    bench.latencies.hear({"room": "other", "uplink_ms": 800.0})
    bench.report(bench.viewer(), 100)
    said = bench.said()
    assert (said["uplink_ms"], said["whep"]["p50_ms"]) == (70, 170)
    assert bench.counted("danmart_media_glass_ms") == 1
    bench.latencies.hear({"room": "r", "uplink_ms": None})
    bench.now_ms += 5_000
    said = bench.said()
    assert (said["uplink_ms"], said["whep"]["p50_ms"]) == (None, 100)


def test_it_is_said_every_two_seconds_at_most(bench: Bench) -> None:
    bench.now_ms += 2_000
    assert bench.latencies.signal("r")
    bench.now_ms += 1_000
    assert bench.latencies.signal("r") == {}
    bench.now_ms += 1_000
    assert bench.latencies.signal("r")


def test_memory_stays_bounded(bench: Bench) -> None:
    for n in range(1_500):
        bench.report(bench.viewer(f"room-{n}"), 100, room=f"room-{n}")
        bench.latencies.signal(f"room-{n}")
    for _ in range(1_000):
        bench.report(bench.viewer("one"), 100, room="one")
    assert len(bench.latencies._reports) <= 2_000
    assert len(bench.latencies._said_ms) <= 1_000
    assert bench.said("one")["whep"]["reports"] == 256


async def test_the_host_is_told_and_viewers_are_not(world: World) -> None:
    room, host = await world.room()
    viewer = await world.viewer(room)
    await viewer.ok("stats", room=room, via="hls", behind_ms=1_200)
    told = await host.until("signals", lambda signals: "latency" in signals)
    assert told["latency"]["hls"]["p50_ms"] == 1_200
    assert not any("latency" in signals for signals in viewer.all("signals"))


@pytest.mark.parametrize("wrong", [{"via": "rtsp"}, {"behind_ms": -1}, {"behind_ms": 1_000_000}, {"more": 1}])
async def test_what_makes_no_sense_is_refused(world: World, wrong: dict[str, Any]) -> None:
    viewer = await world.join()
    report = {"room": "somewhere", "via": "hls", "behind_ms": 1, **wrong}
    assert await viewer.code("stats", **report) == "bad_request"
