"""Guests come on stage and leave it, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rooms.guests.rules import Guest, GuestRules
from rooms.guests.store import read_guests
from rooms.heads import ROOMS, USERS
from rooms.lifecycle import Happening
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OTHER, ROOM, SENIOR, VIEWER, House, house_at, open_house

RULES = GuestRules()
THIRD, FOURTH = Caller("u-hua", "Hua"), Caller("u-xu", "Xu")


@pytest.fixture
async def live(house: House) -> House:
    await house.picture("publishing")
    await house.sign_in(THIRD, FOURTH)
    return house


async def here(house: House) -> list[Guest]:
    return await house.store.read(lambda conn: read_guests(conn, ROOM))


async def statuses(house: House) -> dict[str, str]:
    return {guest.name: guest.status for guest in await here(house)}


async def pictured(house: House, slot: str, who: Caller, happening: Happening = "publishing") -> None:
    """What the media layer tells of a guest's picture."""

    def tell(tx: Unit) -> Steps[Any]:
        yield USERS.rows(who.id)
        yield ROOMS.rows(ROOM)
        house.services.guests.picture(tx, ROOM, slot, who.id or "", happening)
        return {}

    assert (await house.store.write(Work("picture", tell))).ok


async def accept(house: House, who: Caller) -> str:
    """Invited and come: the slot."""
    await house.ok("guest.invite", HOST, user=who.id)
    slot: str = (await house.ok("guest.answer", who, accept=True))["guest"]["slot"]
    return slot


async def come(house: House, who: Caller) -> str:
    """The same, with the picture there."""
    slot = await accept(house, who)
    await pictured(house, slot, who)
    return slot


def stage_log(house: House) -> list[tuple[str, Any]]:
    told = [e for e in house.events if e.kind in ("guest.joined", "guest.left", "stage.layout")]
    return [(e.kind, e.data.get("reason") or e.data.get("layout") or e.data["slot"]) for e in told]


async def test_from_a_request_to_the_stage_and_off_it(live: House) -> None:
    asked = (await live.ok("guest.ask", VIEWER))["guest"]
    assert (asked["status"], asked["slot"], asked["until_ms"]) == ("asked", None, live.now_ms + RULES.ask_ms)
    assert (await live.ok("guest.ask", VIEWER))["guest"] == asked
    assert await live.code("guest.answer", VIEWER, accept=True) == "over"
    invited = (await live.ok("guest.invite", SENIOR, user=VIEWER.id))["guest"]
    assert (invited["status"], invited["until_ms"]) == ("invited", live.now_ms + RULES.invite_ms)
    assert (await live.ok("guest.answer", VIEWER, accept=True))["guest"]["slot"] == "g1"
    assert stage_log(live) == [], "nobody is on stage before there is a picture"
    await pictured(live, "g1", VIEWER)
    await pictured(live, "g1", VIEWER)
    await live.ok("guest.withdraw", VIEWER)
    await live.ok("guest.withdraw", VIEWER)
    assert stage_log(live) == [("guest.joined", "g1"), ("guest.left", "left")]
    expected = ["asked", "invited", "accepted", "on", "gone"]
    assert [e["data"]["guest"]["status"] for e in live.told(VIEWER, "guest")] == expected
    assert [e["data"]["guest"]["status"] for e in live.briefed("guest")] == expected
    assert await here(live) == []


async def test_the_log_says_nothing_of_who_only_wanted_to(live: House) -> None:
    await live.ok("guest.ask", VIEWER)
    await live.ok("guest.remove", HOST, user=VIEWER.id)
    await live.ok("guest.invite", HOST, user=OTHER.id)
    await live.ok("guest.answer", OTHER, accept=False)
    await accept(live, THIRD)
    await live.ok("guest.remove", HOST, user=THIRD.id)
    assert stage_log(live) == []
    reasons = [live.told(who, "guest")[-1]["data"]["guest"]["reason"] for who in (VIEWER, OTHER, THIRD)]
    assert reasons == ["removed", "declined", "removed"]
    assert await live.code("guest.remove", HOST, user=THIRD.id) == "not_found"


