"""Commands over HTTP, and the tokens and stream keys that open what they open."""

from __future__ import annotations

import json
from typing import Any

from server.commands import SPECS
from tests.server.problems import is_problem
from tests.server.world import World, fresh, key, token

# Commands


async def test_commands_work_as_over_the_socket(world: World) -> None:
    room, host = await world.room()
    commands, user = f"/api/v1/rooms/{room}/commands", fresh("viewer")
    status, said = await world.post(f"{commands}/comment", {"text": "hello"}, user, key=key())
    assert status == 200
    assert "ok" not in said
    assert (await host.event("comment"))["id"] == said["event"]["id"]
    # Somebody who never had a socket can be acted upon all the same.
    await host.ok("moderate.mute", user=user, seconds=60, reason="spam")
    refused = await world.request(
        "POST", f"{commands}/comment", user, json={"text": "but"}, headers={"Idempotency-Key": key()}
    )
    assert is_problem(refused, "muted")
    assert refused[2]["errors"]["reason"] == "spam"
    assert int(refused[1]["Retry-After"]) == -(-refused[2]["retry_after_ms"] // 1000)


async def test_each_command_has_an_address(world: World) -> None:
    room, host = await world.room()
    for name in SPECS:
        answer = await world.request("POST", f"/api/v1/rooms/{room}/commands/{name}", host.user, json={})
        if name == "publish.token":
            assert answer[0] == 200
            assert set(answer[2]) == {"token", "expires_at_ms"}
        elif name == "gift.top":
            assert answer[2]["items"] == []
        else:
            assert is_problem(answer, "bad_request")
            missing = {error["path"] for error in answer[2]["errors"]}
            assert ("key" in missing) == ("key" in SPECS[name].model.model_fields)
    for name in ("enter", "leave", "time", "refresh", "nonsense"):
        answer = await world.request("POST", f"/api/v1/rooms/{room}/commands/{name}", host.user, json={})
        assert is_problem(answer, "unknown_command")


async def test_a_command_with_a_key_is_done_once(world: World) -> None:
    room, host = await world.room()
    mine, path = key(), f"/api/v1/rooms/{room}/commands/product.add"
    good = {"title": "Tea", "price_minor": 4900, "currency": "CNY", "stock": 5}
    first = await world.post(path, good, host.user, key=mine)
    assert await world.post(path, good, host.user, key=mine) == first
    assert (await world.post(path, {**good, "stock": 6}, host.user, key=mine))[1]["code"] == "key_conflict"
    assert await host.code("product.add", **{**good, "stock": 6}, key=mine) == "key_conflict"
    assert (await host.ok("product.add", **good, key=mine))["product"] == first[1]["product"]
    assert len((await world.get(f"/api/v1/rooms/{room}/products"))[1]["items"]) == 1


async def test_commands_of_guests_and_strangers_are_refused(world: World) -> None:
    room, _ = await world.room()
    path = f"/api/v1/rooms/{room}/commands"
    assert is_problem(
        await world.request("POST", f"{path}/comment", json={"text": "hi", "key": key()}), "unauthenticated"
    )
    for name, payload in (
        ("room.end", {}),
        ("room.change", {"slow_mode_s": 5}),
        ("moderate.mute", {"user": "u", "seconds": 60, "reason": ""}),
        ("product.add", {"title": "Tea", "price_minor": 1, "currency": "CNY", "stock": 1}),
        ("publish.token", None),
    ):
        body = {} if payload is None else {**payload, "key": key()}
        assert is_problem(await world.request("POST", f"{path}/{name}", fresh("v"), json=body), "forbidden")


async def test_tokens_are_checked(world: World) -> None:
    room, host = await world.room()
    for header, code in (
        ("Bearer nonsense", "bad_token"),
        ("Basic dTpw", "bad_token"),
        ("Bearer", "bad_token"),
        (f"Bearer {token('u', life_s=-3600)}", "token_expired"),
        (f"Bearer {token('u')}x", "bad_token"),
    ):
        for path in ("/api/v1/me", f"/api/v1/rooms/{room}"):
            answer = await world.request("GET", path, headers={"Authorization": header})
            assert is_problem(answer, code)
    assert host.user


# Stream keys


async def whip(world: World, room: str, stream_key: str | None) -> tuple[int, Any, Any]:
    headers = {"Content-Type": "application/sdp"}
    if stream_key is not None:
        headers["Authorization"] = f"Bearer {stream_key}"
    return await world.request("POST", f"/whip/{room}", headers=headers, data="no offer")


async def test_a_stream_key_is_shown_once_and_opens_one_room_until_it_is_revoked(world: World) -> None:
    room, host = await world.room()
    other_room, _ = await world.room()
    path = f"/api/v1/rooms/{room}/stream-keys"
    status, made = await world.post(path, {"label": "OBS"}, host.user)
    assert (status, made["label"]) == (201, "OBS")
    _, listed = await world.get(path, host.user)
    assert [(item["id"], item["label"]) for item in listed["items"]] == [(made["id"], "OBS")]
    assert made["key"] not in json.dumps(listed)
    assert is_problem(await whip(world, room, made["key"]), "bad_sdp")  # the key was good
    assert is_problem(await whip(world, other_room, made["key"]), "forbidden")
    assert is_problem(await whip(world, room, made["key"] + "x"), "bad_token")
    assert is_problem(await whip(world, room, None), "unauthenticated")
    assert (await world.request("DELETE", f"{path}/{made['id']}", host.user))[0] == 200
    assert is_problem(await whip(world, room, made["key"]), "bad_token")
    assert is_problem(await world.request("DELETE", f"{path}/{made['id']}", host.user), "not_found")
    assert (await world.get(path, host.user))[1]["items"] == []
    _, audit = await world.get(f"/api/v1/rooms/{room}/audit", host.user)
    assert [entry["action"] for entry in audit["items"]][:2] == ["stream_key.revoke", "stream_key.add"]
    assert made["key"] not in json.dumps(audit)


async def test_stream_keys_of_another_room_are_out_of_reach(world: World) -> None:
    room, host = await world.room()
    _, made = await world.post(f"/api/v1/rooms/{room}/stream-keys", {"label": "OBS"}, host.user)
    other, stranger = await world.room()
    for path in (f"/api/v1/rooms/{other}/stream-keys/{made['id']}",):
        assert is_problem(await world.request("DELETE", path, stranger.user), "not_found")
    answer = await world.request("DELETE", f"/api/v1/rooms/{room}/stream-keys/{made['id']}", stranger.user)
    assert is_problem(answer, "forbidden")
    for payload in ({}, {"label": ""}, {"label": "x" * 81}, {"label": "OBS", "key": "mine"}):
        answer = await world.request("POST", f"/api/v1/rooms/{room}/stream-keys", host.user, json=payload)
        assert is_problem(answer, "bad_request")
