"""How much may be asked for: the arithmetic, and what people are told who ask for more."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from server.config import Settings
from server.limits import CommandLimits, Meter, site_of
from tests.server.world import DEADLINE_S, World, fresh, key, running_world, token

# The arithmetic


@given(
    count=st.integers(1, 50),
    window_ms=st.integers(100, 10_000),
    gaps=st.lists(st.integers(0, 500), min_size=1, max_size=200),
)
def test_a_meter_allows_what_it_says_and_no_more(count: int, window_ms: int, gaps: list[int]) -> None:
    meter, now_ms, taken = Meter(count, window_ms), 1_000_000, []
    for gap in gaps:
        now_ms += gap
        wait_ms = meter.wait_ms("key", now_ms)
        assert 0 <= wait_ms <= window_ms
        if wait_ms:
            assert meter.wait_ms("key", now_ms + wait_ms) == 0, "who waits as told may go on"
        else:
            meter.take("key", now_ms)
            taken.append(now_ms)
    for start in range(len(taken)):
        for end in range(start, len(taken)):
            allowed = count + (taken[end] - taken[start]) * count / window_ms
            assert end - start + 1 <= allowed + 0.01


def test_everything_at_once_and_then_evenly() -> None:
    meter = Meter(100, 5000)
    for _ in range(100):
        assert meter.wait_ms("key", 7) == 0
        meter.take("key", 7)
    assert meter.wait_ms("key", 7) == 50
    assert meter.wait_ms("other", 7) == 0
    assert meter.wait_ms("key", 57) == 0


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    meter = Meter(1, 1000)
    meter.take("key", 10_000_000)
    assert meter.wait_ms("key", 5_000_000) <= 1000
    meter.take("key", 5_000_000)
    assert meter.wait_ms("key", 5_002_001) == 0


def test_a_meter_keeps_so_many_keys() -> None:
    meter = Meter(1, 1000, keys_max=2)
    for name in ("a", "b", "c"):
        meter.take(name, 0)
    assert [meter.wait_ms(name, 0) for name in ("a", "b", "c")] == [0, 1000, 1000]


def limits(**values: int) -> CommandLimits:
    return CommandLimits(Settings.model_validate({"limits": values}).limits)


@pytest.mark.parametrize("per", ["connection", "user", "address"])
def test_each_limit_has_its_own_word_and_one_does_not_use_up_another(per: str) -> None:
    held = limits(**{f"commands_per_{per}": 3})
    who = {"connection": "c", "user": "u", "address": "192.0.2.1"}
    for _ in range(3):
        held.count(**who, now_ms=0)
    with pytest.raises(Refused) as refused:
        held.count(**who, now_ms=0)
    assert refused.value.code == "rate_limited"
    assert refused.value.details == {"per": per, "limit": 3, "window_ms": 5000}
    assert refused.value.retry_after_ms == 1667
    held.count(**(who | {per: "another"}), now_ms=0)


def test_guests_and_http_have_no_user_or_connection_to_count_by() -> None:
    held = limits(commands_per_connection=1, commands_per_user=1)
    for _ in range(5):
        held.count(connection=None, user=None, address="192.0.2.1", now_ms=0)


def test_addresses_are_counted_by_site() -> None:
    assert site_of(ip_address("192.0.2.1")) == site_of("192.0.2.1") == "192.0.2.1"
    assert site_of("2001:db8::1") == site_of(ip_address("2001:db8::ffff"))
    assert site_of("2001:db8::1") != site_of("2001:db8:0:1::1")
    assert site_of(None) == site_of("unknown") == "unknown"


# What people are told


async def codes(post: aiohttp.ClientSession, url: str, user: str, count: int) -> list[tuple[int, str]]:
    found = []
    for _ in range(count):
        headers = {"Authorization": f"Bearer {token(user)}", "Idempotency-Key": key()}
        async with post.post(url, json={"text": "hello"}, headers=headers) as answer:
            body = await answer.json()
            found.append((answer.status, body.get("code", "")))
            assert answer.status == 200 or answer.headers["Retry-After"] == "60"
    return found


async def test_a_person_has_one_allowance_on_all_connections_and_over_http(tmp_path: Path) -> None:
    slowly = {"DANMART_LIMITS__COMMANDS_PER_USER": "6", "DANMART_LIMITS__COMMANDS_WINDOW_S": "360"}
    async with running_world(tmp_path, **slowly) as world, aiohttp.ClientSession() as http:
        room, _ = await world.room()
        user = fresh("viewer")
        one, other = await world.join(user), await world.join(user)
        await one.enter(room)
        await other.enter(room)
        await one.ok("comment", text="hello")
        await other.ok("comment", text="hello")
        url = f"{world.url}/api/v1/rooms/{room}/commands/comment"
        assert await codes(http, url, user, 3) == [(200, ""), (200, ""), (429, "rate_limited")]
        refused = (await one.do("time"))["error"]
        assert refused["details"] == {"per": "user", "limit": 6, "window_ms": 360_000}
        # Reading is no command, and others are others.
        headers = {"Authorization": f"Bearer {token(user)}"}
        async with http.get(f"{world.url}/api/v1/rooms/{room}", headers=headers) as answer:
            assert answer.status == 200
        assert await codes(http, url, fresh("viewer"), 1) == [(200, "")]


async def test_an_address_has_one_allowance_for_everybody_there(tmp_path: Path) -> None:
    slowly = {"DANMART_LIMITS__COMMANDS_PER_ADDRESS": "4", "DANMART_LIMITS__COMMANDS_WINDOW_S": "240"}
    trusting = {"DANMART_LISTEN__TRUSTED_PROXIES": "127.0.0.1"}
    async with running_world(tmp_path, **slowly, **trusting) as world:
        await world.room()  # which takes two
        people = [await world.join(fresh("viewer")) for _ in range(3)]
        answers = [await person.do("time") for person in people]
        assert [answer["ok"] for answer in answers] == [True, True, False]
        assert answers[-1]["error"]["details"]["per"] == "address"
        # The proxy's other clients are other addresses.
        status, answer = await post_from(world, "203.0.113.9")
        assert (status, answer["code"]) == (401, "unauthenticated")
        for _ in range(4):
            status, answer = await post_from(world, "203.0.113.9")
        assert (status, answer["code"]) == (429, "rate_limited")


async def post_from(world: World, address: str) -> tuple[int, dict[str, str]]:
    status, _, body = await world.request(
        "POST",
        "/api/v1/rooms/nowhere/commands/comment",
        json={"text": "hello", "key": key()},
        headers={"X-Forwarded-For": address},
    )
    return status, body


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_person_has_so_many_connections(tmp_path: Path, transport: str) -> None:
    async with running_world(tmp_path, DANMART_LIMITS__CONNECTIONS_PER_USER="3") as world:
        user = fresh("viewer")
        people = [await world.join(user, transports=(transport,)) for _ in range(3)]
        error = await world.refusal({"token": token(user)}, transport)
        assert error is not None
        assert (error["code"], error["temporary"]) == ("too_many_connections", True)
        assert error["details"] == {"per": "user", "limit": 3}
        await world.join(fresh("viewer"), transports=(transport,))
        for _ in range(4):
            await world.join(transports=(transport,))  # guests are nobody's
        if transport == "websocket":  # who polls is gone when nothing has come for a while
            await people[0].close()
            async with asyncio.timeout(DEADLINE_S):
                while (await world.refusal({"token": token(user)}, transport)) is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # it is another process


async def test_a_long_command_is_refused_over_http_too(world: World) -> None:
    room, host = await world.room()
    path = f"/api/v1/rooms/{room}/commands/comment"
    status, answer = await world.post(path, {"text": "x" * 70_000}, host.user, key=key())
    assert (status, answer["code"], answer["errors"]) == (413, "too_large", {"max_bytes": 65_536})