async def test_only_some_are_on_stage_and_slots_are_used_again(live: House) -> None:
    assert [await come(live, who) for who in (VIEWER, OTHER, THIRD)] == ["g1", "g2", "g3"]
    error = await live.error("guest.invite", HOST, user=FOURTH.id)
    assert (error["code"], error["details"], error["temporary"]) == ("stage_full", {"limit": 3}, True)
    await live.ok("guest.remove", HOST, user=OTHER.id)
    assert await come(live, FOURTH) == "g2"
    # Whoever is on stage and is invited, accepts or asks again stays where they are.
    assert (await live.ok("guest.invite", HOST, user=VIEWER.id))["guest"]["status"] == "on"
    assert (await live.ok("guest.answer", VIEWER, accept=True))["guest"]["slot"] == "g1"


async def test_two_for_the_last_slot_on_two_nodes(shared_url: str) -> None:
    async with house_at(shared_url, node="one") as one, open_house(shared_url, node="two") as two:
        await one.picture("publishing")
        await one.sign_in(THIRD, FOURTH)
        for who in (VIEWER, OTHER):
            await come(one, who)
        for who in (THIRD, FOURTH):
            await one.ok("guest.invite", HOST, user=who.id)
        told = await asyncio.gather(
            one.do("guest.answer", THIRD, accept=True), two.do("guest.answer", FOURTH, accept=True)
        )
        assert sorted(answer["ok"] for answer in told) == [False, True]
        refused = next(answer for answer in told if not answer["ok"])
        assert refused["error"]["code"] == "stage_full"
        assert sorted(guest.slot or "" for guest in await here(one)) == ["", "g1", "g2", "g3"]


async def test_two_for_the_last_slot_in_one_group(live: House) -> None:
    for who in (VIEWER, OTHER):
        await come(live, who)
    for who in (THIRD, FOURTH):
        await live.ok("guest.invite", HOST, user=who.id)
    told = await asyncio.gather(*(live.do("guest.answer", who, accept=True) for who in (THIRD, FOURTH)))
    assert [answer["ok"] for answer in told] == [True, False]


async def test_only_so_many_wait(live: House) -> None:
    crowd = [Caller(f"u-c{n}", f"C{n}") for n in range(RULES.waiting_max + 1)]
    await live.sign_in(*crowd)
    told = await asyncio.gather(*(live.do("guest.ask", who) for who in crowd))
    assert sum(answer["ok"] for answer in told) == RULES.waiting_max
    assert await live.code("guest.invite", HOST, user=VIEWER.id) == "too_many"
    await live.ok("guest.invite", HOST, user=crowd[0].id)  # who waits already takes no other's place


@pytest.mark.parametrize("step", ["asked", "invited", "accepted", "on"])
async def test_a_mute_ends_every_step(live: House, step: str) -> None:
    if step == "asked":
        await live.ok("guest.ask", VIEWER)
    if step == "invited":
        await live.ok("guest.invite", HOST, user=VIEWER.id)
    if step == "accepted":
        await accept(live, VIEWER)
    if step == "on":
        await come(live, VIEWER)
    await live.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="")
    assert await here(live) == []
    assert live.told(VIEWER, "guest")[-1]["data"]["guest"]["reason"] == "muted"
    # A mute leaves no trace in the log.
    assert stage_log(live) == ([("guest.joined", "g1"), ("guest.left", "removed")] if step == "on" else [])
    assert await live.code("guest.ask", VIEWER) == "muted"
    assert await live.code("guest.invite", HOST, user=VIEWER.id) == "user_muted"
    live.now_ms += 60_000
    await live.ok("guest.ask", VIEWER)


async def test_who_was_muted_just_before_answering_cant_come(live: House) -> None:
    await live.ok("guest.invite", HOST, user=VIEWER.id)
    muted, answered = await asyncio.gather(
        live.do("moderate.mute", HOST, user=VIEWER.id, seconds=60, reason=""),
        live.do("guest.answer", VIEWER, accept=True),
    )
    assert muted["ok"]
    assert answered["error"]["code"] == "muted"
    assert await here(live) == []


async def test_what_takes_too_long_is_over(live: House) -> None:
    await live.ok("guest.ask", VIEWER)
    await live.ok("guest.invite", HOST, user=OTHER.id)
    await accept(live, THIRD)
    live.now_ms += RULES.invite_ms
    assert await live.code("guest.answer", OTHER, accept=True) == "over"
    await live.run_timers()
    assert await statuses(live) == {"Lin": "asked"}
    live.now_ms += RULES.ask_ms - RULES.invite_ms
    await live.run_timers()
    assert await here(live) == []
    reasons = [live.told(who, "guest")[-1]["data"]["guest"]["reason"] for who in (VIEWER, OTHER, THIRD)]
    assert reasons == ["expired", "expired", "no_picture"]
    assert stage_log(live) == []


