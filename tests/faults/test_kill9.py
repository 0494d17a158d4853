"""``kill -9`` in the middle of everything: nothing that was acknowledged is lost, nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.load import Load, check_acknowledged, check_mutes_and_holds, check_trail, send_again
from tests.server.world import running_world

HOLDS = {"DANMART_ROOMS__HOLD_S": "2"}


async def one_round(folder: Path, seed: int) -> None:
    async with running_world(folder, **HOLDS) as world:
        load = Load(world, seed)
        await load.start()
        await load.acknowledged(150 + seed % 7 * 31)
        world.node.kill9()
        await load.stop()
    for name in ("comment", "buy", "moderate.mute", "product.add"):
        assert load.ledger.accepted(name), f"no {name} was acknowledged before the kill"
    assert load.ledger.unanswered, "nothing was under way at the kill"
    async with running_world(folder, **HOLDS) as world:
        load.world = world
        await check_acknowledged(world, load)
        await check_trail(world, load)
        await send_again(world, load)
        await check_acknowledged(world, load)
        await check_trail(world, load)
        await check_mutes_and_holds(world, load)


async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    await one_round(tmp_path, seed=0)


@pytest.mark.soak
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, 31))
async def test_again_and_again(tmp_path: Path, seed: int) -> None:
    await one_round(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_node_that_is_killed_as_often_as_it_starts(tmp_path: Path) -> None:
    """The same data over many lives."""
    loads: list[Load] = []
    for life in range(10):
        async with running_world(tmp_path, **HOLDS) as world:
            for earlier in loads:
                earlier.world = world
                await check_acknowledged(world, earlier)
                await check_trail(world, earlier)
            load = Load(world, life)
            await load.start()
            await load.acknowledged(100 + 20 * life)
            world.node.kill9()
            await load.stop()
        loads.append(load)
