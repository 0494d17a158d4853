"""A node that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.server.world import World, shared_node
from tests.support import node as nodes
from tests.support.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with shared_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
async def world(node: Node) -> AsyncIterator[World]:
    nodes.logs_of_this_test.append(node.log)
    world = World(node)
    yield world
    await world.close()