async def test_an_earlier_timer_ends_nothing_later(live: House) -> None:
    await live.ok("guest.invite", HOST, user=VIEWER.id)
    live.now_ms += RULES.invite_ms - 1
    await live.ok("guest.invite", HOST, user=VIEWER.id)
    live.now_ms += 1
    await live.run_timers()
    assert await statuses(live) == {"Lin": "invited"}
    await live.ok("guest.answer", VIEWER, accept=True)
    await pictured(live, "g1", VIEWER)
    live.now_ms += RULES.come_ms + RULES.invite_ms
    await live.run_timers()
    assert await statuses(live) == {"Lin": "on"}


async def test_an_interrupted_guest_has_the_grace_period(live: House) -> None:
    await come(live, VIEWER)
    await come(live, OTHER)
    for who, slot in ((VIEWER, "g1"), (OTHER, "g2")):
        await pictured(live, slot, who, "lost")
    await pictured(live, "g1", VIEWER)
    live.now_ms += RULES.grace_ms
    await live.run_timers()
    assert await statuses(live) == {"Lin": "on"}
    assert stage_log(live)[2:] == [("guest.left", "lost")]
    await pictured(live, "g1", VIEWER, "lost")
    await pictured(live, "g1", VIEWER, "gave_up")
    assert stage_log(live)[3:] == [("guest.left", "lost")]


async def test_a_picture_says_nothing_of_the_slots_next_holder(live: House) -> None:
    await come(live, VIEWER)
    await live.ok("guest.remove", HOST, user=VIEWER.id)
    await come(live, OTHER)
    for happening in ("publishing", "lost", "stopped"):
        await pictured(live, "g1", VIEWER, happening)
    assert await statuses(live) == {"Wu": "on"}


async def test_the_end_of_the_room_clears_the_stage(live: House) -> None:
    await come(live, VIEWER)
    await live.ok("guest.ask", OTHER)
    await live.ok("room.end", HOST)
    assert await live.code("guest.ask", THIRD) == "not_live"
    assert await live.code("guest.invite", HOST, user=THIRD.id) == "not_live"
    await live.run_timers()
    assert await here(live) == []
    assert stage_log(live) == [("guest.joined", "g1"), ("guest.left", "ended")]
    assert live.told(OTHER, "guest")[-1]["data"]["guest"]["reason"] == "ended"


async def test_who_comes_to_the_next_stream_isnt_sent_off_by_the_last_ones_end(live: House) -> None:
    await come(live, VIEWER)
    await live.ok("room.end", HOST)
    live.now_ms += 1
    await live.picture("publishing")
    await live.ok("guest.ask", OTHER)
    await live.run_timers()
    assert await statuses(live) == {"Wu": "asked"}


async def test_layouts(live: House) -> None:
    await come(live, VIEWER)
    for layout in ("side", "grid", "guest:g1", "host"):
        assert (await live.ok("stage.layout", HOST, layout=layout))["layout"] == layout
    assert await live.code("stage.layout", HOST, layout="guest:g2") == "not_found"
    assert await live.code("stage.layout", HOST, layout="upside-down") == "bad_request"
    await accept(live, OTHER)
    assert await live.code("stage.layout", HOST, layout="guest:g2") == "not_found", "not seen yet"


async def test_whom_one_cant_invite(live: House) -> None:
    assert await live.code("guest.invite", HOST, user="u-nobody") == "not_found"
    assert await live.code("guest.invite", SENIOR, user=HOST.id) == "forbidden"


async def test_a_lost_answer_is_given_again(live: House) -> None:
    await live.ok("guest.invite", HOST, user=VIEWER.id)
    first = await live.ok("guest.answer", VIEWER, accept=True, key="answer-0001")
    assert await live.ok("guest.answer", VIEWER, accept=True, key="answer-0001") == first
    live.now_ms += RULES.come_ms
    await live.run_timers()
    assert await live.ok("guest.answer", VIEWER, accept=True, key="answer-0001") == first
    assert await here(live) == []
