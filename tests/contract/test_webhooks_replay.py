"""Replaying from the log, also when the deliveries are long forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from server.store.group import Work
from server.webhooks import replaying
from server.webhooks.replaying import LogSpan, replay_log
from server.webhooks.saving import DELIVERED_KEPT_MS, prune
from tests.contract.desk import Desk, pins
from tests.contract.house import ROOM, House
from tests.server.webhooks.receiver import Receiver


async def test_the_log_is_replayed_when_the_deliveries_are_long_forgotten(
    house: House, desk: Desk, receiver: Receiver
) -> None:
    await pins(house, 2)  # before the endpoint was made
    endpoint = await desk.endpoint(receiver, "product.*")
    await pins(house, 3)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=3)
    house.now_ms += DELIVERED_KEPT_MS + 1
    await desk.write("prune", lambda tx: prune(tx, [endpoint], 1000, []))
    assert await desk.deliveries(endpoint) == []
    last = (await house.log())[-1].offset

    async def replay(from_offset: int, to_offset: int, **more: Any) -> dict[str, Any]:
        span = LogSpan(room=ROOM, log="room", from_offset=from_offset, to_offset=to_offset, **more)
        return await desk.write("replay", lambda tx: replay_log(tx, endpoint, span))

    lost = receiver.got[1]
    one = await replay(1, last + 1000, id=lost.id)
    assert one == {"ok": True, "replayed": 1, "next_offset": None}
    await desk.webhooks.look()
    await receiver.until_got(4)
    await desk.until(endpoint, delivered=1)
    assert (receiver.got[3].id, receiver.got[3].data) == (lost.id, lost.data)
    assert (await replay(lost.data["offset"], lost.data["offset"]))["replayed"] == 1
    await desk.webhooks.look()
    await receiver.until_got(5)
    await desk.until(endpoint, delivered=1)
    assert (await replay(1, last))["replayed"] == 5, "what was before the endpoint can be told as well"
    await desk.webhooks.look()
    await receiver.until_got(10)
    assert [got.id for got in receiver.got[3:5]] == [lost.id, lost.id]
    assert len({got.id for got in receiver.got}) == 5
    # What is not there, or not for it.
    wrong: list[dict[str, Any]] = [{"id": "0" * 32}, {"room": "elsewhere"}]
    for more in wrong:
        plain: dict[str, Any] = {"room": ROOM, "log": "room", "from_offset": 1, "to_offset": last}
        span = LogSpan(**(plain | more))
        answer = await house.store.write(Work("r", lambda tx, s=span: replay_log(tx, endpoint, s)))  # type: ignore[misc]
        assert answer.code == "not_found"


async def test_a_long_log_is_replayed_in_bounded_steps(
    house: House, desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await desk.endpoint(receiver, "product.*")
    await pins(house, 7)
    await desk.webhooks.look()
    await desk.until(endpoint, delivered=7)
    monkeypatch.setattr(replaying, "ENTRIES_AT_ONCE", 3)
    at, steps = 1, []
    while at is not None:
        span = LogSpan(room=ROOM, log="room", from_offset=at, to_offset=10**6)
        answer = await desk.write("replay", lambda tx, s=span: replay_log(tx, endpoint, s))
        steps.append(answer["replayed"])
        at = answer["next_offset"]
    assert sum(steps) == 7
    assert max(steps) == 3
    monkeypatch.setattr(replaying, "WAITING_MAX", 2)
    span = LogSpan(room=ROOM, log="room", from_offset=1, to_offset=1)
    full = await house.store.write(Work("r", lambda tx: replay_log(tx, endpoint, span)))
    assert full.code == "too_many"
