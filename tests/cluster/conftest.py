"""Two nodes that the tests of this folder share, where they leave them whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.cluster.world import running_cluster
from tests.server.world import World
from tests.support import node as nodes
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="package")
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database for the whole folder: tests keep apart by rooms and users."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="package")
def bus_server() -> Iterator[ValkeyServer]:
    """A Valkey of this folder's own, which may be mistreated."""
    server = ValkeyServer()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def running(
    tmp_path_factory: pytest.TempPathFactory, database: str, bus_server: ValkeyServer
) -> Iterator[list[World]]:
    with asyncio.Runner() as runner:
        cluster = running_cluster(tmp_path_factory.mktemp("cluster"), database, bus_server.url)
        worlds = runner.run(cluster.__aenter__())
        try:
            yield worlds
        finally:
            runner.run(cluster.__aexit__(None, None, None))


@pytest.fixture
async def cluster(running: list[World]) -> AsyncIterator[list[World]]:
    nodes.logs_of_this_test.extend(world.node.log for world in running)
    worlds = [World(world.node) for world in running]
    yield worlds
    for world in worlds:
        await world.close()
