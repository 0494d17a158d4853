"""Masking a comment, and deleting all of somebody's: nothing of the words is left, wherever they were."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest
from sqlalchemy import LargeBinary, select

from moderation.audit import read_audit
from moderation.purges import AT_ONCE, PURGE_TIMER
from rooms.corrections import MASK
from rooms.heads import ROOMS, timers_table
from rooms.history import read_now
from rooms.log import checkpoints, room_events
from rooms.ports import Caller
from rooms.recordings.replay import read_said
from server.checkpoints import Checkpoints
from server.store.group import Work
from server.store.keys import command_keys
from tests.contract.house import HOST, MODERATOR, OTHER, ROOM, SENIOR, VIEWER, House, house_at

SECRET = "the neighbour's phone number"


async def everywhere(house: House) -> bytes:
    """All bytes of the log, the checkpoints and the remembered answers."""

    def read(conn: Any) -> bytes:
        found = []
        for table in (room_events, checkpoints, command_keys):
            blobs = [c for c in table.columns if isinstance(c.type, LargeBinary)]
            found += [bytes(cell) for row in conn.execute(select(*blobs)) for cell in row if cell]
        return b"\n".join(found)

    return await house.store.read(read)


async def save_checkpoint(house: House) -> None:
    answer = await house.store.write(Work("checkpoint", lambda tx: Checkpoints().save(tx, ROOM)))
    assert answer.ok, answer.body


async def shown(house: House) -> list[dict[str, Any]]:
    """The data of the comments that a newcomer sees."""
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    return [orjson.loads(comment.body)["data"] for comment in now.state.comments]


# Masks


async def test_a_masked_comment_says_nothing_anywhere(house: House) -> None:
    comment = await house.say(VIEWER, SECRET, key="said-it-once")
    reply = await house.say(OTHER, "don't post that", reply_to=comment["id"])
    await save_checkpoint(house)
    assert (await everywhere(house)).count(SECRET.encode()) == 6

    answer = await house.ok("moderate.mask", MODERATOR, event=comment["id"])
    assert answer["text"] == MASK
    assert SECRET.encode() not in await everywhere(house)
    await save_checkpoint(house)
    assert SECRET.encode() not in await everywhere(house)

    masked, quoting = await shown(house)
    assert masked == {**comment["data"], "text": MASK, "masked": True}
    assert quoting == {**reply["data"], "reply_to": {**reply["data"]["reply_to"], "text": MASK}}
    told = (await house.log())[-1]
    assert (told.kind, told.data) == ("comment.masked", {"id": comment["id"], "text": MASK})
    assert (await house.say(VIEWER, SECRET, key="said-it-once"))["data"]["text"] == MASK, "a repeat"
    later = await house.say(OTHER, "still", reply_to=comment["id"])
    assert later["data"]["reply_to"]["text"] == MASK


async def test_who_is_told_of_a_mask(house: House) -> None:
    comment = await house.say(VIEWER, "rude")
    await house.ok("moderate.mask", MODERATOR, event=comment["id"])
    (told,) = house.told(VIEWER)
    assert (told["kind"], told["data"]) == ("comment_masked", {"id": comment["id"], "text": MASK})
    note = house.briefed("comment_masked")[0]["data"]
    assert (note["text"], note["by"]) == ("rude", MODERATOR.card)
    entry = (await house.store.read(lambda conn: read_audit(conn, ROOM)))[0]
    assert (entry["action"], entry["target"], entry["detail"]) == (
        "moderate.mask",
        comment["id"],
        {"text": "rude"},
    )


async def test_a_mask_is_put_on_once_and_may_still_be_deleted(house: House) -> None:
    comment = await house.say(VIEWER, SECRET)
    await house.say(OTHER, "what?", reply_to=comment["id"])
    await house.ok("moderate.mask", MODERATOR, event=comment["id"])
    assert await house.code("moderate.mask", SENIOR, event=comment["id"]) == "not_found"
    await house.ok("moderate.delete", SENIOR, event=comment["id"])
    assert await house.code("moderate.mask", SENIOR, event=comment["id"]) == "not_found"
    (quoting,) = await shown(house)
    assert quoting["reply_to"]["text"] == ""
    assert (await house.store.read(lambda conn: read_audit(conn, ROOM)))[0]["detail"] == {"text": MASK}


async def test_nobody_masks_or_purges_who_stands_above(house: House) -> None:
    of_host = await house.say(HOST, "welcome")
    of_mod = await house.say(MODERATOR, "hello")
    for event in (of_host, of_mod):
        assert await house.code(
            "moderate.mask", MODERATOR if event is of_host else VIEWER, event=event["id"]
        ) in (
            "outranked",
            "forbidden",
        )
    assert await house.code("moderate.purge", SENIOR, user=HOST.id) == "outranked"
    assert await house.code("moderate.purge", MODERATOR, user=VIEWER.id) == "forbidden"
    assert (await house.ok("moderate.purge", SENIOR, user=MODERATOR.id))["count"] == 1


# Purges


async def test_a_purge_leaves_nothing_of_one_person(house: House) -> None:
    first = await house.say(VIEWER, f"{SECRET} 1")
    quoting = await house.say(OTHER, "no!", reply_to=first["id"])
    await house.say(VIEWER, f"{SECRET} 2", reply_to=quoting["id"])
    await house.say(OTHER, "innocent")
    await save_checkpoint(house)
    assert SECRET.encode() in await everywhere(house)

    assert (await house.ok("moderate.purge", SENIOR, user=VIEWER.id))["count"] == 2
    assert SECRET.encode() not in await everywhere(house)
    assert [data["text"] for data in await shown(house)] == ["no!", "innocent"]
    assert (await shown(house))[0]["reply_to"]["text"] == ""
    (told,) = [e for e in await house.log() if e.kind == "comment.purged"]
    assert told.data == {"user": VIEWER.id, "from": 1, "to": told.offset - 1}
    assert await house.code("moderate.purge", SENIOR, user=VIEWER.id) == "not_found"
    await house.say(VIEWER, "a new beginning")
    assert (await shown(house))[-1]["text"] == "a new beginning"
    now = (await house.log())[-1]
    said = await house.store.read(lambda conn: read_said(conn, ROOM, now.epoch, after=0, to=now.offset))
    assert len(said) == 3, "a replay has none of them either"


async def test_a_purge_since_a_time(house: House) -> None:
    early = await house.say(VIEWER, "early")
    await house.say(OTHER, "quoting", reply_to=early["id"])
    house.now_ms += 60_000
    late = await house.say(VIEWER, "late")
    since = {"user": VIEWER.id, "since_ms": house.now_ms}
    assert (await house.ok("moderate.purge", SENIOR, **since))["count"] == 1
    assert [data["text"] for data in await shown(house)] == ["early", "quoting"]
    assert (await shown(house))[1]["reply_to"]["text"] == "early"
    assert (await house.log())[-1].data["from"] == late["offset"]


async def test_who_is_told_of_a_purge(house: House) -> None:
    for n in range(3):
        await house.say(VIEWER, f"spam {n}")
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
    (told,) = house.told(VIEWER, "comments_purged")
    assert told["data"]["count"] == 3
    note = house.briefed("comments_purged")[0]["data"]
    assert note == {"user": VIEWER.card, "count": 3, "by": SENIOR.card}
    entry = (await house.store.read(lambda conn: read_audit(conn, ROOM)))[0]
    assert (entry["action"], entry["target"]) == ("moderate.purge", VIEWER.id)
    assert entry["detail"]["texts"] == ["spam 2", "spam 1", "spam 0"]


async def test_points_for_what_was_purged_are_taken_back(house: House) -> None:
    gone = await house.say(VIEWER, "one")
    await house.say(VIEWER, "two")
    await house.say(VIEWER, "three")
    await house.count_points()
    have = await house.account("points", VIEWER)
    assert have > 0
    await house.ok("moderate.delete", MODERATOR, event=gone["id"])
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
    await house.count_points()
    assert await house.account("points", VIEWER) == 0
    await house.say(VIEWER, "four")
    await house.count_points()
    after = await house.account("points", VIEWER)
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
    await house.count_points()
    assert (after > 0, await house.account("points", VIEWER)) == (True, 0), "each is taken back once"


async def test_what_somebody_says_meanwhile_is_purged_or_stays_as_a_whole(house: House) -> None:
    for n in range(5):
        await house.say(VIEWER, f"{SECRET} {n}")
    await asyncio.gather(
        *(house.do("comment", VIEWER, text=f"{SECRET} at once {n}") for n in range(20)),
        house.ok("moderate.purge", SENIOR, user=VIEWER.id),
        *(house.do("comment", VIEWER, text=f"{SECRET} behind {n}") for n in range(20)),
    )
    log = await house.log()
    (purge,) = [e for e in log if e.kind == "comment.purged"]
    for event in log:
        if event.kind == "comment":
            assert (SECRET in event.body.decode()) == (event.offset > purge.offset)


async def many(house: House, n: int, user: Caller = VIEWER) -> None:
    """Comments in a few transactions."""
    for start in range(0, n, 500):

        def say(tx: Any, start: int = start) -> Any:
            yield ROOMS.rows(ROOM)
            for number in range(start, min(n, start + 500)):
                data = {"text": f"{SECRET} {number}", "color": "white", "lane": "scroll"}
                tx.append(ROOM, "comment", data, user={**user.card, "badges": []})
            return {}

        assert (await house.store.write(Work("many", say))).ok


async def test_however_many_go_in_portions_and_the_last_ones_after_a_restart(house: House) -> None:
    await many(house, 3 * AT_ONCE + 7)
    innocent = await house.say(OTHER, "innocent")
    assert (await house.ok("moderate.purge", SENIOR, user=VIEWER.id))["count"] == 3 * AT_ONCE + 7
    assert [data["text"] for data in await shown(house)] == ["innocent"]
    left = (await everywhere(house)).count(SECRET.encode())
    assert left == 2 * AT_ONCE + 7, "the newest went at once"
    (timer,) = await house.rows(select(timers_table).where(timers_table.c.kind == PURGE_TIMER))
    assert timer["due_at_ms"] <= house.now_ms
    await house.run_timers()
    assert SECRET.encode() not in await everywhere(house)
    assert await house.rows(select(timers_table).where(timers_table.c.kind == PURGE_TIMER)) == []
    assert innocent["id"] in {e.id for e in await house.log() if e.visibility == "all"}


@pytest.mark.soak
async def test_ten_thousand_comments_never_hold_the_writer_long(tmp_path: Any) -> None:
    """Each transaction of a purge is short; together they take a second or two."""
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        await many(house, 10_000)
        held: list[float] = []
        commit = house.store.writer._transaction

        def measured(group: Any) -> Any:
            began = time.perf_counter()
            try:
                return commit(group)
            finally:
                held.append(time.perf_counter() - began)

        house.store.writer._transaction = measured  # type: ignore[method-assign]
        began = time.perf_counter()
        await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
        first_s = time.perf_counter() - began
        await house.run_timers()
        whole_s = time.perf_counter() - began
        print(f"first {first_s:.3f} s, whole {whole_s:.3f} s, held {max(held):.3f} s at most")
        assert SECRET.encode() not in await everywhere(house)
        assert first_s < 0.5
        assert sorted(held)[-2] < 0.05
