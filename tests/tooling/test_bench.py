"""Every benchmark says what it found as one JSON object that has the promised fields."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

FANOUT = {
    "us_per_frame", "vs_stock", "vs_node", "batched_us_per_message", "batched_vs_stock", "batched_vs_node",
    "batched_vs_node_batched", "p50_ms", "p99_ms", "stock_p99_ms", "node_p99_ms", "kib_per_connection",
    "stock_kib_per_connection", "connects_per_s", "stock_connects_per_s", "server_core_share", "raw",
    "versions", "commands",
}  # fmt: skip
CROWD = {"lost", "p50_ms", "p99_ms", "rss_mib", "server_core_share", "tick_ms", "viewers", "stayed"}

NODES = {
    "us_per_message_without_room", "us_per_message_with_room", "asyncredismanager_us_per_message",
    "vs_asyncredismanager", "vs_asyncredismanager_without_viewers", "publish_us_per_message",
    "asyncredismanager_publish_us_per_message", "sender_us_per_message", "messages_per_s", "raw", "versions",
    "commands",
}  # fmt: skip

ORDERS = {
    "sqlite_per_s", "sqlite_vs_one_by_one", "postgres_per_s", "postgres_vs_one_by_one", "sold_out_us",
    "gateway_per_s", "gateway_p99_ms", "gateway_buyers", "gateway_sold_out_per_s", "settings", "raw",
    "versions",
}  # fmt: skip

GIFTS = {
    "gifts_per_s", "p99_ms", "vs_one_by_one", "max_gifts_per_s", "core_share", "givers", "settings", "raw",
    "versions",
}  # fmt: skip

WRITER = {
    f"{what}_{how}_{figure}"
    for what in ("comments", "orders")
    for how in ("singly", "grouped")
    for figure in ("per_s", "p50_ms", "p99_ms")
} | {"comments_vs_one_by_one", "orders_vs_one_by_one"}

PACKETS = {
    "opens_per_s", "p50_ms", "p99_ms", "core_share", "burst_opens_per_s", "burst_p99_ms", "few_p99_ms",
    "openers", "store_per_s", "store_one_by_one_per_s", "vs_one_by_one", "settings", "raw", "versions",
}  # fmt: skip

RELAY = {"us_per_packet", "viewers_per_core", "stock_us_per_packet", "stock_viewers_per_core"}

CASCADE = {"nodes", "origin_us_per_packet", "edge_us_per_packet", "dropped"}
HLS = {
    "viewers", "viewers_per_core", "requests_per_s", "p99_ms", "core_share", "us_per_request",
    "packaging_core_share", "peer_viewers_per_core", "peer_us_per_request", "vs_aiohttp", "raw", "versions",
}  # fmt: skip

MEDIA = {
    "us_per_packet", "vs_rtcrtpsender", "vs_mediarelay", "viewers_per_core", "first_frame_ms", "join_cpu_ms",
    "loss", "whep_glass_p95_ms", "hls_glass_p95_ms", "vs_janus", "janus_reason",
} | {
    f"gateway_{case}_{what}_p99_ms" for case in ("alone", "beside", "apart") for what in ("ack", "delivered")
}  # fmt: skip

IMPORTS = {"lines_per_s", "portions", "held_p99_ms", "held_over_20ms", "alone_p99_ms", "beside_p99_ms"}

DRAW = {
    "entrants", "winners", "draw_s", "verify_s", "held_ms", "weighted_draw_s", "weighted_verify_s",
    "weighted_held_ms",
}  # fmt: skip

MODERATION = {
    "checks_per_s", "p50_us", "p99_us", "recall", "false_positive_rate", "languages", "kinds", "sets",
    "peers", "lists", "versions", "cases",
}  # fmt: skip

SANCTIONS = {
    "viewers", "stayed", "nodes", "rounds", "acts", "worst_ms", "bar_ms", "within_bar", "comments", "raw",
    "core_share", "versions", "commands",
}  # fmt: skip


def _bench(*args: str) -> dict[str, Any]:
    command = [str(ROOT / "dev"), "bench", *args, "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_fanout_measures_all_three_servers_and_loses_nothing() -> None:
    result = _bench("fanout")
    assert set(result) >= FANOUT
    assert set(result["raw"]) == {"ours", "stock", "node", "ours_batched", "node_fast", "node_batched"}
    for windows in result["raw"].values():
        assert len(windows) == result["rounds"] >= 3
        for window in windows:
            assert window["deliveries"] == window["messages"] * result["viewers"] > 0
            assert window["server_cpu_s"] > 0


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_crowd_stays_and_misses_nothing() -> None:
    result = _bench("crowd")
    assert set(result) >= CROWD
    assert result["stayed"] == result["viewers"] == 2000
    assert result["lost"] == 0


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_nodes_measures_both_and_everything_arrives() -> None:
    result = _bench("nodes")
    assert set(result) >= NODES
    assert len(result["raw"]["ours"]) == result["rounds"] >= 3
    for name in ("ours", "theirs"):
        for part in result["raw"][name]:
            assert part["deliveries"] == part["messages"] * result["viewers"] > 0
    assert result["us_per_message_without_room"] < result["us_per_message_with_room"]


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_orders_measures_both_databases_with_their_data_on_disk() -> None:
    result = _bench("orders")
    assert set(result) >= ORDERS
    for name in ("sqlite", "postgres"):
        for side in ("ours", "one_by_one"):
            windows = result["raw"][name][side]
            assert len(windows) == result["rounds"] >= 3
            assert all(window["orders"] > 0 for window in windows)
        assert result[f"{name}_vs_one_by_one"] > 1
    postgres = result["settings"]["postgres"]
    assert postgres["ours"]["fsync"] == postgres["one_by_one"]["fsync"] == "on"
    assert postgres["one_by_one"]["connections"] == 16


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_gifts_measures_a_node_and_proves_its_books() -> None:
    result = _bench("gifts")
    assert set(result) >= GIFTS
    for windows in result["raw"].values():
        assert len(windows) == result["rounds"] >= 3
        assert all(window["orders"] > 0 for window in windows)
    assert result["vs_one_by_one"] > 1


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_writer_measures_both_ways_of_committing() -> None:
    result = _bench("writer")
    assert set(result) >= WRITER
    assert result["comments_vs_one_by_one"] > 1
    assert result["orders_vs_one_by_one"] > 1


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_packets_measures_a_node_and_proves_its_books() -> None:
    result = _bench("packets")
    assert set(result) >= PACKETS
    assert result["openers"] == 2000
    assert result["vs_one_by_one"] > 1


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_relay_measures_both_ways_of_sending() -> None:
    result = _bench("relay")
    assert set(result) >= RELAY
    assert result["us_per_packet"] > 0
    assert result["stock_us_per_packet"] > 0


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_media_measures_every_way_of_sending_and_the_people_who_talk_beside() -> None:
    result = _bench("media")
    assert set(result) >= MEDIA
    assert result["packets_per_viewer"] > 150, "the picture must be as large as it is said to be"
    assert 0 < result["us_per_packet"] < result["rtcrtpsender_us_per_packet"]
    assert result["rtcrtpsender_us_per_packet"] < result["mediarelay_us_per_packet"]
    assert 0 < result["whep_glass_p95_ms"] < result["hls_glass_p95_ms"]
    assert (result["vs_janus"] is None) == (result["janus_reason"] is not None)


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_imports_measures_both_databases_and_the_buyers_beside() -> None:
    result = _bench("imports")
    for name in ("sqlite", "postgres"):
        assert set(result[name]) >= IMPORTS
        assert result[name]["lines"] == 2500
        assert result[name]["orders_beside"] > 0


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_moderation_measures_speed_and_what_is_found_beside_two_peers() -> None:
    result = _bench("moderation")
    assert set(result) >= MODERATION
    assert result["cases"] >= 600
    assert result["lists"]["filled_up_to"] >= 10_000
    for language in ("en", "zh"):
        counts = result["languages"][language]
        assert counts["recall"]["found"] <= counts["recall"]["of"]
        assert counts["false_positives"]["of"] >= 100
        for peer in result["peers"].values():
            assert peer["languages"][language]["recall"]["share"] < counts["recall"]["share"]


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_sanctions_hold_on_the_other_node_and_reach_the_whole_crowd() -> None:
    result = _bench("sanctions")
    assert set(result) >= SANCTIONS
    assert result["stayed"] == result["viewers"] == 2000
    to_all = {"delete", "purge", "shield_on", "shield_off", "slow_mode_on", "slow_mode_off"}
    to_one = {"mute", "unmute", "ban", "unban"}
    assert set(result["acts"]) == to_all | to_one | {"word_added"}
    for name, times in result["raw"].items():
        assert all(len(each) == result["rounds"] >= 10 and min(each) > 0 for each in times.values())
        assert {"answered", "holds", "shows"} <= set(times)
        assert ("told" in times) == (name in to_one)
        assert ("shown_p99" in times) == (name in to_all)
    assert result["acts"]["mute"]["holds"]["p50"] <= result["bar_ms"]


def test_no_benchmark_is_without_a_test() -> None:
    tested = set(re.findall(r'_bench\("(\w+)"\)', Path(__file__).read_text()))
    runnable = {path.stem for path in (ROOT / "bench").glob("[a-z]*.py") if "__main__" in path.read_text()}
    assert tested == runnable


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_draw_measures_both_sorts_of_draws() -> None:
    result = _bench("draw")
    assert set(result) == DRAW
    assert result["entrants"] == 50_000
    assert all(result[name] > 0 for name in DRAW - {"held_ms", "weighted_held_ms"})


@pytest.mark.soak
@pytest.mark.timeout(120)
def test_cascade_measures_both_sides_and_loses_nothing() -> None:
    result = _bench("cascade")
    assert set(result) >= CASCADE
    assert 0 < result["origin_us_per_packet"] < 100
    assert 0 < result["edge_us_per_packet"] < 200
    assert result["dropped"] == 0


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_hls_carries_its_viewers() -> None:
    result = _bench("hls")
    assert set(result) >= HLS
    assert result["viewers"] >= 600
    assert result["viewers_per_core"] >= 600
    assert result["packaging_core_share"] <= 0.1
    assert result["vs_aiohttp"] > 1
    for window in result["raw"]["ours"]:
        assert 3.5 <= window["requests_per_s"] / window["viewers"] / 2 <= 5 or not window["kept_up"]
