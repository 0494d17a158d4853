"""What somebody says at one node is read together with what they say at another."""

from __future__ import annotations

from tests.server.world import World, fresh


async def test_a_word_cut_in_two_over_two_nodes_is_refused(cluster: list[World]) -> None:
    here, there = cluster
    room, _ = await here.room()
    user = fresh("viewer")
    at_one, at_other = await here.join(user), await there.join(user)
    for person in (at_one, at_other):
        await person.enter(room)
    said = (await at_one.ok("comment", text="fu"))["event"]
    await at_other.event("comment", lambda event: event["id"] == said["id"])
    error = (await at_other.do("comment", text="ck"))["error"]
    assert (error["code"], error["details"]) == ("text_refused", [{"code": "profanity"}])
    bystander = await there.viewer(room, "Wu")
    await bystander.ok("comment", text="ck")
