"""Valkey, PostgreSQL and nodes go away and come back; no viewer's log has a gap or a repeat."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.world import Talk, Watcher, read_log, running_cluster
from tests.server.world import World, fresh
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer

Cluster = list[World]


class Audience:
    """Viewers on every node and people who talk on every node."""

    def __init__(self, worlds: Cluster, room: str, database: str) -> None:
        self.worlds, self.room, self.database = worlds, room, database
        self.watchers = [Watcher([world], room) for world in worlds for _ in range(2)]

    async def come(self, every_s: float = 0.02) -> Talk:
        for watcher in self.watchers:
            await watcher.enter()
        return Talk([await world.viewer(self.room) for world in self.worlds], every_s)

    async def have_seen_everything(self, talk: Talk) -> None:
        """Everything that was acknowledged is in the log, and everybody was shown the log."""
        log = await asyncio.to_thread(read_log, self.database, self.room)
        assert set(talk.said) <= {row["id"] for row in log}
        for watcher in self.watchers:
            await watcher.until(len(log))
            watcher.must_have_seen(log)


@pytest.fixture
async def audience(cluster: Cluster, database: str) -> Audience:
    room, _ = await cluster[0].room()
    return Audience(cluster, room, database)


@pytest.fixture
def mistreated(bus_server: ValkeyServer) -> Iterator[ValkeyServer]:
    yield bus_server
    bus_server.resume()
    if not bus_server.runs:
        bus_server.up()


async def mistreat(valkey: ValkeyServer, rounds: int, paused_s: float, rng: random.Random) -> None:
    for _ in range(rounds):
        match rng.choice(["restart", "pause", "forget"]):
            case "restart":
                await asyncio.to_thread(valkey.down)
                await asyncio.sleep(rng.uniform(0, 1))
                valkey.up()
            case "pause":
                valkey.pause()
                await asyncio.sleep(rng.uniform(0, paused_s))
                valkey.resume()
            case "forget":
                await asyncio.to_thread(valkey.flush)
        await asyncio.sleep(rng.uniform(0, 1))


async def test_valkey_stopped_and_started_empty(audience: Audience, mistreated: ValkeyServer) -> None:
    talk = await audience.come()
    await asyncio.to_thread(mistreated.down)
    said = len(talk.said)
    while len(talk.said) < said + 20:  # noqa: ASYNC110
        await asyncio.sleep(0.05)  # talking goes on
    log = await asyncio.to_thread(read_log, audience.database, audience.room)
    for watcher in audience.watchers:  # and so does watching
        await watcher.until(len(log), within_s=3)
    mistreated.up()
    await asyncio.sleep(1)
    await talk.stop()
    await audience.have_seen_everything(talk)


async def test_valkey_that_answers_nobody_for_a_while(audience: Audience, mistreated: ValkeyServer) -> None:
    talk = await audience.come()
    mistreated.pause()
    await asyncio.sleep(4)
    log = await asyncio.to_thread(read_log, audience.database, audience.room)
    for watcher in audience.watchers:
        await watcher.until(len(log), within_s=3)
    mistreated.resume()
    await asyncio.sleep(0.5)
    await talk.stop()
    await audience.have_seen_everything(talk)


async def test_the_last_word_before_silence_is_heard(
    cluster: Cluster, database: str, mistreated: ValkeyServer
) -> None:
    """Nothing follows that could show that something is missing: only the heads tell."""
    a, b = cluster
    room, _ = await a.room()
    watcher = Watcher([b], room)
    await watcher.enter()
    speaker = await a.viewer(room)
    await asyncio.to_thread(mistreated.down)
    assert (await speaker.do("comment", text="last words"))["ok"]
    mistreated.up()
    log = await asyncio.to_thread(read_log, database, room)
    await watcher.until(len(log), within_s=4)
    watcher.must_have_seen(log)


async def test_private_events_arrive_without_valkey(cluster: Cluster, mistreated: ValkeyServer) -> None:
    a, b = cluster
    room, host = await a.room()
    viewer = await b.viewer(room)
    moderator = await b.moderator(room, host)
    await asyncio.to_thread(mistreated.down)
    await host.ok("moderate.mute", user=viewer.user, seconds=60, reason="spam")
    told = await viewer.until("you", lambda event: event["kind"] == "muted", within_s=4)
    assert told["data"]["sanction"]["reason"] == "spam"
    await moderator.until("staff", within_s=4)
    mistreated.up()
    await host.ok("moderate.unmute", user=viewer.user)
    await viewer.until("you", lambda event: event["kind"] == "unmuted", within_s=4)
    seqs = [event["seq"] for event in viewer.all("you")]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_postgresql_that_answers_nobody_for_a_while(
    audience: Audience, cluster: Cluster, postgres: PostgresServer
) -> None:
    talk = await audience.come()
    await asyncio.sleep(0.5)
    patient = await cluster[0].viewer(audience.room)
    postgres.pause()
    try:
        assert await patient.code("comment", text="anybody?") == "temporarily_unavailable"
        assert await patient.code("enter", room=audience.room) == "temporarily_unavailable"
    finally:
        postgres.resume()
    await asyncio.sleep(0.5)
    await talk.stop()
    await audience.have_seen_everything(talk)
    assert all(w.person and w.person.sio.connected and not w.recovered for w in audience.watchers)


async def test_postgresql_stopped_and_started_again(
    audience: Audience, cluster: Cluster, postgres: PostgresServer
) -> None:
    """Connections to it are cut, and new ones refused: another fault than no answer."""
    talk = await audience.come()
    patient = await cluster[0].viewer(audience.room)
    await asyncio.to_thread(postgres.down)
    try:
        assert await patient.code("comment", text="anybody?") == "temporarily_unavailable"
        status, _ = await cluster[1].get("/readyz")
        assert status == 503
    finally:
        postgres.up()
    await asyncio.sleep(0.5)
    await talk.stop()
    await audience.have_seen_everything(talk)
    assert all(w.person and w.person.sio.connected and not w.recovered for w in audience.watchers)


async def test_who_was_on_a_node_that_was_killed_goes_on_at_the_other(
    tmp_path: Path, database: str, redis_url: str
) -> None:
    async with running_cluster(tmp_path, database, redis_url, DANMART_ROOMS__HOLD_S="3") as worlds:
        a, b = worlds
        room, host = await b.room()
        audience = Audience(worlds, room, database)
        for watcher in audience.watchers:
            await watcher.enter()
        talk = Talk([await b.viewer(room)])
        other = await b.join(fresh("other"))
        await other.enter(room)
        total = len(audience.watchers) + 3  # the host, who talks, and the other
        await other.until("signals", lambda s: s.get("viewers") == total, within_s=5)
        await asyncio.sleep(0.3)
        _, sku = await b.product(host)
        orders = [(await other.ok("buy", sku=sku, qty=1))["order"]["id"] for _ in range(4)]
        a.node.kill9()
        movers = audience.watchers[:2]
        for watcher in movers:
            await watcher.until_gone()
            watcher.worlds = iter([b] * 100)  # type: ignore[assignment]
            await watcher.enter()
        await audience.watchers[2].person.close()  # type: ignore[union-attr]
        # Two came over from A, one left B: A's share must not be counted any more.
        await other.until("signals", lambda s: s.get("viewers") == total - 1, within_s=10)
        # What came due meanwhile is done by who is left, once.
        for order in orders:
            await other.until("you", lambda e, o=order: _expired(e) == o)  # type: ignore[misc]
        assert sorted(filter(None, map(_expired, other.all("you")))) == sorted(orders)
        await talk.stop()
        audience.watchers.pop(2)
        await audience.have_seen_everything(talk)


def _expired(event: dict[str, Any]) -> str | None:
    """The order that a private event says has expired."""
    order = event["data"].get("order", {})
    return order["id"] if order.get("status") == "expired" else None


@pytest.mark.soak
async def test_nodes_start_without_valkey(tmp_path: Path, database: str) -> None:
    async with running_cluster(tmp_path, database, "redis://127.0.0.1:1/0") as worlds:
        room, _ = await worlds[0].room()
        audience = Audience(worlds, room, database)
        talk = await audience.come()
        await asyncio.sleep(1)
        await talk.stop()
        await audience.have_seen_everything(talk)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(2))
async def test_valkey_mistreated_twenty_times(
    audience: Audience, mistreated: ValkeyServer, seed: int
) -> None:
    talk = await audience.come()
    await mistreat(mistreated, 20, 5.0, random.Random(seed))
    await talk.stop()
    await audience.have_seen_everything(talk)


@pytest.mark.soak
@pytest.mark.timeout(200)
async def test_valkey_away_for_half_a_minute(audience: Audience, mistreated: ValkeyServer) -> None:
    talk = await audience.come()
    mistreated.pause()
    await asyncio.sleep(30)
    mistreated.resume()
    await asyncio.sleep(2)
    await talk.stop()
    await audience.have_seen_everything(talk)


@pytest.mark.soak
@pytest.mark.timeout(200)
async def test_postgresql_away_for_half_a_minute(audience: Audience, postgres: PostgresServer) -> None:
    talk = await audience.come()
    postgres.pause()
    await asyncio.sleep(30)
    postgres.resume()
    await asyncio.sleep(2)
    await talk.stop()
    await audience.have_seen_everything(talk)
