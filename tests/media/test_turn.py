"""TURN servers for clients: credentials that hold for a time, told to those who may connect."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

import pytest

from media.turn import Turn
from tests.media.test_http import offer
from tests.media.world import running_world

TURN = Turn(("turn:turn.example:3478?transport=udp", "turns:turn.example:443?transport=tcp"), "s3cret", 600)
PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
_LINK = re.compile(
    r'<([^>]+)>; rel="ice-server"; username="(\d+):(\w+)"; credential="([^"]+)"; credential-type="password"'
)


def test_credentials_are_those_that_a_turn_server_with_the_secret_makes() -> None:
    username, password = TURN.credentials(1_700_000_000.9, "viewer")
    assert username == "1700000600:viewer"
    expected = hmac.new(b"s3cret", b"1700000600:viewer", hashlib.sha1).digest()
    assert base64.b64decode(password) == expected
    assert TURN.credentials(0)[0] == "600"


@pytest.mark.parametrize(("path", "bearer"), [("/whip/demo", "alice"), ("/whep/demo", None)])
async def test_who_connects_is_told_the_servers(path: str, bearer: str | None) -> None:
    async with running_world(turn=TURN) as world:
        if path.startswith("/whep"):
            await world.publish()
            await world.until_said("live:alice")
        direction = "recvonly" if path.startswith("/whep") else "sendonly"
        first = await world.post(path, offer(direction), bearer)
        links = [_LINK.fullmatch(link) for link in first.headers.getall("Link")]
        assert [link and link[1] for link in links] == list(TURN.urls)
        link = links[0]
        assert link is not None
        assert abs(int(link[2]) - 600 - time.time()) < 60
        digest = hmac.digest(b"s3cret", f"{link[2]}:{link[3]}".encode(), "sha1")
        assert base64.b64decode(link[4]) == digest
        assert first.headers["Cache-Control"] == "no-store"


async def test_options_tell_the_servers_to_those_who_may_and_to_no_preflight() -> None:
    async with running_world(turn=TURN) as world:
        alice = {"Authorization": "Bearer alice"}
        told = await world.http.options("/whip/demo", headers=alice)
        assert len(told.headers.getall("Link")) == 2
        for headers in ({}, PREFLIGHT, {**alice, **PREFLIGHT}, {"Authorization": "Bearer bad"}):
            answer = await world.http.options("/whip/demo", headers=headers)
            assert answer.ok
            assert "Link" not in answer.headers
        world.gate.watchers_refused = "forbidden"
        assert "Link" not in (await world.http.options("/whep/demo")).headers
        world.gate.watchers_refused = None
        assert "Link" in (await world.http.options("/whep/demo")).headers


async def test_without_turn_nobody_is_told_anything() -> None:
    async with running_world() as world:
        assert "Link" not in (await world.post("/whip/demo", offer(), "alice")).headers
