"""What is done about a picture, on both databases: told, blurred, broken off, cleared by a moderator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import orjson
import pytest
from sqlalchemy import func, select

from moderation.audit import read_audit
from moderation.audit.transparency import Deeds, Numbers
from moderation.pictures.acts import STILLS_KEPT, Measure, Spotted, refuse_broken_off, still_path
from moderation.pictures.store import PictureState, picture_states_table, read_state, read_still, stills_table
from rooms.errors import Refused
from rooms.log import Visibility
from rooms.ports import Caller
from server.pictures import pictures_table
from server.stills import Stills
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, ROOM, SENIOR, VIEWER, House
from tests.contract.test_guests import come, statuses

FOUND = (("red", 0.93), ("pink", 0.6))


async def hit(house: House, measure: Measure, guest: tuple[str, Caller] | None = None, **more: Any) -> bool:
    slot, told = (None, (HOST.id or "",)) if guest is None else (guest[0], (HOST.id or "", guest[1].id or ""))
    stream = ROOM if slot is None else f"{ROOM}:{slot}"
    pictures = {"still": b"clear", "blurred": b"soft"} | more
    spotted = Spotted(ROOM, stream, slot, measure, house.now_ms - 40, FOUND, told, **pictures)
    answer = await house.store.write(Work("hit", lambda tx: house.services.picture_acts.act(tx, spotted)))
    assert answer.ok
    return bool(orjson.loads(answer.body)["acted"])


async def calm(house: House) -> None:
    acts = house.services.picture_acts
    assert (await house.store.write(Work("calm", lambda tx: acts.calm(tx, ROOM, ROOM, "host")))).ok


async def over(house: House) -> None:
    acts = house.services.picture_acts
    assert (await house.store.write(Work("over", lambda tx: acts.over(tx, ROOM, ROOM, "host")))).ok


async def state(house: House, stream: str = ROOM) -> PictureState | None:
    return await house.store.read(lambda conn: read_state(conn, stream))


def staff(house: House) -> list[dict[str, Any]]:
    return [orjson.loads(event.body) for event in house.staff if event.kind.startswith("picture_")]


def private(house: House) -> list[tuple[str, dict[str, Any]]]:
    return [(e.user_id, orjson.loads(e.body)["data"]) for e in house.private if e.kind == "picture_hit"]


def blurs(house: House) -> list[tuple[str, bool]]:
    said = [event for event in house.events if event.kind == "stream.blurred"]
    assert all(event.visibility == Visibility.ALL for event in said)
    return [(event.data["stream"], event.data["on"]) for event in said]


async def actions(house: House) -> list[str]:
    lines = await house.store.read(lambda conn: read_audit(conn, ROOM))
    return [line["action"] for line in lines[::-1] if line["action"].startswith("picture.")]


@pytest.fixture
async def live(house: House) -> House:
    await house.picture("publishing")
    return house


async def test_an_alert_is_the_staffs_alone(live: House) -> None:
    assert await hit(live, "alert")
    (told,) = staff(live)
    data = told["data"]
    assert data["picture"] == still_path(ROOM, data["id"])
    assert {name: data[name] for name in ("stream", "measure", "classes", "score", "at_ms")} == {
        "stream": "host",
        "measure": "alert",
        "classes": [{"name": "red", "score": 0.93}, {"name": "pink", "score": 0.6}],
        "score": 0.93,
        "at_ms": live.now_ms - 40,
    }
    for clear, body in ((True, b"clear"), (False, b"soft")):
        assert await live.store.read(lambda c, d=data, k=clear: read_still(c, ROOM, d["id"], clear=k)) == body  # type: ignore[misc]
    assert await live.store.read(lambda c: read_still(c, "silk", data["id"], clear=True)) is None
    assert (private(live), blurs(live), await state(live)) == ([], [], None)
    (line,) = [
        one for one in await live.store.read(lambda c: read_audit(c, ROOM)) if "picture" in one["action"]
    ]
    assert (line["action"], line["target"], line["detail"]["score"]) == ("picture.alert", "host", 0.93)


async def test_a_blur_is_said_once_and_taken_back_once(live: House) -> None:
    assert await hit(live, "blur")
    assert await hit(live, "blur")
    assert blurs(live) == [("host", True)]
    assert [(user, data["measure"]) for user, data in private(live)] == [(HOST.id, "blur")] * 2
    assert "picture" not in private(live)[0][1]  # the publisher knows what it sent
    await calm(live)
    await calm(live)
    assert blurs(live) == [("host", True), ("host", False)]
    assert await actions(live) == ["picture.blur", "picture.blur", "picture.sharp"]


async def test_with_the_stream_its_blur_is_over(live: House) -> None:
    await hit(live, "blur")
    await over(live)
    assert blurs(live) == [("host", True), ("host", False)]
    assert await state(live) is None  # nothing is left of it
    await over(live)
    assert len(blurs(live)) == 2


async def test_what_a_moderator_has_cleared_is_left_alone_for_a_while(live: House) -> None:
    await hit(live, "blur")
    assert await live.code("picture.clear", VIEWER) == "forbidden"
    answer = await live.ok("picture.clear", MODERATOR)
    assert answer["quiet_until_ms"] == live.now_ms + 600_000
    assert blurs(live) == [("host", True), ("host", False)]
    assert staff(live)[-1]["data"] == {"stream": "host", "by": MODERATOR.card}
    for measure in get_args(Measure):
        assert not await hit(live, measure)
    await over(live)
    assert not await hit(live, "blur")  # also in the next stream
    live.now_ms += 600_000
    assert await hit(live, "blur")
    assert await actions(live) == ["picture.blur", "picture.clear", "picture.blur"]


async def test_an_interruption_ends_the_stream_and_keeps_its_publisher_out(live: House) -> None:
    assert await hit(live, "interrupt")
    ended = [event.data for event in live.events if event.kind == "room.status"][-1]
    assert ended == {"status": "ended", "reason": "moderation"}
    assert private(live)[0][1]["measure"] == "interrupt"
    known = await state(live)
    with pytest.raises(Refused) as refused:
        refuse_broken_off(known, live.now_ms)
    assert (refused.value.code, refused.value.retry_after_ms) == ("picture_refused", 60_000)
    refuse_broken_off(known, live.now_ms + 60_000)
    assert blurs(live) == [("host", True)]  # to the end of it, for who sees the recording
    await over(live)
    assert blurs(live) == [("host", True), ("host", False)]
    assert known is not None
    assert await state(live) == replace(known, blurred=0)  # that stays
    await live.ok("picture.clear", MODERATOR)
    refuse_broken_off(await state(live), live.now_ms)


async def test_a_guest_is_taken_off_the_stage_and_the_host_stays(live: House) -> None:
    slot = await come(live, VIEWER)
    assert await hit(live, "interrupt", (slot, VIEWER))
    assert await statuses(live) == {}
    left = [event.data for event in live.events if event.kind == "guest.left"]
    assert left == [{"slot": slot, "reason": "removed"}]  # why is nobody's business but theirs
    assert [user for user, _ in private(live)] == [HOST.id, VIEWER.id]
    assert [event.data["status"] for event in live.events if event.kind == "room.status"] == ["live"]
    assert (await state(live, f"{ROOM}:{slot}")) is not None
    assert await state(live) is None


async def test_a_guests_blur_is_the_guests(live: House) -> None:
    slot = await come(live, VIEWER)
    await hit(live, "blur", (slot, VIEWER))
    await live.ok("picture.clear", MODERATOR)  # the host's: nothing is known against it
    assert blurs(live) == [(slot, True)]
    await live.ok("picture.clear", HOST, stream=slot)
    assert blurs(live) == [(slot, True), (slot, False)]


async def test_nobody_clears_a_picture_of_their_own(live: House) -> None:
    slot = await come(live, SENIOR)
    await hit(live, "blur")
    await hit(live, "blur", (slot, SENIOR))
    assert await live.code("picture.clear", HOST) == "forbidden"
    assert await live.code("picture.clear", SENIOR, stream=slot) == "forbidden"
    await live.ok("picture.clear", SENIOR)
    await live.ok("picture.clear", OPERATOR, stream=slot)
    assert blurs(live)[2:] == [("host", False), (slot, False)]


def waiting(house: House) -> dict[str, dict[str, Any]]:
    """The queue's items of pictures, by their streams, as they are now."""
    items = {event["data"]["item"]["id"]: event["data"]["item"] for event in house.briefed("review")}
    return {item["stream"]: item for item in items.values()}


