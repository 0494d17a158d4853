"""One's own picture, given at one node and worn at another; taken down at one, gone at both."""

from __future__ import annotations

import pytest

from tests.server.problems import is_problem
from tests.server.test_avatars import PATH, given, shown
from tests.server.world import World


@pytest.mark.soak
@pytest.mark.timeout(150)
async def test_a_picture_is_the_same_at_every_node(cluster: list[World]) -> None:
    here, there = cluster
    room, host = await here.room()
    lin = await there.viewer(room)
    assert lin.user is not None
    digest = await given(here, lin.user)  # over HTTP, which any node may get
    await lin.until("you", lambda event: event["kind"] == "avatar")
    assert (await lin.ok("comment", text="look"))["event"]["user"]["avatar"] == digest
    assert (await host.event("comment"))["user"]["avatar"] == digest
    assert (await shown(here, digest))[2] == (await shown(there, digest))[2]

    await host.ok("avatar.remove", user=lin.user, reason="not here")
    await lin.until("you", lambda event: event["kind"] == "avatar_removed")
    assert "avatar" not in (await lin.ok("comment", text="and now?"))["event"]["user"]
    assert (await lin.event("avatar.removed"))["data"] == {"user": lin.user}
    for world in (here, there):
        assert is_problem(await shown(world, digest), "not_found")
        assert (await world.request("DELETE", PATH, lin.user))[0] == 200
