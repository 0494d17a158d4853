"""Who comes back under another name: hints, notes, marks, and bans of address ranges."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import text

from moderation.evasion.address_bans import read_bans_in
from moderation.evasion.hints import read_hints
from moderation.evasion.notes import read_notes
from moderation.evasion.ranges import NEW_MS
from moderation.evasion.trace_rows import read_known_since, read_marks
from moderation.evasion.traces import KEPT_MS
from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.ports import Caller
from server.auth import GUEST, Identity
from server.evasion import read_suspects
from server.signins import Place, SignIns
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, OTHER, ROOM, SENIOR, VIEWER, House

HERE, NEXT_DOOR, ELSEWHERE = "203.0.113.7", "203.0.113.99", "198.51.100.1"
PHONE = "phone-0123456789ab"


class Street(SignIns):
    """Where people sign in from."""

    def __init__(self, house: House) -> None:
        super().__init__(house.store, house.tracer, lambda: house.now_ms, house.evasion.reached)

    async def comes(self, who: Caller, address: str, device: str | None = None) -> None:
        await self.note(Identity(who.id, who.name, operator=who.operator), Place(ip_address(address), device))


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


def fresh(number: int) -> Caller:
    return Caller(f"u-new-{number}", f"Newcomer {number}")


async def look(house: House, *entered: tuple[str, str], banned: bool = False) -> None:
    """What happens a moment after people have entered, or somebody was banned."""
    group = dict.fromkeys(entered, banned)
    found = await house.store.read(lambda conn: read_suspects(conn, group, house.now_ms))
    await house.store.write(Work("hints", lambda tx: house.evasion._hints.give(tx, found)))


async def hints_on(house: House, who: Caller) -> list[dict[str, Any]]:
    user_id = who.id or ""
    found = await house.store.read(lambda conn: read_hints(conn, ROOM, [user_id]))
    return [hint.wire() for hint in found.get(user_id, [])]


async def ban(house: House, who: Caller, **more: Any) -> dict[str, Any]:
    return await house.ok("moderate.ban", SENIOR, user=who.id, seconds=3600, reason="spam", **more)


async def ban_address(house: House, who: Caller, by: Caller = HOST, **more: Any) -> str:
    terms = {"user": who.id, "seconds": 3600, "reason": "raid", **more}
    told = await house.ok("moderate.ban_address", by, **terms)
    ban_id: str = told["ban"]["id"]
    return ban_id


async def test_the_same_device_under_another_name_is_a_hint_for_the_staff(
    house: House, street: Street
) -> None:
    await street.comes(VIEWER, HERE, PHONE)
    await ban(house, VIEWER)
    await street.comes(fresh(1), ELSEWHERE, PHONE)
    await street.comes(fresh(2), ELSEWHERE, "another-0123456789")
    await look(house, (ROOM, "u-new-1"), (ROOM, "u-new-2"))
    (told,) = house.briefed("evasion_hint")
    assert told["data"]["user"] == fresh(1).card
    assert told["data"]["like"] == VIEWER.card
    assert (told["data"]["by"], told["data"]["shared"]) == ("device", 2)
    assert [hint["like"]["id"] for hint in await hints_on(house, fresh(1))] == [VIEWER.id]
    assert house.told(fresh(1)) == []
    await look(house, (ROOM, "u-new-1"))
    assert len(house.briefed("evasion_hint")) == 1  # once


_MANY = """
INSERT INTO traces (kind, digest, user_id, first_ms, seen_ms)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
SELECT 'device', 'made up ' || i, 'u-new-2', 1, i FROM n
"""


async def test_who_makes_up_devices_hides_nobody_who_is_looked_at_beside_them(
    house: House, street: Street
) -> None:
    def write(tx: Any) -> Any:
        yield ROOMS.rows()
        tx.at_flush(lambda conn: conn.execute(text(_MANY)))

    await street.comes(VIEWER, HERE, PHONE)
    await ban(house, VIEWER)
    await street.comes(fresh(1), ELSEWHERE, PHONE)
    assert (await house.store.write(Work("traces", write))).ok
    await street.comes(fresh(2), HERE)
    await look(house, (ROOM, "u-new-1"), (ROOM, "u-new-2"))
    assert [hint["by"] for hint in await hints_on(house, fresh(1))] == ["device"]
    assert [hint["by"] for hint in await hints_on(house, fresh(2))] == ["address"]


async def test_who_is_there_already_is_found_when_the_other_is_banned(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    await street.comes(OTHER, HERE)
    await ban(house, VIEWER)
    await look(house, (ROOM, VIEWER.id or ""), banned=True)
    assert [hint["by"] for hint in await hints_on(house, OTHER)] == ["address"]


async def test_what_a_crowd_shares_is_no_hint(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    for number in range(8):
        await street.comes(fresh(number), HERE)
    await ban(house, VIEWER)
    await look(house, (ROOM, "u-new-0"))
    assert await hints_on(house, fresh(0)) == []


async def test_a_banned_range_keeps_newcomers_out_and_lets_the_others_be(
    house: House, street: Street
) -> None:
    await street.comes(OTHER, HERE)
    house.now_ms += NEW_MS + 1
    await street.comes(VIEWER, HERE)
    await street.comes(fresh(1), HERE)
    await ban_address(house, VIEWER)
    await house.run_timers()
    assert await house.code("comment", fresh(1), text="hello") == "banned"
    await house.say(OTHER, "I was here before")
    await street.comes(fresh(2), HERE)
    error = await house.error("comment", fresh(2), text="hello")
    assert (error["code"], error["details"]["reason"]) == ("banned", "raid")
    await street.comes(fresh(3), NEXT_DOOR)
    await house.say(fresh(3), "I live next door")
    house.now_ms += 3_600_000
    await house.run_timers()
    await house.say(fresh(2), "and that was that")


async def test_a_network_is_wider_than_an_address(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    await ban_address(house, VIEWER, width="network")
    await street.comes(fresh(1), NEXT_DOOR)
    assert await house.code("comment", fresh(1), text="hello") == "banned"
    await street.comes(fresh(2), ELSEWHERE)
    await house.say(fresh(2), "far away")


async def test_lifting_a_range_lifts_what_came_of_it(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    ban_id = await ban_address(house, VIEWER)
    await street.comes(fresh(1), HERE)
    await street.comes(fresh(2), HERE)
    assert await house.code("moderate.unban_address", SENIOR, ban=ban_id) == "forbidden"
    assert (await house.ok("moderate.unban_address", HOST, ban=ban_id))["lifted"] == 2
    await house.say(fresh(1), "thank you")
    assert await house.code("moderate.unban_address", HOST, ban=ban_id) == "not_found"
    assert await house.store.read(lambda conn: read_bans_in(conn, ROOM, house.now_ms)) == []
    await street.comes(fresh(3), HERE)
    await house.say(fresh(3), "me too")


async def test_nobody_lifts_a_range_that_somebody_above_banned(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    ban_id = await ban_address(house, VIEWER, OPERATOR)
    await street.comes(fresh(1), HERE)
    assert await house.code("moderate.unban_address", HOST, ban=ban_id) == "outranked"
    assert await house.code("comment", fresh(1), text="hello") == "banned"
    assert (await house.ok("moderate.unban_address", OPERATOR, ban=ban_id))["lifted"] == 1


async def test_staff_are_out_of_reach_and_operators_reach_everywhere(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE)
    assert await house.code("moderate.ban_address", HOST, user=OPERATOR.id, seconds=600, reason="") == (
        "outranked"
    )
    everywhere = {"user": VIEWER.id, "seconds": 600, "reason": "", "everywhere": True}
    assert await house.code("moderate.ban_address", HOST, **everywhere) == "forbidden"
    await house.create("silk", Caller("u-silk", "Silk", may_host=True))
    await ban_address(house, VIEWER, OPERATOR, everywhere=True)
    await street.comes(MODERATOR, HERE)
    await street.comes(fresh(1), HERE)
    assert await house.code("comment", fresh(1), text="hello", room="silk") == "banned"
    await house.say(MODERATOR, "still here")


async def test_nothing_is_banned_where_nothing_is_known(house: House) -> None:
    terms = {"user": VIEWER.id, "seconds": 3600, "reason": ""}
    assert await house.code("moderate.ban_address", HOST, **terms) == "not_found"
    assert await house.code("moderate.ban_address", HOST, **(terms | {"user": "u-nobody"})) == "not_found"
    assert await house.code("moderate.ban_address", HOST, **(terms | {"seconds": None})) == "bad_request"


async def test_old_traces_are_forgotten(house: House, street: Street) -> None:
    await street.comes(VIEWER, HERE, PHONE)
    assert not await house.evasion.forget()
    house.now_ms += KEPT_MS + 1
    assert not await house.evasion.forget()
    assert await house.store.read(lambda conn: read_marks(conn, VIEWER.id or "")) == []


async def test_who_was_known_before_traces_were_is_no_newcomer(house: House, street: Street) -> None:
    """Nobody's traces are there on the day of an upgrade, nor those of who comes back after months."""
    await street.comes(OTHER, ELSEWHERE)
    house.now_ms += KEPT_MS + 1
    await house.evasion.forget()
    await street.comes(VIEWER, HERE)
    await ban_address(house, VIEWER)
    await street.comes(OTHER, HERE)
    await street.comes(fresh(1), HERE)
    await house.run_timers()
    await house.say(OTHER, "I was here before")
    assert await house.code("comment", fresh(1), text="hello") == "banned"
    nobody, known = "u-nobody", [OTHER.id or "", "u-nobody"]
    since = await house.store.read(lambda conn: read_known_since(conn, known))
    assert nobody not in since
    assert since[OTHER.id or ""] <= house.now_ms - KEPT_MS


