"""What is done about what is said, on both databases: told, broken off, cleared, and forgotten."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from moderation.audit import read_audit
from moderation.audit.days import COUNTED
from moderation.audit.erasure import find_of_person
from moderation.audit.transparency import Deeds, Numbers
from moderation.sounds.acts import SOUNDS_KEPT, Overheard, refuse_interrupted, sound_path
from moderation.sounds.hits import Hit, Measure
from moderation.sounds.store import SoundState, read_sound, read_sound_state, sounds_table
from rooms.errors import Refused
from rooms.ports import Caller, TextReason
from server.stills import Stills
from server.store.group import Work
from tests.contract.house import HOST, MODERATOR, OPERATOR, ROOM, SENIOR, VIEWER, House
from tests.contract.test_guests import come, statuses

SAID = "call me at one three eight"
HIT = Hit((("shot", 0.93),), SAID, (TextReason("contacts", "phone", "hold", "phone", 11, 26),))


async def hit(
    house: House, measure: Measure, guest: tuple[str, Caller] | None = None, sound: bytes = b"ogg"
) -> bool:
    slot, told = (None, (HOST.id or "",)) if guest is None else (guest[0], (HOST.id or "", guest[1].id or ""))
    stream = ROOM if slot is None else f"{ROOM}:{slot}"
    heard = Overheard(ROOM, stream, slot, measure, house.now_ms - 40, 15_000, HIT, "en", told, sound)
    answer = await house.store.write(Work("hit", lambda tx: house.services.sound_acts.act(tx, heard)))
    assert answer.ok
    return bool(orjson.loads(answer.body)["acted"])


async def state(house: House, stream: str = ROOM) -> SoundState | None:
    return await house.store.read(lambda conn: read_sound_state(conn, stream))


def private(house: House) -> list[tuple[str, dict[str, Any]]]:
    return [(e.user_id, orjson.loads(e.body)["data"]) for e in house.private if e.kind == "sound_hit"]


async def trail(house: House) -> list[dict[str, Any]]:
    """The newest first."""
    lines = await house.store.read(lambda conn: read_audit(conn, ROOM))
    return [line for line in lines if line["action"].startswith(("sound.", "review."))]


def waiting(house: House) -> dict[str, dict[str, Any]]:
    """The queue's items of sound, by their streams, as they are now."""
    items = {event["data"]["item"]["id"]: event["data"]["item"] for event in house.briefed("review")}
    return {item["stream"]: item for item in items.values() if item["kind"] == "sound"}


@pytest.fixture
async def live(house: House) -> House:
    await house.picture("publishing")
    return house


async def test_an_alert_tells_the_staff_what_was_said_and_nobody_else(live: House) -> None:
    live.now_ms += 61_040
    assert await hit(live, "alert")
    (told,) = live.briefed("sound_hit")
    data = told["data"]
    assert (data["text"], data["language"], data["score"]) == (SAID, "en", 0.93)
    assert (data["heard_ms"], data["into_ms"], data["duration_ms"]) == (live.now_ms - 40, 61_000, 15_000)
    (reason,) = data["reasons"]
    assert SAID[reason["start"] : reason["end"]] == "one three eight"
    assert data["sound"] == sound_path(ROOM, data["id"])
    assert await live.store.read(lambda conn: read_sound(conn, ROOM, data["id"])) == b"ogg"
    assert await live.store.read(lambda conn: read_sound(conn, "silk", data["id"])) is None
    assert (private(live), await state(live)) == ([], None)
    item = waiting(live)["host"]
    assert (item["text"], item["sound"], item["state"]) == (SAID, data["sound"], "open")
    assert not any(key.startswith("_") for key in item)
    assert not [event for event in live.events if "text" in event.data]  # the room's log says nothing of it


async def test_what_was_said_goes_with_whoever_said_it_and_the_deed_stays(live: House) -> None:
    await hit(live, "alert")
    (line,) = await trail(live)
    assert (line["action"], line["target"]) == ("sound.alert", "host")
    assert line["detail"]["text"] == SAID
    assert SAID not in str(line["facts"])  # which stay
    assert line["facts"]["codes"] == ["phone"]
    found = await live.store.read(lambda conn: find_of_person(conn, HOST.id or "", None))
    assert (ROOM, line["seq"]) in found.what
    assert "sound.alert".startswith(COUNTED)


