"""What a node that opens a room knows of what is being played there: what the last signals said."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from rooms.play.counts import read_counts
from server.bus.memory import MemoryBus
from server.live.rooms import LiveRooms
from tests.contract.house import HOST, OTHER, ROOM, VIEWER, House
from tests.contract.lottery_house import enter, opened
from tests.contract.quiz_house import answer, asked, closed


async def played(house: House) -> dict[str, str]:
    """One of each, and what it is called by."""
    await house.go_live()
    lottery = await opened(house)
    await house.grant_coins(VIEWER, 100)
    packet = (await house.ok("packet.send", VIEWER, coins=10, count=4))["packet"]["id"]
    poll = {"question": "Which?", "options": ["a", "b"], "seconds": 60}
    return {
        "lottery": lottery,
        "packet": packet,
        "quiz": await asked(house),
        "poll": (await house.ok("poll.start", HOST, **poll))["poll"]["id"],
        "hidden": (await house.ok("poll.start", HOST, **poll, show_results="after"))["poll"]["id"],
    }


async def counted(house: House) -> dict[str, Any]:
    return await house.store.read(lambda conn: read_counts(conn, ROOM))


async def test_after_a_restart_counts_go_on_where_they_were(house: House) -> None:
    ids = await played(house)
    await enter(house, ids["lottery"], VIEWER, OTHER)
    await house.ok("packet.open", OTHER, packet=ids["packet"])
    await answer(house, ids["quiz"], VIEWER, 1, 1)
    for poll in (ids["poll"], ids["hidden"]):
        await house.ok("poll.vote", OTHER, poll=poll, options=[1])
    expected = {
        ids["lottery"]: {"entrants": 2},
        ids["packet"]: {"left": 3},
        ids["quiz"]: {"question": 1, "0": 0, "1": 1},
        ids["poll"]: {"voters": 1, "0": 0, "1": 1},
        ids["hidden"]: {"voters": 1},
    }
    assert await counted(house) == house.counts == expected
    live = LiveRooms(house.store, MemoryBus(), lambda name, payload: None, CollectorRegistry())  # type: ignore[arg-type,return-value]
    room = await live.open(ROOM)
    assert room.signals()["plays"] == expected
    assert "plays" not in (room.next_signals() or {}), "it is no news"
    await live.close()


async def test_what_is_over_isnt_counted(house: House) -> None:
    ids = await played(house)
    await house.ok("lottery.cancel", HOST, lottery=ids["lottery"])
    for poll in (ids["poll"], ids["hidden"]):
        await house.ok("poll.close", HOST, poll=poll)
    await closed(house, ids["quiz"])
    house.now_ms += 600_000
    await house.run_timers()
    assert await counted(house) == {}