async def test_a_guest_is_asked_where_they_come_from_and_a_new_account_is_reached(
    house: House, street: Street
) -> None:
    await street.comes(OTHER, ELSEWHERE)
    house.now_ms += NEW_MS + 1
    await street.comes(VIEWER, HERE)
    ranges, told = house.evasion.ranges, []
    ranges.note, place = street.note, Place(ip_address(HERE))
    ranges.changed.append(lambda: told.append(ranges.guards(ROOM)))
    await ranges.ask(ROOM, GUEST, place)
    await ranges._look()
    ban_id = await ban_address(house, VIEWER)
    await ranges._look()
    await ranges._look()
    assert told == [True]
    assert not ranges.guards("silk")
    with pytest.raises(Refused, match="banned") as refused:
        await ranges.ask(ROOM, GUEST, place)
    assert refused.value.details["left_ms"] == 3_600_000
    await ranges.ask(ROOM, GUEST, Place(ip_address(NEXT_DOOR)))
    await ranges.ask("silk", GUEST, place)
    for who in (OTHER, fresh(1), OPERATOR):  # are asked for their accounts' bans after this
        await ranges.ask(ROOM, Identity(who.id, who.name, operator=who.operator), place)
    assert await house.code("comment", fresh(1), text="hello") == "banned"
    await house.say(OTHER, "hello")
    await house.ok("moderate.unban_address", HOST, ban=ban_id)
    await ranges._look()
    await ranges.ask(ROOM, GUEST, place)
    assert told == [True, False]


