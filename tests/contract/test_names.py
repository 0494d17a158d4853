"""Names that a room's own lists object to: not shown there, and as ever elsewhere."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from rooms.ports import Caller
from server import texts
from server.auth.claims import nameless
from server.names import Names
from tests.contract.house import HOST, MODERATOR, ROOM, VIEWER, House
from tests.contract.test_rulebooks import put

RAIDER = Caller("u-raider", "Zorblax Fan")


async def name_of(house: House, said: dict[str, Any]) -> str:
    name: str = said["user"]["name"]
    (event,) = [event for event in await house.log() if event.id == said["id"]]
    assert orjson.loads(event.body)["user"]["name"] == name
    return name


async def test_a_name_that_a_rooms_list_denies_isnt_shown_in_that_room(house: House) -> None:
    await house.sign_in(RAIDER)
    await house.create("other")
    assert await name_of(house, await house.say(RAIDER, "hello")) == "Zorblax Fan"
    made = await put(house, "mine", "zorblax")
    neutral = nameless("u-raider")
    said = await house.say(RAIDER, "hello again")
    assert await name_of(house, said) == neutral
    # What quotes it says the same; the text may still not have the word in it.
    reply = await house.say(VIEWER, "hi", reply_to=said["id"])
    assert reply["data"]["reply_to"]["name"] == neutral
    assert await house.code("comment", RAIDER, text="zorblax") == "text_refused"
    assert house.briefed("comment_refused")[-1]["data"]["user"]["name"] == neutral
    assert (await house.say(RAIDER, "hello", room="other"))["user"]["name"] == "Zorblax Fan"
    assert (await house.say(VIEWER, "me too"))["user"]["name"] == VIEWER.name
    # Staff learn whose it is by acting on it.
    sanction = (await house.ok("moderate.mute", HOST, user=RAIDER.id, seconds=60, reason=""))["sanction"]
    assert sanction["user"]["name"] == "Zorblax Fan"
    await house.ok("moderate.unmute", HOST, user=RAIDER.id)
    await house.filter_desk.delete_list(ROOM, "mine", made["version"], HOST)
    assert await name_of(house, await house.say(RAIDER, "hello once more")) == "Zorblax Fan"


async def test_a_name_of_which_a_list_masks_a_word_has_stars(house: House) -> None:
    await house.sign_in(RAIDER)
    await put(house, "mine", "[action=mask]", "zorblax")
    assert (await house.say(RAIDER, "hello"))["user"]["name"] == "******* Fan"


async def test_gifts_packets_and_the_stage_show_no_other_name(house: House) -> None:
    await house.sign_in(RAIDER)
    await house.sign_in(HOST)
    await put(house, "mine", "zorblax")
    await house.go_live()
    await house.grant_coins(RAIDER, 1000)
    neutral = nameless("u-raider")
    await house.ok("gift", RAIDER, gift="rose", count=1)
    packet = (await house.ok("packet.send", RAIDER, coins=100, count=5, seconds=60))["packet"]
    assert packet["user"]["name"] == neutral
    log = [orjson.loads(event.body) for event in await house.log()]
    theirs = [event for event in log if event.get("user", {}).get("id") == RAIDER.id]
    assert {event["kind"]: event["user"]["name"] for event in theirs} == {
        "gift": neutral,
        "packet.opened": neutral,
    }
    assert (await house.ok("guest.invite", HOST, user=RAIDER.id))["guest"]["user"]["name"] == neutral


async def test_what_is_let_through_later_has_the_name_that_the_moderator_saw(house: House) -> None:
    await house.sign_in(RAIDER)
    await put(house, "mine", "zorblax")
    await put(house, "doubted", "[action=hold]", "quux")
    held = (await house.ok("comment", RAIDER, text="a quux"))["held"]
    item = house.briefed("review")[-1]["data"]["item"]
    assert item["user"]["name"] == nameless("u-raider")
    await house.ok("review.claim", MODERATOR, item=held["id"])
    await house.ok("review.decide", MODERATOR, item=held["id"], decision="release")
    said = orjson.loads((await house.log())[-1].body)
    assert (said["data"]["text"], said["user"]["name"]) == ("a quux", nameless("u-raider"))


async def test_a_name_is_judged_once_for_each_book_and_few_are_remembered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "NAMES_MAX", 3)
    await put(house, "mine", "zorblax")
    book = house.rulebooks.book(ROOM)
    names = Names(texts.Texts(house.rulebooks))
    for _ in range(2):
        assert names.in_room(ROOM, RAIDER).name == nameless("u-raider")
    assert book.names == {"Zorblax Fan": None}
    for number in range(10):
        names.in_room(ROOM, Caller("u", f"Lin {number}"))
        assert len(book.names) <= 3
    operator = Caller("u", "Zorblax", operator=True)
    assert names.in_room(ROOM, operator) is operator
    await put(house, "mine", "quux")
    assert names.in_room(ROOM, RAIDER) is RAIDER
    assert house.rulebooks.book(ROOM) is not book
