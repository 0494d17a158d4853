"""Nodes are killed, drained and replaced under load; the load generator holds everything against the log."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from clients.load.plan import Plan
from clients.load.report import Report
from clients.load.run import run_load
from clients.load.tokens import User
from tests.cluster.balancer import balancer
from tests.cluster.world import environment, read_log, running_cluster
from tests.server.test_workers import children_of
from tests.server.world import ENV, World, fresh, running_world, token

VIEWERS = 90
# One machine plays everybody.
LIMITS = {"DANMART_ROOMS__COMMENTS_PER_10S": "1000"}


def plan(urls: list[str], room: str, **more: Any) -> Plan:
    return Plan(tuple(urls), room, viewers=VIEWERS, **{"seconds": 6, "comments": 40, "settle_s": 15, **more})


def users() -> list[User]:
    return [User(name, token(name)) for name in (fresh("load") for _ in range(VIEWERS))]


async def under_load(load: Plan, happens: Callable[[], Awaitable[object]], after_s: float = 2) -> Report:
    """The report of a load during which something happens."""

    async def later() -> None:
        await running.wait()
        await asyncio.sleep(after_s)
        await happens()

    running = asyncio.Event()

    def progress(what: str, done: float, crowd: object) -> None:
        if what == "running":
            running.set()

    task = asyncio.create_task(later())
    report = await run_load(load, users(), progress)
    await task
    return report


def must_be_whole(report: Report, database: str, room: str) -> None:
    """Everybody is in, and was shown what ``room_events`` has, once, and nothing else."""
    verdict = report.verdict
    assert (verdict.lost, verdict.gaps, verdict.repeats, verdict.foreign) == (0, 0, 0, 0)
    assert (report.settled, report.stranded) == (True, 0)
    assert sum(report.per_url.values()) == VIEWERS
    assert report.log is not None
    rows = [row for row in read_log(database, room) if row["offset"] > report.log.start]
    assert list(report.log.offsets) == [row["offset"] for row in rows if row["visibility"] == "all"]
    # What was acknowledged is there.
    assert len(rows) >= report.crowd.counts.comments.ok > 0


@pytest.fixture
async def three(tmp_path: Path, database: str, redis_url: str) -> AsyncIterator[list[World]]:
    async with running_cluster(tmp_path, database, redis_url, nodes=3, **LIMITS) as worlds:
        yield worlds


async def test_everybody_of_a_node_that_is_killed_ends_on_another(three: list[World], database: str) -> None:
    room, host = await three[1].room()
    urls = [world.url for world in three]

    async def kill() -> None:
        three[0].node.kill9()
        # They are counted where they come to; and at the dead one not any more, before the load is over.
        await host.until("signals", lambda s: s.get("viewers", 0) > VIEWERS + 1, within_s=5)
        host.inbox.clear()
        await host.until("signals", lambda s: s.get("viewers") == VIEWERS + 1, within_s=10)

    report = await under_load(plan(urls, room, seconds=9), kill, after_s=0.5)
    await asyncio.to_thread(must_be_whole, report, database, room)
    assert report.per_url[urls[0]] == 0
    assert min(report.per_url[urls[1]], report.per_url[urls[2]]) > 0
    assert report.crowd.counts.recovered >= VIEWERS // 3
    assert report.crowd.counts.unrecovered == 0


async def test_a_node_that_drains_sends_everybody_on_and_refuses_nobody(
    three: list[World], database: str
) -> None:
    room, _ = await three[1].room()
    urls = [world.url for world in three]
    codes: list[int] = []

    async def drain() -> None:
        codes.append(await three[0].node.terminate(timeout=12))

    report = await under_load(plan(urls, room), drain)
    assert codes == [0]
    await asyncio.to_thread(must_be_whole, report, database, room)
    counts = report.crowd.counts
    assert report.per_url[urls[0]] == 0
    # All were told, none was cut off, and each came back once.
    assert set(counts.dropped) == {"shutting_down"}
    assert counts.dropped.total() == counts.reconnects == counts.recovered
    assert set(counts.comments.refused) <= {"connection_lost"}, "only answers that were on their way"


@pytest.mark.soak
async def test_one_after_the_other_is_replaced_behind_a_balancer(
    tmp_path: Path, three: list[World], database: str, redis_url: str
) -> None:
    """As a new version is rolled out: the clients know one address, and no node stays."""
    room, _ = await three[0].room()
    async with running_world(tmp_path / "new", **environment(database, redis_url), **LIMITS) as new:
        worlds = [*three, new]

        async def roll() -> None:
            for world in three:
                assert await world.node.terminate(timeout=12) == 0

        async with balancer(worlds) as url:
            load = plan([url], room, seconds=8)
            report = await under_load(load, roll, after_s=1)
        await asyncio.to_thread(must_be_whole, report, database, room)
        assert set(report.crowd.counts.dropped) == {"shutting_down"}
        assert report.crowd.counts.unrecovered == 0
        assert report.crowd.counts.recovered >= VIEWERS // len(worlds) * len(three)


async def test_a_worker_that_dies_under_load_is_missed_by_nobody(
    tmp_path: Path, database: str, redis_url: str
) -> None:
    env = {**ENV, **environment(database, redis_url), **LIMITS}
    async with running_world(tmp_path, "--workers", "2", **env) as world:
        room, host = await world.room()
        workers = children_of(world.node.process.pid)
        assert len(workers) == 2

        async def kill() -> None:
            os.kill(min(workers), signal.SIGKILL)

        report = await under_load(plan([world.url], room), kill)
        await asyncio.to_thread(must_be_whole, report, database, room)
        assert report.crowd.counts.dropped.total() > 0
        assert report.crowd.counts.unrecovered == 0
        await host.close()