async def test_a_hit_waits_in_the_queue_and_a_mistake_clears_the_picture(live: House) -> None:
    await hit(live, "blur")
    item = waiting(live)["host"]
    assert (item["kind"], item["state"], item["measure"], item["score"]) == ("picture", "open", "blur", 0.93)
    assert item["picture"] == staff(live)[0]["data"]["picture"]
    assert item["at_ms"] == live.now_ms
    live.now_ms += 5_000
    assert await live.code("review.decide", HOST, item=item["id"], decision="dismiss") == "forbidden"
    await live.ok("review.decide", MODERATOR, item=item["id"], decision="dismiss")
    assert blurs(live) == [("host", True), ("host", False)]
    assert not await hit(live, "blur")
    lines = await live.store.read(lambda conn: read_audit(conn, ROOM))
    noted = {line["action"]: line for line in lines}
    assert noted["picture.clear"]["target"] == "host"
    facts = noted["review.release"]["facts"]
    assert (facts["kind"], facts["waited_ms"]) == ("picture", 5_000)
    numbers = Numbers()
    for line in lines:
        numbers.take(Deeds(0, line["action"], line["facts"], 1))
    assert numbers.wire()["false_positives"] == {"count": 1, "of": 1, "share": 1.0}


async def test_a_hit_that_was_right_changes_nothing(live: House) -> None:
    await hit(live, "blur")
    await live.ok("review.decide", MODERATOR, item=waiting(live)["host"]["id"], decision="uphold")
    assert blurs(live) == [("host", True)]
    assert await hit(live, "blur")
    assert await actions(live) == ["picture.blur", "picture.blur"]


