"""Mutes, deletions and roles, as those on either end notice them."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from sqlalchemy import LargeBinary, select

from moderation.audit import read_audit
from moderation.sanctions.store import read_in_force, read_page
from moderation.standing import read_members
from rooms.history import read_now, read_staff
from rooms.log import checkpoints, room_events
from rooms.ports import Caller
from server.checkpoints import Checkpoints
from server.store.group import Work
from tests.contract.house import (
    HOST,
    MODERATOR,
    OPERATOR,
    OTHER,
    ROOM,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

SECOND_MODERATOR = Caller("u-mod2", "Cai")


async def mute(house: House, by: Caller = MODERATOR, of: Caller = VIEWER, **more: Any) -> dict[str, Any]:
    request = {"user": of.id, "seconds": 60, "reason": "flood", **more}
    sanction: dict[str, Any] = (await house.ok("moderate.mute", by, **request))["sanction"]
    return sanction


async def is_muted(house: House, who: Caller = VIEWER) -> bool:
    answer = await house.do("comment", who, text="may I?")
    assert answer["ok"] or answer["error"]["code"] == "muted"
    return not answer["ok"]


async def audit(house: House) -> list[dict[str, Any]]:
    return (await house.store.read(lambda conn: read_audit(conn, ROOM)))[::-1]


# Mutes


async def test_a_mute_is_told_to_whom_it_concerns_and_nobody_else(house: House) -> None:
    head = len(await house.log())
    sanction = await mute(house, reason="  be\nkind\u202e ")
    assert sanction == {
        "id": sanction["id"],
        "everywhere": False,
        "user": {"id": VIEWER.id, "name": VIEWER.name},
        "kind": "mute",
        "until_ms": house.now_ms + 60_000,
        "reason": "be kind",
        "by": {"id": MODERATOR.id, "name": MODERATOR.name},
        "at_ms": house.now_ms,
    }
    assert [e["data"] for e in house.told(VIEWER)] == [{"sanction": sanction}]
    assert [e["data"] for e in house.briefed("muted")] == [{"sanction": sanction}]
    assert len(await house.log()) == head  # the room's log holds nothing of it
    now_ms = house.now_ms
    listed = await house.store.read(lambda conn: read_page(conn, ROOM, now_ms, in_force=True))
    assert [row.wire() for row in listed] == [sanction]
    await mute(house, of=OTHER, reason="  ")
    assert house.told(OTHER)[-1]["data"]["sanction"]["reason"] == ""
    assert await house.code("moderate.mute", MODERATOR, user="u-nobody", seconds=60, reason="") == "not_found"
    for seconds in (9, 1_209_601, 0, -1, 60.5):
        request = {"user": VIEWER.id, "seconds": seconds, "reason": ""}
        assert await house.code("moderate.mute", SENIOR, **request) == "bad_request"
    request = {"user": VIEWER.id, "seconds": 60, "reason": "x" * 201}
    assert await house.code("moderate.mute", SENIOR, **request) == "text_too_long"


async def test_a_mute_runs_out_to_the_millisecond(house: House) -> None:
    await mute(house)
    house.now_ms += 59_999
    assert (await house.error("comment", VIEWER, text="now?"))["details"]["left_ms"] == 1
    assert await house.run_timers() == 0
    house.now_ms += 1
    assert not await is_muted(house)  # also before the timer comes round
    assert await house.run_timers() == 1
    assert [e["kind"] for e in house.told(VIEWER)] == ["muted", "unmuted"]
    assert [e["data"]["by"] for e in house.briefed("unmuted")] == [None]
    assert await house.code("moderate.unmute", MODERATOR, user=VIEWER.id) == "not_found"
    now_ms = house.now_ms
    assert await house.store.read(lambda conn: read_in_force(conn, ROOM, [VIEWER.id or ""], now_ms)) == {}


async def test_lifting_a_mute(house: House) -> None:
    sanction = await mute(house)
    await house.ok("moderate.unmute", MODERATOR, user=VIEWER.id)
    assert not await is_muted(house)
    assert house.briefed("unmuted")[-1]["data"] == {
        "sanction": sanction["id"],
        "user": {"id": VIEWER.id, "name": VIEWER.name},
        "by": {"id": MODERATOR.id, "name": MODERATOR.name},
    }
    house.now_ms += 60_000
    assert await house.run_timers() == 1
    assert len(house.told(VIEWER, "unmuted")) == 1  # its timer has nothing more to say


async def test_the_timer_of_an_earlier_mute_ends_no_later_one(house: House) -> None:
    await mute(house, seconds=60)
    house.now_ms += 30_000
    await mute(house, seconds=120)  # takes its place
    house.now_ms += 30_000
    assert await house.run_timers() == 1
    assert await is_muted(house)
    await house.ok("moderate.unmute", MODERATOR, user=VIEWER.id)
    await mute(house, SENIOR, seconds=None)
    house.now_ms += 10_000_000
    assert await house.run_timers() == 1
    error = await house.error("comment", VIEWER, text="now?")
    left = {"reason": "flood", "until_ms": None, "left_ms": None}
    assert error["details"] == left | {"sanction": error["details"]["sanction"], "everywhere": False}
    assert "retry_after_ms" not in error
    # A shorter one takes the place of a longer one too, but not from below.
    again = {"user": VIEWER.id, "seconds": 10, "reason": ""}
    assert await house.code("moderate.mute", MODERATOR, **again) == "outranked"
    await mute(house, SENIOR, seconds=10)
    house.now_ms += 10_000
    await house.run_timers()
    assert not await is_muted(house)
    assert [e["kind"] for e in house.told(VIEWER)] == [
        "muted",
        "muted",
        "unmuted",
        "muted",
        "muted",
        "unmuted",
    ]


async def test_a_mute_holds_after_a_restart(migrated_url: str) -> None:
    async with house_at(migrated_url) as house:
        await mute(house, seconds=3600)
        await mute(house, of=OTHER, seconds=60)
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + 60_000) as house:
        await house.run_timers()
        assert (await house.error("comment", VIEWER, text="back"))["details"]["left_ms"] == 3_540_000
        assert not await is_muted(house, OTHER)


async def test_nobody_acts_on_equals_or_those_above(house: House) -> None:
    await house.sign_in(SECOND_MODERATOR)
    await house.ok("room.grant", HOST, user=SECOND_MODERATOR.id, role="moderator")
    refused = [
        (MODERATOR, SECOND_MODERATOR),
        (MODERATOR, MODERATOR),
        (MODERATOR, SENIOR),
        (MODERATOR, HOST),
        (MODERATOR, OPERATOR),
        (SENIOR, SENIOR),
        (SENIOR, HOST),
        (SENIOR, OPERATOR),
        (HOST, HOST),
        (HOST, OPERATOR),
        (OPERATOR, OPERATOR),
    ]
    for actor, target in refused:
        request = {"user": target.id, "seconds": 60, "reason": ""}
        assert await house.code("moderate.mute", actor, **request) == "outranked"
        assert await house.code("moderate.unmute", actor, user=target.id) == "outranked"
    allowed = [(SENIOR, MODERATOR), (HOST, SENIOR), (HOST, MODERATOR), (OPERATOR, HOST), (OPERATOR, SENIOR)]
    for actor, target in allowed:
        await mute(house, actor, target)
        assert await is_muted(house, target)
        await house.ok("moderate.unmute", actor, user=target.id)
        comment = await house.say(target, "rude")
        await house.ok("moderate.delete", actor, event=comment["id"])
    for actor, target in ((MODERATOR, SENIOR), (SENIOR, HOST), (HOST, OPERATOR)):
        comment = await house.say(target, "fine")
        assert await house.code("moderate.delete", actor, event=comment["id"]) == "outranked"
    own = await house.say(MODERATOR, "a slip")
    await house.ok("moderate.delete", MODERATOR, event=own["id"])


async def test_users_are_known_by_the_shops_ids_in_any_script(house: House) -> None:
    stranger = Caller("张三 (店)#7", "张三")
    await house.sign_in(stranger)
    comment = await house.say(stranger, "你好")
    await mute(house, of=stranger, seconds=10)
    await house.ok("moderate.unmute", MODERATOR, user=stranger.id)
    await mute(house, of=stranger, seconds=10)
    house.now_ms += 10_000
    await house.run_timers()
    assert not await is_muted(house, stranger)
    await house.ok("moderate.delete", MODERATOR, event=comment["id"])
    await house.ok("room.grant", HOST, user=stranger.id, role="moderator")
    for bad in ("", "a\x00b", "a\nb", "x" * 129):
        assert await house.code("moderate.unmute", MODERATOR, user=bad) == "bad_request"


# Deletions


async def everywhere(house: House) -> bytes:
    """The log's and the checkpoints' bytes."""

    def read(conn: Any) -> bytes:
        found = []
        for table in (room_events, checkpoints):
            blobs = [c for c in table.columns if isinstance(c.type, LargeBinary)]
            found += [bytes(cell) for row in conn.execute(select(*blobs)) for cell in row]
        return b"\n".join(found)

    return await house.store.read(read)


async def save_checkpoint(house: House) -> None:
    answer = await house.store.write(Work("checkpoint", lambda tx: Checkpoints().save(tx, ROOM)))
    assert answer.ok, answer.body


async def test_a_deleted_comment_is_nowhere(house: House) -> None:
    secret = "the neighbour's phone number"
    comment = await house.say(VIEWER, secret)
    reply = await house.say(OTHER, "don't post that", reply_to=comment["id"])
    unconcerned = await house.say(OTHER, "nice tea")
    await save_checkpoint(house)
    assert (await everywhere(house)).count(secret.encode()) == 4

    await house.ok("moderate.delete", MODERATOR, event=comment["id"])
    assert secret.encode() not in await everywhere(house)
    await save_checkpoint(house)
    assert secret.encode() not in await everywhere(house)

    log = {e.id: e for e in await house.log()}
    wire = orjson.loads(log[comment["id"]].body)
    assert wire == {**comment, "data": {"deleted": True}}
    quoting = orjson.loads(log[reply["id"]].body)
    assert quoting["data"]["text"] == "don't post that"
    assert quoting["data"]["reply_to"] == {
        "id": comment["id"],
        "name": VIEWER.name,
        "user": VIEWER.id,
        "offset": comment["offset"],
        "text": "",
    }
    assert orjson.loads(log[unconcerned["id"]].body) == unconcerned
    told = (await house.log())[-1]
    assert (told.kind, told.data) == ("comment.deleted", {"id": comment["id"]})
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    assert [c.id for c in now.state.comments] == [reply["id"], unconcerned["id"]]


async def test_who_is_told_of_a_deletion(house: House) -> None:
    comment = await house.say(VIEWER, "rude")
    await house.ok("moderate.delete", MODERATOR, event=comment["id"], key="delete-01")
    assert [(e["kind"], e["data"]) for e in house.told(VIEWER)] == [
        ("comment_deleted", {"id": comment["id"]})
    ]
    (note,) = house.briefed("comment_deleted")
    assert note["data"] == {
        "id": comment["id"],
        "user": comment["user"],
        "text": "rude",
        "by": {"id": MODERATOR.id, "name": MODERATOR.name},
    }
    await house.ok("moderate.delete", MODERATOR, event=comment["id"], key="delete-01")
    assert await house.code("moderate.delete", SENIOR, event=comment["id"]) == "not_found"
    assert len(house.briefed("comment_deleted")) == len(house.told(VIEWER)) == 1
    created = (await house.log())[0]
    assert await house.code("moderate.delete", HOST, event=created.id) == "not_found"
    assert await house.code("moderate.delete", HOST, event="no-such-event") == "not_found"


async def test_a_checkpoint_before_the_comment_may_stay(house: House) -> None:
    await house.say(VIEWER, "early")
    await save_checkpoint(house)
    comment = await house.say(VIEWER, "late")
    await house.ok("moderate.delete", MODERATOR, event=comment["id"])
    assert len(await house.rows(select(checkpoints.c.offset))) == 1


async def test_a_raid_is_deleted_at_once(house: House) -> None:
    raid = [await house.say(VIEWER, f"raid number {n}") for n in range(30)]
    replies = await asyncio.gather(*(house.say(OTHER, "stop", reply_to=c["id"]) for c in raid))
    answers = await asyncio.gather(
        *(house.do("moderate.delete", by, event=c["id"]) for c in raid for by in (MODERATOR, SENIOR)),
        *(house.do("comment", OTHER, text="late", reply_to=c["id"]) for c in raid),
    )
    deleted = [a["ok"] for a in answers[:60]]
    assert sum(deleted) == 30
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"not_found"}
    assert b"raid number" not in await everywhere(house)
    assert len(replies) == 30
    seqs = [s.seq for s in house.staff]
    assert seqs == list(range(1, len(seqs) + 1))


# Roles


async def test_giving_and_taking_a_role(house: House) -> None:
    assert await house.code("moderate.unmute", OTHER, user=VIEWER.id) == "forbidden"
    await house.ok("room.grant", HOST, user=OTHER.id, role="moderator")
    await mute(house, OTHER)
    told = house.told(OTHER, "role")[-1]["data"]
    assert told["role"] == "moderator"
    assert {"mute", "delete_comment", "see_staff"} <= set(told["can"])
    assert (await house.say(OTHER, "hello"))["user"]["badges"] == ["moderator"]
    members = await house.store.read(lambda conn: read_members(conn, ROOM))
    assert (OTHER.id, "moderator") in [(m.user_id, m.role) for m in members]

    await house.ok("room.grant", HOST, user=OTHER.id, role="viewer")
    await house.ok("room.grant", HOST, user=OTHER.id, role="viewer")
    assert await house.code("moderate.unmute", OTHER, user=VIEWER.id) == "forbidden"
    viewer = ["comment", "like", "buy", "gift", "play", "follow", "join_stage", "report"]
    assert house.told(OTHER, "role")[-1]["data"] == {"role": "viewer", "can": viewer}
    assert house.briefed("role")[-1]["data"] == {
        "user": {"id": OTHER.id, "name": OTHER.name},
        "role": "viewer",
        "by": {"id": HOST.id, "name": HOST.name},
    }
    members = await house.store.read(lambda conn: read_members(conn, ROOM))
    assert OTHER.id not in [m.user_id for m in members]


async def test_roles_that_cannot_be_given(house: House) -> None:
    for role in ("host", "operator", "guest", ""):
        assert await house.code("room.grant", HOST, user=OTHER.id, role=role) == "bad_request"
    assert await house.code("room.grant", HOST, user="u-nobody", role="moderator") == "not_found"
    assert await house.code("room.grant", HOST, user=HOST.id, role="viewer") == "outranked"
    assert await house.code("room.grant", HOST, user=OPERATOR.id, role="viewer") == "outranked"
    # An operator may name the host, who stays the host and is told so.
    await house.ok("room.grant", OPERATOR, user=HOST.id, role="moderator")
    assert house.told(HOST, "role")[-1]["data"]["role"] == "host"
    await house.ok("room.change", HOST, slow_mode_s=0)


async def test_every_deed_is_in_the_audit_trail(house: House) -> None:
    before = len(await audit(house))
    comment = await house.say(VIEWER, "rude")
    await mute(house, seconds=60, reason="flood")
    await house.ok("moderate.unmute", SENIOR, user=VIEWER.id)
    await house.ok("moderate.delete", MODERATOR, event=comment["id"])
    await house.ok("room.grant", HOST, user=OTHER.id, role="moderator")
    assert await house.code("moderate.mute", VIEWER, user=OTHER.id, seconds=60, reason="") == "forbidden"
    deeds = [(a["actor"]["id"], a["action"], a["target"], a["detail"]) for a in (await audit(house))[before:]]
    given = deeds[0][3].pop("sanction")
    assert deeds == [
        (MODERATOR.id, "moderate.mute", VIEWER.id, {"seconds": 60, "reason": "flood"}),
        (SENIOR.id, "moderate.unmute", VIEWER.id, {"sanction": given}),
        (MODERATOR.id, "moderate.delete", comment["id"], {"text": "rude"}),
        (HOST.id, "room.grant", OTHER.id, {"role": "moderator"}),
    ]


async def test_staff_are_shown_what_their_role_may_see(house: House) -> None:
    _, sku = await house.product()
    await house.ok("buy", VIEWER, sku=sku, qty=1)
    await mute(house)
    everything = await house.store.read(
        lambda conn: read_staff(conn, ROOM, ["see_staff", "see_orders"], after=None)
    )
    assert everything == [s.body for s in house.staff]
    moderators = await house.store.read(lambda conn: read_staff(conn, ROOM, ["see_staff"], after=None))
    assert moderators == [s.body for s in house.staff if s.kind != "order"]
    assert await house.store.read(lambda conn: read_staff(conn, ROOM, [], after=None)) == []