async def test_notes_are_the_staffs(house: House) -> None:
    assert await house.code("moderate.note", VIEWER, user=OTHER.id, text="x") == "forbidden"
    note = (await house.ok("moderate.note", MODERATOR, user=VIEWER.id, text=" asked twice "))["note"]
    assert (note["text"], note["by"]) == ("asked twice", MODERATOR.card)
    assert house.briefed("noted")[-1]["data"]["note"] == note
    assert house.told(VIEWER) == []
    second = (await house.ok("moderate.note", SENIOR, user=VIEWER.id, text="and again"))["note"]
    assert await house.code("moderate.note.delete", MODERATOR, note=second["id"]) == "outranked"
    await house.ok("moderate.note.delete", SENIOR, note=note["id"])
    left = await house.store.read(lambda conn: read_notes(conn, ROOM, VIEWER.id or ""))
    assert [each.text for each in left] == ["and again"]
    assert await house.code("moderate.note.delete", HOST, note=note["id"]) == "not_found"


@pytest.mark.parametrize(
    ("give", "lift", "kind"), [("watch", "unwatch", "watched"), ("restrict", "unrestrict", "restricted")]
)
async def test_marks_are_the_staffs_too(house: House, give: str, lift: str, kind: str) -> None:
    terms = {"user": VIEWER.id, "seconds": 3600, "reason": "looks like somebody"}
    assert await house.code(f"moderate.{give}", VIEWER, **(terms | {"user": OTHER.id})) == "forbidden"
    await house.ok(f"moderate.{give}", MODERATOR, **terms)
    assert house.briefed(kind)[-1]["data"]["sanction"]["reason"] == "looks like somebody"
    assert house.told(VIEWER) == []
    await house.ok(f"moderate.{lift}", MODERATOR, user=VIEWER.id)
    assert await house.code(f"moderate.{lift}", MODERATOR, user=VIEWER.id) == "not_found"
    assert house.told(VIEWER) == []