async def test_each_stream_has_an_item_and_who_clears_the_picture_settles_it(live: House) -> None:
    slot = await come(live, VIEWER)
    await hit(live, "blur")
    await hit(live, "alert", (slot, VIEWER))
    first = waiting(live)
    await live.ok("review.claim", SENIOR, item=first["host"]["id"])
    await hit(live, "blur")
    assert waiting(live)["host"]["claim"]["by"] == SENIOR.card
    assert {stream: item["id"] for stream, item in waiting(live).items()} == {
        stream: item["id"] for stream, item in first.items()
    }
    await live.ok("picture.clear", MODERATOR)
    now = waiting(live)
    assert (now["host"]["state"], now["host"]["decision"]) == ("decided", "dismiss")
    assert now[slot]["state"] == "open"
    assert await live.code("review.decide", SENIOR, item=first["host"]["id"], decision="uphold") == "over"
    lines = await live.store.read(lambda conn: read_audit(conn, ROOM))
    assert [line["actor"] for line in lines if line["action"] == "review.release"] == [MODERATOR.card]


async def test_few_stills_are_kept_and_none_for_long(live: House) -> None:
    for _ in range(STILLS_KEPT + 3):
        await hit(live, "alert")
    count = select(func.count()).select_from(stills_table)
    assert await live.store.read(lambda conn: conn.scalar(count)) == STILLS_KEPT
    newest, oldest = staff(live)[-1]["data"]["id"], staff(live)[0]["data"]["id"]
    assert await live.store.read(lambda conn: read_still(conn, ROOM, newest, clear=True))
    assert not await live.store.read(lambda conn: read_still(conn, ROOM, oldest, clear=True))
    chore = Stills(live.store, 1000, lambda: live.now_ms)
    await chore.prune()
    assert await live.store.read(lambda conn: conn.scalar(count)) == STILLS_KEPT
    live.now_ms += 1001
    assert not await chore.prune()
    assert await live.store.read(lambda conn: conn.scalar(count)) == 0


async def test_a_hit_without_a_still_is_told_too(live: House) -> None:
    await hit(live, "alert", still=b"", blurred=b"")
    assert staff(live)[0]["data"]["picture"] is None


async def test_rows_are_only_of_streams_with_something_against_them(live: House) -> None:
    await hit(live, "blur")
    await over(live)
    count = select(func.count()).select_from(picture_states_table)
    assert await live.store.read(lambda conn: conn.scalar(count)) == 0


async def test_a_pause_shows_a_picture_of_this_room_only(live: House) -> None:
    def add(tx: Any) -> Any:
        yield from ()
        for room, name in ((ROOM, "mine.webp"), ("silk", "theirs.webp")):
            tx.insert(
                pictures_table, {"name": name, "room_id": room, "user_id": "", "at_ms": 1, "body": b"x"}
            )
        return {}

    assert (await live.store.write(Work("add", add))).ok
    await live.ok("room.pause", HOST, on=True, picture="/pictures/mine.webp")
    for path in ("/pictures/theirs.webp", "/pictures/nobodys.webp"):
        assert await live.code("room.pause", HOST, on=True, picture=path) == "not_found"
    await live.ok("room.pause", HOST, on=True, picture=None)