async def test_an_interruption_ends_the_stream_and_keeps_its_publisher_out(live: House) -> None:
    assert await hit(live, "interrupt")
    ended = [event.data for event in live.events if event.kind == "room.status"][-1]
    assert ended == {"status": "ended", "reason": "moderation"}
    ((user, notice),) = private(live)
    assert (user, notice["measure"], notice["codes"]) == (HOST.id, "interrupt", ["phone"])
    assert "text" not in notice
    known = await state(live)
    with pytest.raises(Refused) as refused:
        refuse_interrupted(known, live.now_ms)
    assert (refused.value.code, refused.value.retry_after_ms) == ("sound_refused", 60_000)
    refuse_interrupted(known, live.now_ms + 60_000)
    await live.ok("sound.clear", MODERATOR)
    refuse_interrupted(await state(live), live.now_ms)


async def test_a_guest_is_taken_off_the_stage_and_the_host_stays(live: House) -> None:
    slot = await come(live, VIEWER)
    assert await hit(live, "interrupt", (slot, VIEWER))
    assert await statuses(live) == {}
    left = [event.data for event in live.events if event.kind == "guest.left"]
    assert left == [{"slot": slot, "reason": "removed"}]
    assert [user for user, _ in private(live)] == [HOST.id, VIEWER.id]
    assert [event.data["status"] for event in live.events if event.kind == "room.status"] == ["live"]
    assert await state(live, f"{ROOM}:{slot}") is not None
    assert await state(live) is None


async def test_what_a_moderator_has_cleared_is_left_alone_for_a_while(live: House) -> None:
    await hit(live, "alert")
    assert await live.code("sound.clear", VIEWER) == "forbidden"
    answer = await live.ok("sound.clear", MODERATOR)
    assert answer["quiet_until_ms"] == live.now_ms + 600_000
    assert live.briefed("sound_over")[-1]["data"] == {"stream": "host", "by": MODERATOR.card}
    assert waiting(live)["host"]["decision"] == "dismiss"
    assert not await hit(live, "interrupt")
    live.now_ms += 600_000
    assert await hit(live, "alert")
    actions = [line["action"] for line in await trail(live)]
    assert actions == ["sound.alert", "sound.clear", "review.release", "sound.alert"]


async def test_nobody_clears_what_they_said_themselves(live: House) -> None:
    slot = await come(live, SENIOR)
    await hit(live, "alert")
    await hit(live, "alert", (slot, SENIOR))
    assert await live.code("sound.clear", HOST) == "forbidden"
    assert await live.code("review.decide", HOST, item=waiting(live)["host"]["id"], decision="dismiss")
    assert await live.code("sound.clear", SENIOR, stream=slot) == "forbidden"
    await live.ok("sound.clear", SENIOR)
    await live.ok("sound.clear", OPERATOR, stream=slot)


async def test_a_mistake_is_counted_as_one_and_clears_the_sound(live: House) -> None:
    await hit(live, "alert")
    first = waiting(live)["host"]["id"]
    await hit(live, "alert")
    assert waiting(live)["host"]["id"] == first  # one item, with what was heard last
    await live.ok("picture.clear", MODERATOR)  # which is another matter
    assert waiting(live)["host"]["state"] == "open"
    live.now_ms += 5_000
    await live.ok("review.decide", MODERATOR, item=first, decision="dismiss")
    assert not await hit(live, "alert")
    numbers = Numbers()
    for line in await trail(live):
        numbers.take(Deeds(0, line["action"], line["facts"], 1))
    assert numbers.wire()["false_positives"] == {"count": 1, "of": 1, "share": 1.0}
    acted = {one["action"]: one["automatic"] for one in numbers.wire()["actions"]}
    assert acted["sound.alert"] == 2


async def test_few_sounds_are_kept_and_none_for_long(live: House) -> None:
    for _ in range(SOUNDS_KEPT + 3):
        await hit(live, "alert")
    count = select(func.count()).select_from(sounds_table)
    assert await live.store.read(lambda conn: conn.scalar(count)) == SOUNDS_KEPT
    chore = Stills(live.store, 1000, lambda: live.now_ms, sounds_table)
    await chore.prune()
    assert await live.store.read(lambda conn: conn.scalar(count)) == SOUNDS_KEPT
    live.now_ms += 1001
    await chore.prune()
    assert await live.store.read(lambda conn: conn.scalar(count)) == 0


async def test_a_hit_without_a_sound_is_told_too(live: House) -> None:
    await hit(live, "alert", sound=b"")
    assert live.briefed("sound_hit")[0]["data"]["sound"] is None
