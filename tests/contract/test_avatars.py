"""People's own pictures, on both databases: shown, replaced, taken back, taken down, and tidied up."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from moderation.audit import read_audit
from moderation.avatars import RemoveAvatar
from rooms.avatars import (
    AvatarRules,
    avatar_files,
    digest_of,
    drop_paces,
    drop_replaced,
    read_avatars,
    read_served,
)
from rooms.heads import ROOMS
from rooms.history import read_now
from rooms.ports import Caller
from rooms.rows import Steps
from rooms.unit import Unit
from server.checkpoints import Checkpoints
from server.store.group import Work
from tests.contract.house import GUEST, HOST, MODERATOR, OPERATOR, OTHER, ROOM, SENIOR, VIEWER, House

LIN = VIEWER.id or ""
RULES = AvatarRules()


async def put(house: House, caller: Caller, body: bytes = b"a face") -> dict[str, Any]:
    answer = await house.store.write(
        Work("avatar.set", lambda tx: house.services.avatars.set(tx, body, caller))
    )
    decoded: dict[str, Any] = orjson.loads(answer.body)
    return decoded


async def given(house: House, caller: Caller, body: bytes = b"a face") -> str:
    answer = await put(house, caller, body)
    assert answer["ok"], answer
    digest: str = answer["avatar"]
    assert digest == digest_of(caller.id or "", body)
    return digest


async def refusal(house: House, caller: Caller, body: bytes = b"a face") -> dict[str, Any]:
    answer = await put(house, caller, body)
    assert not answer["ok"], answer
    error: dict[str, Any] = answer["error"]
    return error


async def clear(house: House, user_id: str = LIN) -> None:
    assert (await house.store.write(Work("clear", lambda tx: house.services.avatars.clear(tx, user_id)))).ok


async def shown(house: House, user_id: str = LIN) -> str | None:
    return (await house.store.read(lambda conn: read_avatars(conn, [user_id]))).get(user_id)


async def bodies(house: House, *digests: str) -> dict[str, bytes]:
    found = await house.store.read(lambda conn: read_served(conn, digests))
    return {digest: one.body for digest, one in found.items()}


async def prune(house: House, kept_ms: int = RULES.replaced_ms) -> list[int]:
    counts: list[int] = []

    def drop(tx: Unit) -> Steps[None]:
        yield ROOMS.rows()
        tx.at_flush(lambda conn: counts.append(drop_replaced(conn, house.now_ms - kept_ms, 100)))
        tx.at_flush(lambda conn: counts.append(drop_paces(conn, house.now_ms, 100)))

    assert (await house.store.write(Work("prune", drop))).ok
    return counts


async def newcomers_comments(house: House) -> list[dict[str, Any]]:
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    return [orjson.loads(comment.body) for comment in now.state.comments]


@pytest.fixture
async def room(house: House) -> House:
    await house.sign_in(VIEWER, OTHER)
    return house


# One's own


async def test_it_is_shown_beside_what_one_says_as_soon_as_the_node_has_heard_of_it(room: House) -> None:
    assert "avatar" not in (await room.say(VIEWER, "before"))["user"]
    digest = await given(room, VIEWER)
    assert await shown(room) == digest
    assert await bodies(room, digest) == {digest: b"a face"}
    (told,) = room.told(VIEWER, "avatar")
    assert told["data"] == {"avatar": digest}
    room.faces.heard(LIN, digest)  # as the private event's way to the connections does
    event = await room.say(VIEWER, "after")
    assert event["user"] == {"id": LIN, "name": "Lin", "badges": [], "avatar": digest}
    assert "avatar" not in (await room.say(OTHER, "without one"))["user"]
    room.faces.heard(LIN, None)
    assert "avatar" not in (await room.say(VIEWER, "gone"))["user"]


async def test_the_same_picture_of_two_people_are_two(room: House) -> None:
    mine, theirs = await given(room, VIEWER), await given(room, OTHER)
    assert mine != theirs
    await room.ok("avatar.remove", MODERATOR, user=LIN)
    assert await bodies(room, mine, theirs) == {theirs: b"a face"}
    assert await shown(room, OTHER.id or "") == theirs


async def test_a_replaced_one_stays_beside_old_comments_for_a_while(room: House) -> None:
    first = await given(room, VIEWER, b"first")
    room.now_ms += 1000
    second = await given(room, VIEWER, b"second")
    assert await shown(room) == second
    room.now_ms += RULES.replaced_ms
    await prune(room)
    assert set(await bodies(room, first, second)) == {first, second}
    room.now_ms += 1
    assert (await prune(room))[0] == 1
    assert set(await bodies(room, first, second)) == {second}


async def test_one_that_is_shown_again_is_not_tidied_up(room: House) -> None:
    first = await given(room, VIEWER, b"first")
    await given(room, VIEWER, b"second")
    room.now_ms += 1
    assert await given(room, VIEWER, b"first") == first
    room.now_ms += 2 * RULES.replaced_ms
    await prune(room)
    assert await shown(room) == first
    assert list(await bodies(room, first)) == [first]


async def test_whoever_takes_it_back_leaves_nothing(room: House) -> None:
    digests = [await given(room, VIEWER, body) for body in (b"first", b"second")]
    other = await given(room, OTHER)
    await clear(room)
    await clear(room)  # which is fine
    assert await shown(room) is None
    assert await bodies(room, *digests, other) == {other: b"a face"}
    assert [row["user_id"] for row in await room.rows(select(avatar_files))] == [OTHER.id]
    told = [event["data"]["avatar"] for event in room.told(VIEWER, "avatar")]
    assert told == [*digests, None]


async def test_a_new_name_or_role_leaves_the_picture(room: House) -> None:
    digest = await given(room, VIEWER)
    await room.sign_in(Caller(LIN, "Lin Two"))
    await room.ok("room.grant", HOST, user=LIN, role="moderator")
    assert await shown(room) == digest


# Who may, and how often


async def test_so_many_an_hour(room: House) -> None:
    for number in range(RULES.per_hour):
        await given(room, VIEWER, b"%d" % number)
        room.now_ms += 60_000
    error = await refusal(room, VIEWER, b"one more")
    assert (error["code"], error["temporary"]) == ("rate_limited", True)
    assert error["retry_after_ms"] == 3_600_000 - RULES.per_hour * 60_000
    assert await shown(room) == digest_of(LIN, b"%d" % (RULES.per_hour - 1))
    await clear(room)
    assert (await refusal(room, VIEWER))["code"] == "rate_limited", "taking it back gives none back"
    await given(room, OTHER)
    room.now_ms += error["retry_after_ms"]
    await given(room, VIEWER, b"one more")


async def test_guests_and_whoever_is_silenced_everywhere_may_not(room: House) -> None:
    assert (await refusal(room, GUEST))["code"] == "unauthenticated"
    mute = {"user": LIN, "seconds": 60, "reason": "spam"}
    await room.ok("moderate.mute", MODERATOR, **mute)
    await given(room, VIEWER)  # a room's mute is that room's
    await room.ok("moderate.mute", OPERATOR, **mute, everywhere=True)
    error = await refusal(room, VIEWER, b"another")
    assert (error["code"], error["details"]["reason"]) == ("muted", "spam")
    await room.ok("moderate.unmute", OPERATOR, user=LIN, everywhere=True)
    await room.ok("moderate.ban", OPERATOR, user=LIN, seconds=60, reason="", everywhere=True)
    assert (await refusal(room, VIEWER, b"another"))["code"] == "banned"
    assert await shown(room) == digest_of(LIN, b"a face")


# Taken down


async def test_taken_down_it_is_gone_everywhere(room: House) -> None:
    before, digest = await given(room, VIEWER, b"before"), await given(room, VIEWER)
    room.faces.heard(LIN, digest)
    said = await room.say(VIEWER, "look at me")
    assert said["user"]["avatar"] == digest
    answer = await room.ok("avatar.remove", MODERATOR, user=LIN, reason="  not  here ")
    assert answer["until_ms"] == room.now_ms + RULES.removed_ms

    assert await bodies(room, before, digest) == {}
    assert [bytes(row["body"]) for row in await room.rows(select(avatar_files))] == [b"", b""]
    assert await shown(room) is None
    (event,) = [event for event in room.events if event.kind == "avatar.removed"]
    assert event.data == {"user": LIN}
    (told,) = room.told(VIEWER, "avatar_removed")
    assert told["data"] == {"reason": "not here", "until_ms": answer["until_ms"]}
    (brief,) = room.briefed("avatar_removed")
    assert brief["data"]["user"] == {"id": LIN, "name": "Lin"}
    assert brief["data"]["by"] == {"id": MODERATOR.id, "name": "Bao"}
    (line, *_) = await room.store.read(lambda conn: read_audit(conn, ROOM))
    assert (line["action"], line["target"]) == ("moderate.avatar", LIN)
    assert line["detail"]["reason"] == "not here"
    assert sorted(line["detail"]["avatars"]) == sorted([before, digest])
    assert await room.code("avatar.remove", MODERATOR, user=LIN) == "not_found"


@pytest.mark.parametrize("checkpoint", [False, True])
async def test_newcomers_see_old_comments_without_it(room: House, checkpoint: bool) -> None:
    for caller in (VIEWER, OTHER):
        room.faces.heard(caller.id or "", await given(room, caller))
        await room.say(caller, "hello")
    if checkpoint:
        assert (await room.store.write(Work("save", lambda tx: Checkpoints().save(tx, ROOM)))).ok
    await room.ok("avatar.remove", MODERATOR, user=LIN)
    mine, theirs = await newcomers_comments(room)
    assert mine["user"] == {"id": LIN, "name": "Lin", "badges": []}
    assert theirs["user"]["avatar"] == digest_of(OTHER.id or "", b"a face")


async def test_for_a_while_there_is_no_other_and_never_the_same(room: House) -> None:
    await given(room, VIEWER, b"bad")
    until_ms = (await room.ok("avatar.remove", MODERATOR, user=LIN))["until_ms"]
    error = await refusal(room, VIEWER, b"good")
    assert (error["code"], error["temporary"]) == ("picture_refused", True)
    assert error["details"] == {"reason": "removed", "until_ms": until_ms}
    await clear(room)
    room.now_ms = until_ms - 1
    await prune(room)
    assert (await refusal(room, VIEWER, b"good"))["retry_after_ms"] == 1
    room.now_ms += 2
    await prune(room)
    error = await refusal(room, VIEWER, b"bad")
    assert (error["code"], error["temporary"]) == ("picture_refused", False)
    assert error["details"] == {"reason": "same"}
    await given(room, VIEWER, b"good")
    await given(room, OTHER, b"bad")  # which says nothing about others


async def test_nobody_acts_on_somebody_above(room: House) -> None:
    for caller in (HOST, MODERATOR, SENIOR, OPERATOR):
        await room.sign_in(caller)
        await given(room, caller)
    for actor, targets in (
        (MODERATOR, (SENIOR, HOST, OPERATOR)),
        (SENIOR, (HOST, OPERATOR)),
        (HOST, (OPERATOR,)),
    ):
        for target in targets:
            assert await room.code("avatar.remove", actor, user=target.id) == "outranked"
    assert await room.code("avatar.remove", VIEWER, user=MODERATOR.id) == "forbidden"
    assert await room.code("avatar.remove", MODERATOR, user="u-nobody") == "not_found"
    assert await room.code("avatar.remove", MODERATOR, user=OTHER.id) == "not_found"
    await room.ok("avatar.remove", HOST, user=SENIOR.id)
    await room.ok("avatar.remove", OPERATOR, user=HOST.id)


async def test_an_approved_comment_has_the_picture_of_now(room: House) -> None:
    await room.ok("moderate.restrict", MODERATOR, user=LIN, seconds=600, reason="")
    held = await room.ok("comment", VIEWER, text="let me in")
    digest = await given(room, VIEWER)  # and this node has heard nothing of it
    await room.ok("review.decide", MODERATOR, item=held["held"]["id"], decision="release")
    event = [orjson.loads(event.body) for event in room.events if event.kind == "comment"][-1]
    assert (event["data"]["text"], event["user"]["avatar"]) == ("let me in", digest)


# In one transaction with others


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_comes_together_what_is_shown_is_there(room: House, seed: int) -> None:
    """Several of one person's in one transaction, as they are grouped: what is shown is a file that there is,
    no other file of theirs is as good as shown, and what was taken down has no bytes."""
    chance, avatars, acts = random.Random(seed), room.services.avatars, room.services.avatar_acts
    taken_down: set[str] = set()
    for step in range(12):
        works = []
        for _ in range(chance.randint(1, 4)):
            what, body = chance.choice(("set", "set", "set", "clear", "remove")), b"%d" % chance.randrange(4)
            if what == "set":
                works.append(Work(what, lambda tx, body=body: avatars.set(tx, body, VIEWER)))  # type: ignore[misc]
            elif what == "clear":
                works.append(Work(what, lambda tx: avatars.clear(tx, LIN)))
            else:
                cmd = RemoveAvatar(room=ROOM, key=f"key-{step:08d}", user=LIN)
                works.append(Work(what, lambda tx, cmd=cmd: acts.remove(tx, cmd, MODERATOR)))  # type: ignore[misc]
        answers = await asyncio.gather(*map(room.store.write, works))
        assert {answer.code for answer in answers} <= {None, "not_found", "picture_refused", "rate_limited"}
        files = {row["digest"]: row for row in await room.rows(select(avatar_files))}
        avatar = await shown(room)
        assert avatar is None or not files[avatar]["removed"]
        for digest, file in files.items():
            assert (file["over_at_ms"] is None) == (digest == avatar)
            assert bool(file["removed"]) == (bytes(file["body"]) == b"")
        taken_down |= {digest for digest, file in files.items() if file["removed"]}
        assert all(files[digest]["removed"] for digest in taken_down), "none comes back"
        room.now_ms += chance.choice((1, 1_800_000, RULES.removed_ms))
        await prune(room)
