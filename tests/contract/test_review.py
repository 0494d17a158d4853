"""The moderators' queue: held comments and reports, claimed, decided and told, as each side notices it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import pytest

from moderation.audit import read_audit
from moderation.permissions import Role
from moderation.review.holding import HoldRules
from moderation.review.reading import read_whole, review_part
from moderation.review.rules import LEASE_MS
from moderation.review.store import prune_items, read_item
from moderation.rulebook.rules import RoomRules
from moderation.standing import can
from rooms.heads import ROOMS
from rooms.history import read_now
from rooms.ports import NOTHING, About, Caller, CheckedText, TextReason
from rooms.state import EMPTY, fold_all
from server.live.entering import Ask, Enter, Side, read_sides
from server.store.group import Work
from server.texts import Texts
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

DENIED = "make money from home, telegram me"
SECOND = Caller("u-mod2", "Cai")
CROWD = [Caller(f"u-crowd{n}", f"Crowd {n}") for n in range(8)]


class Doubting(Texts):
    """Holds whatever has the word ``doubtful`` in it, as a list may ask for."""

    def check(self, text: str, about: About = NOTHING) -> CheckedText:
        start = text.find("doubtful")
        if start < 0:
            return super().check(text, about)
        reason = TextReason("words", "insult", "hold", "list:en/doubtful", start, start + 8)
        return CheckedText("hold", text, (reason,))


@asynccontextmanager
async def doubting_house(url: str, **options: Any) -> AsyncIterator[House]:
    async with house_at(url, texts_type=Doubting, **options) as house:
        await house.sign_in(SECOND, *CROWD)
        await house.ok("room.grant", HOST, user=SECOND.id, role="moderator")
        yield house


@pytest.fixture
async def house(migrated_url: str) -> AsyncIterator[House]:
    async with doubting_house(migrated_url) as house:
        yield house


async def hold(house: House, text: str = "a doubtful word", by: Caller = VIEWER, **more: Any) -> str:
    """The id of a comment that waits."""
    answer = await house.ok("comment", by, text=text, **more)
    assert "event" not in answer
    item: str = answer["held"]["id"]
    return item


async def decide(
    house: House, item: str, decision: str, by: Caller = MODERATOR, **more: Any
) -> dict[str, Any]:
    answer = await house.ok("review.decide", by, item=item, decision=decision, **more)
    found: dict[str, Any] = answer["item"]
    return found


async def report(house: House, event: str, *people: Caller, why: str = "spam") -> None:
    for who in people:
        await house.ok("report", who, event=event, why=why)


async def texts(house: House) -> list[str]:
    """The comments that somebody who enters now is shown."""
    now = await house.store.read(lambda conn: read_now(conn, ROOM))
    assert now is not None
    return [orjson.loads(comment.body)["data"]["text"] for comment in now.state.comments]


async def side(house: House, caller: Caller, **more: Any) -> Side:
    """What somebody is told who enters."""
    ask = Ask(Enter(room=ROOM, **more), caller)
    (found,) = await house.store.read(lambda conn: read_sides(conn, [ask], house.now_ms))
    assert isinstance(found, Side)
    return found


async def noted(house: House, action: str) -> list[dict[str, Any]]:
    return [
        line
        for line in await house.store.read(lambda conn: read_audit(conn, ROOM))
        if line["action"] == action
    ]


# Held comments


async def test_a_held_comment_is_told_to_its_sender_and_shown_to_moderators_alone(house: House) -> None:
    head = len(await house.log())
    answer = await house.ok("comment", VIEWER, text="a doubtful word")
    held = answer["held"]
    assert held == {
        "id": held["id"],
        "at_ms": house.now_ms,
        "until_ms": house.now_ms + 15 * 60_000,
        "text": "a doubtful word",
    }
    assert len(await house.log()) == head
    (event,) = house.briefed("review")
    assert event["data"]["item"] == {
        "id": held["id"],
        "kind": "held",
        "state": "open",
        "needs": "review",
        "user": VIEWER.card,
        "at_ms": house.now_ms,
        "due_at_ms": held["until_ms"],
        "claim": None,
        "decision": None,
        "reason": "",
        "by": None,
        "waited_ms": None,
        "text": "a doubtful word",
        "color": "white",
        "lane": "scroll",
        "reasons": [
            {
                "check": "words",
                "code": "insult",
                "verdict": "hold",
                "rule": "list:en/doubtful",
                "start": 2,
                "end": 10,
            }
        ],
    }
    (waiting,) = (await side(house, VIEWER)).you["held"]
    assert waiting == held
    assert (await side(house, OTHER)).you["held"] == []
    staff = (await side(house, MODERATOR)).staff
    assert staff is not None
    assert [item["id"] for item in staff["review"]["items"]] == [held["id"]]
    assert (await side(house, VIEWER)).staff is None


async def test_a_comment_that_is_let_through_enters_the_log_now_as_its_authors(house: House) -> None:
    item = await hold(house)
    await house.say(OTHER, "meanwhile")
    house.now_ms += 42_000
    done = await decide(house, item, "release")
    assert (done["state"], done["decision"], done["waited_ms"]) == ("decided", "release", 42_000)
    assert done["by"] == MODERATOR.card
    last = (await house.log())[-1]
    assert (last.kind, last.user_id, last.visibility, last.at_ms) == (
        "comment",
        VIEWER.id,
        "all",
        house.now_ms,
    )
    assert await texts(house) == ["meanwhile", "a doubtful word"]
    (told,) = house.told(VIEWER, "held_decided")
    assert told["data"]["decision"] == "release"
    assert told["data"]["event"]["id"] == last.id
    assert (await side(house, VIEWER)).you["held"] == []
    (line,) = await noted(house, "review.release")
    assert line["actor"] == MODERATOR.card
    assert line["detail"] == {
        "item": item,
        "kind": "held",
        "waited_ms": 42_000,
        "rules": ["list:en/doubtful"],
        "text": "a doubtful word",
    }


async def test_a_comment_that_is_refused_is_seen_by_nobody(house: House) -> None:
    item = await hold(house)
    head = len(await house.log())
    await decide(house, item, "refuse", reason=" be\nkind ")
    assert len(await house.log()) == head
    assert await texts(house) == []
    (told,) = house.told(VIEWER, "held_decided")
    assert told["data"] == {"item": item, "decision": "refuse", "reason": "be kind"}
    assert len(await noted(house, "review.refuse")) == 1


async def test_it_is_decided_once(house: House) -> None:
    item = await hold(house)
    answer = await house.ok("review.decide", MODERATOR, item=item, decision="release", key="decide-it-1")
    again = await house.ok("review.decide", MODERATOR, item=item, decision="release", key="decide-it-1")
    assert again == answer
    error = await house.error("review.decide", SENIOR, item=item, decision="refuse")
    assert (error["code"], error["details"]["by"]) == ("over", MODERATOR.name)
    assert await house.code("review.claim", SENIOR, item=item) == "over"
    assert await texts(house) == ["a doubtful word"]


async def test_who_may_not_speak_any_more_is_not_let_through(house: House) -> None:
    item = await hold(house)
    await house.ok("moderate.mute", MODERATOR, user=VIEWER.id, seconds=60, reason="")
    assert await house.code("review.decide", MODERATOR, item=item, decision="release") == "user_muted"
    assert await texts(house) == []
    assert house.told(VIEWER, "held_decided") == []
    house.now_ms += 61_000
    await decide(house, item, "release")
    assert await texts(house) == ["a doubtful word"]


async def test_what_it_replies_to_is_quoted_as_it_is_when_it_is_let_through(house: House) -> None:
    first, second = await house.say(OTHER, "is it good?"), await house.say(OTHER, "and cheap?")
    one = await hold(house, reply_to=first["id"])
    other = await hold(house, reply_to=second["id"])
    await house.ok("moderate.delete", MODERATOR, event=second["id"])
    await decide(house, one, "release")
    await decide(house, other, "release")
    quoting, bare = (event.data for event in (await house.log())[-2:])
    assert quoting["reply_to"] == {
        "id": first["id"],
        "name": OTHER.name,
        "user": OTHER.id,
        "offset": first["offset"],
        "text": "is it good?",
    }
    assert "reply_to" not in bare
    assert not any(b"and cheap?" in event.body for event in await house.log())


async def test_one_that_nobody_looks_at_runs_out(house: House) -> None:
    item = await hold(house)
    house.now_ms += 15 * 60_000 - 1
    await house.run_timers()
    assert house.told(VIEWER, "held_decided") == []
    house.now_ms += 1
    await house.run_timers()
    (told,) = house.told(VIEWER, "held_decided")
    assert told["data"]["decision"] == "expired"
    assert house.briefed("review")[-1]["data"]["item"]["state"] == "expired"
    assert await house.code("review.decide", MODERATOR, item=item, decision="release") == "over"
    assert await texts(house) == []
    assert await house.run_timers() == 0


async def test_it_does_not_run_out_under_somebodys_eyes(house: House) -> None:
    item = await hold(house)
    house.now_ms += 15 * 60_000 - 1000
    await house.ok("review.claim", MODERATOR, item=item)
    house.now_ms += 1000
    await house.run_timers()
    assert house.told(VIEWER, "held_decided") == []
    house.now_ms += LEASE_MS - 2000
    await house.run_timers()
    await decide(house, item, "release")
    house.now_ms += LEASE_MS
    await house.run_timers()
    assert [told["data"]["decision"] for told in house.told(VIEWER, "held_decided")] == ["release"]


async def test_no_more_wait_than_fit(migrated_url: str) -> None:
    async with doubting_house(migrated_url, hold=HoldRules(per_user=2, per_room=3)) as house:
        # All at once, in one group: those that the group itself adds count too.
        answers = await asyncio.gather(*(house.do("comment", VIEWER, text="doubtful") for _ in range(4)))
        assert sum(answer["ok"] for answer in answers) == 2
        refused = [answer["error"] for answer in answers if not answer["ok"]]
        assert {(e["code"], e["temporary"], e["details"]["reason"]) for e in refused} == {
            ("too_many", False, "held")
        }
        await hold(house, by=OTHER)
        error = await house.error("comment", CROWD[0], text="doubtful")
        assert (error["code"], error["temporary"], error["details"]["reason"]) == ("too_many", True, "queue")
        assert house.briefed("review_full")[-1]["data"] == {"limit": 3}
        (item, *_) = [event["data"]["item"]["id"] for event in house.briefed("review")]
        await decide(house, item, "refuse")
        await hold(house, by=VIEWER)


async def test_who_is_restricted_waits_and_is_not_told_why(house: House) -> None:
    plain = (await house.ok("comment", VIEWER, text="a doubtful word"))["held"]
    await house.ok("moderate.restrict", MODERATOR, user=OTHER.id, seconds=3600, reason="looks like Lin")
    answer = await house.ok("comment", OTHER, text="a word like any other")
    assert answer["held"].keys() == plain.keys()
    item = house.briefed("review")[-1]["data"]["item"]
    assert [(reason["check"], reason["code"]) for reason in item["reasons"]] == [("standing", "restricted")]
    assert await texts(house) == []
    await decide(house, item["id"], "release")
    assert await texts(house) == ["a word like any other"]
    assert {told["kind"] for told in house.told(OTHER)} == {"held_decided"}
    entered = orjson.dumps([answer, (await side(house, OTHER)).you, house.told(OTHER)])
    assert b"restrict" not in entered
    assert b"looks like" not in entered
    (line,) = [line for line in await noted(house, "filter.hold") if line["target"] == OTHER.id]
    assert [rule["code"] for rule in line["detail"]["rules"]] == ["restricted"]
    await house.ok("moderate.unrestrict", MODERATOR, user=OTHER.id)
    await house.say(OTHER, "and at once again")


async def test_a_refusal_says_nothing_of_a_restriction(house: House) -> None:
    await house.ok("moderate.restrict", MODERATOR, user=OTHER.id, seconds=3600, reason="")
    error = await house.error("comment", OTHER, text=DENIED)
    assert error["code"] == "text_refused"
    assert "restricted" not in [each["code"] for each in error["details"]]
    assert error["details"]


# Claims


async def test_two_who_claim_at_once(house: House) -> None:
    item = await hold(house)
    answers = await asyncio.gather(*(house.do("review.claim", who, item=item) for who in (MODERATOR, SECOND)))
    (lost,) = [answer["error"] for answer in answers if not answer["ok"]]
    (won,) = [answer["item"]["claim"] for answer in answers if answer["ok"]]
    assert (lost["code"], lost["details"]["by"]) == ("claimed", won["by"])
    loser = SECOND if won["by"] == MODERATOR.card else MODERATOR
    winner = MODERATOR if loser is SECOND else SECOND
    assert await house.code("review.decide", loser, item=item, decision="refuse") == "claimed"
    await house.ok("review.release", loser, item=item)  # another's claim isn't theirs to give up
    assert await house.code("review.claim", loser, item=item) == "claimed"
    await house.ok("review.release", winner, item=item)
    assert house.briefed("review")[-1]["data"]["item"]["claim"] is None
    await house.ok("review.claim", loser, item=item)


async def test_a_claim_that_nobody_renews_runs_out(house: House) -> None:
    item = await hold(house)
    for _ in range(3):
        claim = (await house.ok("review.claim", MODERATOR, item=item))["item"]["claim"]
        assert claim["until_ms"] == house.now_ms + LEASE_MS
        house.now_ms += LEASE_MS - 1
        assert await house.code("review.claim", SECOND, item=item) == "claimed"
    house.now_ms += 1
    await house.ok("review.claim", SECOND, item=item)
    assert await house.code("review.claim", MODERATOR, item=item) == "claimed"


async def test_a_moderator_who_leaves_leaves_the_items_too(house: House) -> None:
    mine, theirs = await hold(house), await hold(house, by=OTHER)
    await house.ok("review.claim", MODERATOR, item=mine)
    await house.ok("review.claim", SECOND, item=theirs)
    left = house.services.queue.review.left
    answer = await house.store.write(Work("left", lambda tx: left(tx, ROOM, MODERATOR.id or "")))
    assert answer.ok
    await house.ok("review.claim", SECOND, item=mine)
    assert await house.code("review.claim", MODERATOR, item=theirs) == "claimed"


async def test_claims_and_what_waits_outlive_a_restart(migrated_url: str) -> None:
    async with doubting_house(migrated_url) as house:
        item = await hold(house)
        await house.ok("review.claim", MODERATOR, item=item)
        now_ms = house.now_ms
    async with open_house(migrated_url, now_ms=now_ms + 1000, texts_type=Doubting) as house:
        assert await house.code("review.claim", SECOND, item=item) == "claimed"
        await decide(house, item, "release")
        assert await texts(house) == ["a doubtful word"]
    async with open_house(migrated_url, now_ms=now_ms + 15 * 60_000) as house:
        await house.run_timers()
        assert house.told(VIEWER) == []


async def test_nobody_decides_on_their_own(house: House) -> None:
    item = await hold(house, by=VIEWER)
    await house.ok("room.grant", HOST, user=VIEWER.id, role="moderator")
    assert await house.code("review.decide", VIEWER, item=item, decision="release") == "forbidden"
    assert await house.code("review.decide", MODERATOR, item=item, decision="refuse") == "outranked"
    await decide(house, item, "release", by=SENIOR)


async def test_the_queue_is_the_rooms(house: House) -> None:
    await house.create("silk", Caller("u-silk", "Silk", may_host=True))
    item = await hold(house)
    assert await house.code("review.claim", OPERATOR, item=item, room="silk") == "not_found"
    assert await house.code("review.claim", MODERATOR, item="no-such-item") == "not_found"


# Reports


async def test_a_report_waits_for_moderators(house: House) -> None:
    event = await house.say(VIEWER, "buy elsewhere")
    await house.ok("report", OTHER, event=event["id"], why="scam", text="it is a\u202e fake")
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["id"], item["kind"], item["user"]) == (event["id"], "report", VIEWER.card)
    assert (item["text"], item["whys"], item["reports"], item["hidden"]) == (
        "buy elsewhere",
        {"scam": 1},
        1,
        False,
    )
    assert item["texts"] == [{"why": "scam", "text": "it is a fake"}]
    assert await house.code("report", OTHER, event=event["id"], why="spam") == "already_reported"
    assert await house.code("report", VIEWER, event=event["id"], why="spam") == "forbidden"
    assert await house.code("report", OTHER, event="nothing", why="spam") == "not_found"
    assert await texts(house) == ["buy elsewhere"]


async def test_a_report_that_is_right_deletes_the_comment_and_is_answered_once(house: House) -> None:
    event = await house.say(VIEWER, "buy elsewhere")
    await report(house, event["id"], OTHER, CROWD[0])
    house.now_ms += 5_000
    done = await decide(house, event["id"], "uphold")
    assert done["waited_ms"] == 5_000
    assert await texts(house) == []
    assert (await house.log())[-1].kind == "comment.deleted"
    assert house.told(VIEWER, "comment_deleted")[-1]["data"] == {"id": event["id"]}
    for _ in range(2):
        await house.run_timers()
    for who in (OTHER, CROWD[0]):
        (told,) = house.told(who, "report_answered")
        assert told["data"] == {"event": event["id"], "outcome": "upheld"}
    (line,) = await noted(house, "report.upheld")
    assert (line["target"], line["detail"]["waited_ms"]) == (event["id"], 5_000)
    assert await house.code("report", CROWD[1], event=event["id"], why="spam") == "not_found"


async def test_a_comment_that_moderators_let_stand_is_reported_no_more(house: House) -> None:
    event = await house.say(VIEWER, "not my taste")
    await report(house, event["id"], OTHER)
    await decide(house, event["id"], "dismiss")
    error = await house.error("report", CROWD[0], event=event["id"], why="abuse")
    assert (error["code"], error["details"]) == ("over", {"reason": "approved"})
    await house.run_timers()
    assert house.told(OTHER, "report_answered")[-1]["data"]["outcome"] == "dismissed"
    assert await texts(house) == ["not my taste"]
    assert len(await noted(house, "report.dismissed")) == 1


async def test_many_reports_hide_a_comment_until_somebody_decides(house: House) -> None:
    house.room_rules = RoomRules(reports_to_queue=2, reports_to_hide=3)
    await house.say(OTHER, "before")
    event = await house.say(VIEWER, "fine in the end")
    reply = await house.say(OTHER, "so it is", reply_to=event["id"])
    await report(house, event["id"], CROWD[0])
    assert house.briefed("review") == []
    await report(house, event["id"], CROWD[1])
    assert len(house.briefed("review")) == 1
    await report(house, event["id"], CROWD[2])
    item = house.briefed("review")[-1]["data"]["item"]
    assert item["hidden"]
    assert item["reports"] == 3
    assert item["text"] == "fine in the end"
    assert await texts(house) == ["before", "so it is"]
    assert not any(b"fine in the end" in entry.body for entry in await house.log())
    assert house.told(VIEWER, "comment_deleted")[-1]["data"] == {"id": event["id"], "until": "review"}
    assert (await noted(house, "report.hide"))[0]["detail"]["reports"] == 3

    await decide(house, event["id"], "dismiss")
    assert await texts(house) == ["before", "fine in the end", "so it is"]
    assert house.told(VIEWER, "comment_restored")[-1]["data"] == {"id": event["id"]}
    restored = next(entry for entry in await house.log() if entry.id == event["id"])
    assert restored.visibility == "all"
    assert restored.data == event["data"]
    # Whoever folds the log from its beginning comes to the same.
    state = fold_all(EMPTY, await house.log())
    assert [comment.id for comment in state.comments][1:] == [event["id"], reply["id"]]


async def test_a_comment_that_was_brought_back_can_be_deleted_for_good(house: House) -> None:
    house.room_rules = RoomRules(reports_to_hide=1)
    event = await house.say(VIEWER, "these very words")
    await report(house, event["id"], OTHER)
    await decide(house, event["id"], "dismiss")
    assert any(entry.kind == "comment.restored" for entry in await house.log())
    await house.ok("moderate.delete", MODERATOR, event=event["id"])
    assert await texts(house) == []
    assert not any(b"these very words" in entry.body for entry in await house.log())
    assert await texts(house) == []


async def test_a_hidden_comment_that_is_rightly_reported_stays_away(house: House) -> None:
    house.room_rules = RoomRules(reports_to_hide=1)
    event = await house.say(VIEWER, "these very words")
    await report(house, event["id"], OTHER)
    deletions = sum(entry.kind == "comment.deleted" for entry in await house.log())
    await decide(house, event["id"], "uphold")
    assert sum(entry.kind == "comment.deleted" for entry in await house.log()) == deletions
    assert not any(b"these very words" in entry.body for entry in await house.log())
    item = await house.store.read(lambda conn: read_item(conn, event["id"]))
    assert item is not None
    assert b"_aside" not in item.body


async def test_a_hidden_comment_goes_with_all_that_somebody_said(house: House) -> None:
    house.room_rules = RoomRules(reports_to_hide=1)
    hidden = await house.say(VIEWER, "these very words")
    await report(house, hidden["id"], OTHER)
    await house.say(VIEWER, "and these")
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
    code = await house.code("review.decide", MODERATOR, item=hidden["id"], decision="dismiss")
    assert code == "over"
    assert await texts(house) == []
    assert not any(b"these" in entry.body for entry in await house.log())
    assert len(await noted(house, "report.upheld")) == 1


async def test_a_purge_since_a_time_leaves_older_reports_to_be_decided(house: House) -> None:
    house.room_rules = RoomRules(reports_to_hide=1)
    hidden = await house.say(VIEWER, "fine in the end")
    await report(house, hidden["id"], OTHER)
    house.now_ms += 60_000
    await house.say(VIEWER, "these very words")
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id, since_ms=house.now_ms)
    await decide(house, hidden["id"], "dismiss")
    assert await texts(house) == ["fine in the end"]


async def test_staff_are_not_hidden_by_a_crowd(house: House) -> None:
    house.room_rules = RoomRules(reports_to_hide=1)
    event = await house.say(MODERATOR, "please be kind")
    await report(house, event["id"], *CROWD[:3])
    assert await texts(house) == ["please be kind"]
    assert await house.code("review.decide", SECOND, item=event["id"], decision="uphold") == "outranked"
    await decide(house, event["id"], "dismiss", by=SENIOR)


async def test_who_reports_falsely_weighs_less(house: House) -> None:
    house.room_rules = RoomRules(reports_to_queue=1, reports_to_hide=2)
    event = await house.say(VIEWER, "harmless")
    await report(house, event["id"], OTHER)
    await decide(house, event["id"], "dismiss")
    briefed = len(house.briefed("review"))
    event = await house.say(VIEWER, "harmless again")
    await report(house, event["id"], OTHER)
    assert len(house.briefed("review")) == briefed  # two thirds of a report: nobody is called for it alone
    await report(house, event["id"], CROWD[0])
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["reports"], item["hidden"]) == (2, False)
    await report(house, event["id"], CROWD[1])
    assert house.briefed("review")[-1]["data"]["item"]["hidden"]


async def test_reporting_has_a_pace(house: House) -> None:
    events = [(await house.say(VIEWER, f"comment {n}"))["id"] for n in range(11)]
    for event in events[:10]:
        await report(house, event, OTHER)
    error = await house.error("report", OTHER, event=events[10], why="spam")
    assert error["code"] == "rate_limited"
    assert error["temporary"]
    await report(house, events[10], CROWD[0])
    house.now_ms += 60_001
    await report(house, events[10], OTHER)


async def test_deleting_a_reported_comment_settles_its_reports(house: House) -> None:
    event = await house.say(VIEWER, "buy elsewhere")
    await report(house, event["id"], OTHER)
    await house.ok("moderate.delete", SENIOR, event=event["id"])
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["state"], item["decision"], item["by"]) == ("decided", "uphold", SENIOR.card)
    await house.run_timers()
    assert house.told(OTHER, "report_answered")[-1]["data"]["outcome"] == "upheld"


async def test_purging_somebody_settles_the_reports_of_what_they_said(house: House) -> None:
    house.room_rules = RoomRules(reports_to_queue=2, reports_to_hide=3)
    hidden, seen, gathering = [await house.say(VIEWER, text) for text in ("one", "two", "three")]
    other = await house.say(OTHER, "not theirs")
    await report(house, hidden["id"], *CROWD[:3])
    await report(house, seen["id"], *CROWD[:2])
    await report(house, gathering["id"], CROWD[0])
    await report(house, other["id"], *CROWD[:2])
    await house.ok("moderate.purge", SENIOR, user=VIEWER.id)
    items = {event["data"]["item"]["id"]: event["data"]["item"] for event in house.briefed("review")}
    for event in (hidden, seen, gathering):
        item = items[event["id"]]
        assert (item["state"], item["decision"], item["by"]) == ("decided", "uphold", SENIOR.card)
        assert await house.code("review.decide", SENIOR, item=event["id"], decision="dismiss") == "over"
    assert items[other["id"]]["state"] == "open"
    assert len(await noted(house, "report.upheld")) == 3
    while await house.run_timers():
        pass
    outcomes = [told["data"]["outcome"] for told in house.told(CROWD[0], "report_answered")]
    assert outcomes == ["upheld"] * 3
    assert await texts(house) == ["not theirs"]


async def test_hundreds_of_reporters_are_answered_some_at_a_time(house: House) -> None:
    house.room_rules = RoomRules(reports_to_queue=1, reports_to_hide=0)
    event = await house.say(VIEWER, "unpopular")
    people = [Caller(f"u-r{n:03}", "R") for n in range(120)]
    await asyncio.gather(*(house.ok("report", who, event=event["id"], why="other") for who in people))
    await decide(house, event["id"], "dismiss")
    rounds = 0
    while await house.run_timers():
        rounds += 1
    assert rounds == 3
    assert all(len(house.told(who, "report_answered")) == 1 for who in people)


# Pictures, pages, and how long it takes


async def test_hits_of_the_picture_check_are_one_item_while_it_waits(house: House) -> None:
    def hit(score: int) -> Any:
        def steps(tx: Any) -> Any:
            yield ROOMS.rows(ROOM)
            facts = {"score": score}
            return {"id": house.services.queue.hits.raise_hit(tx, ROOM, "host", "", facts).id}

        return steps

    for score in (1, 2):
        assert (await house.store.write(Work("hit", hit(score)))).ok
    first, second = [event["data"]["item"] for event in house.briefed("review")]
    assert first["id"] == second["id"]
    assert (first["score"], second["score"]) == (1, 2)
    await decide(house, first["id"], "dismiss")
    (line,) = await noted(house, "review.release")
    assert line["detail"]["kind"] == "picture"
    assert (await house.store.write(Work("hit", hit(3)))).ok
    assert house.briefed("review")[-1]["data"]["item"]["id"] != first["id"]


async def test_a_moderator_sees_what_was_said_around_and_who_it_was(house: House) -> None:
    earlier = [await house.say(OTHER, f"before {n}") for n in range(10)]
    refused = await hold(house)
    await decide(house, refused, "refuse")
    item_id = await hold(house)
    await house.say(OTHER, "after")

    def read(conn: Any) -> Any:
        item = read_item(conn, item_id)
        assert item is not None
        return read_whole(conn, item, house.now_ms)

    whole = orjson.loads(orjson.dumps(await house.store.read(read)))
    assert [e["data"]["text"] for e in whole["around"]] == [f"before {n}" for n in range(2, 10)] + ["after"]
    assert whole["history"] == {"held_refuse": 1}
    assert earlier


async def test_the_page_of_the_queue_and_how_long_decisions_took(house: House) -> None:
    items = [await hold(house, by=who) for who in CROWD[:4]]
    for n, item in enumerate(items[:3]):
        house.now_ms += 1000 * (n + 1)
        await decide(house, item, "refuse")
    part = await house.store.read(lambda conn: review_part(conn, ROOM, can(Role.MODERATOR), house.now_ms))
    assert [item["id"] for item in part["items"]] == items[3:]
    assert (part["waiting"], sorted(part["waits_ms"])) == (1, [1000, 3000, 6000])


async def test_old_decisions_are_forgotten(house: House) -> None:
    event = await house.say(VIEWER, "x")
    await report(house, event["id"], OTHER)
    await decide(house, event["id"], "dismiss")
    waiting = await hold(house)
    counts: list[int] = []

    def prune(tx: Any) -> Any:
        yield ROOMS.rows()
        tx.at_flush(lambda conn: counts.append(prune_items(conn, tx.now_ms + 1, 100)))

    await house.store.write(Work("prune", prune))
    assert counts == [1]
    assert await house.store.read(lambda conn: read_item(conn, event["id"])) is None
    assert await house.store.read(lambda conn: read_item(conn, waiting)) is not None


# Two nodes


async def test_two_nodes_claim_one_item(shared_url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(doubting_house(shared_url, node="first"))
        second = await stack.enter_async_context(open_house(shared_url, node="second", texts_type=Doubting))
        items = [await hold(first, by=who) for who in CROWD]
        for item in items:
            answers = await asyncio.gather(
                first.do("review.claim", MODERATOR, item=item), second.do("review.claim", SECOND, item=item)
            )
            codes = [None if answer["ok"] else answer["error"]["code"] for answer in answers]
            assert sorted(map(str, codes)) == ["None", "claimed"]
        for item in items:
            decided = await asyncio.gather(
                *(
                    node.do("review.decide", who, item=item, decision="release")
                    for node, who in ((first, MODERATOR), (second, SECOND), (first, SENIOR), (second, HOST))
                )
            )
            assert sum(answer["ok"] for answer in decided) == 1
        assert len(await texts(first)) == len(items)
        assert all(len([*first.told(who), *second.told(who)]) == 1 for who in CROWD)


# Appeals


async def muted(house: House, by: Caller = MODERATOR, of: Caller = VIEWER, **more: Any) -> str:
    """The id of a mute of a minute."""
    request = {"user": of.id, "seconds": 60, "reason": "flood", **more}
    sanction: str = (await house.ok("moderate.mute", by, **request))["sanction"]["id"]
    return sanction


async def may_speak(house: House, who: Caller = VIEWER) -> bool:
    return bool((await house.do("comment", who, text="may I?"))["ok"])


async def test_an_appeal_that_is_granted_lifts_the_sanction_and_says_why(house: House) -> None:
    sanction = await muted(house)
    answer = await house.ok("appeal", VIEWER, sanction=sanction, text=" I was\nquoting ")
    appeal = answer["appeal"]
    assert appeal == {
        "id": sanction,
        "sanction": sanction,
        "state": "open",
        "text": "I was quoting",
        "at_ms": house.now_ms,
        "decision": None,
        "reason": "",
        "decided_at_ms": None,
    }
    assert (await side(house, VIEWER)).you["appeals"] == [appeal]
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["kind"], item["needs"], item["text"]) == ("appeal", "answer_appeal", "I was quoting")
    assert item["sanction"]["id"] == sanction
    assert not await may_speak(house)
    house.now_ms += 7_000
    await decide(house, sanction, "grant", by=SENIOR, reason="you were right")
    assert await may_speak(house)
    assert len(house.told(VIEWER, "unmuted")) == 1
    told = house.told(VIEWER, "appeal")[-1]["data"]["appeal"]
    assert (told["state"], told["decision"], told["reason"]) == ("decided", "grant", "you were right")
    assert "by" not in told
    (line,) = await noted(house, "appeal.granted")
    assert (line["actor"], line["target"]) == (SENIOR.card, VIEWER.id)
    assert line["detail"] == {
        "sanction": sanction,
        "kind": "mute",
        "waited_ms": 7_000,
        "reason": "you were right",
        "text": "I was quoting",
    }


async def test_an_appeal_is_refused_with_a_reason_and_once_for_all(house: House) -> None:
    sanction = await muted(house)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    assert await house.code("appeal", VIEWER, sanction=sanction, text="please!") == "already_appealed"
    assert await house.code("review.decide", SENIOR, item=sanction, decision="refuse") == "bad_request"
    await decide(house, sanction, "refuse", by=SENIOR, reason="three times in a minute")
    assert not await may_speak(house)
    error = await house.error("appeal", VIEWER, sanction=sanction, text="once more")
    assert (error["code"], error["details"]) == (
        "already_appealed",
        {"state": "decided", "decision": "refuse"},
    )
    (shown,) = (await side(house, VIEWER)).you["appeals"]
    assert shown["reason"] == "three times in a minute"
    # Another sanction is another matter.
    house.now_ms += 61_000
    again = await muted(house)
    await house.ok("appeal", VIEWER, sanction=again, text="please")


async def test_who_is_banned_can_appeal_and_is_let_in_again(house: House) -> None:
    ban = await house.ok("moderate.ban", SENIOR, user=VIEWER.id, seconds=None, reason="scam")
    sanction = ban["sanction"]["id"]
    assert await house.code("comment", VIEWER, text="hello") == "banned"
    await house.ok("appeal", VIEWER, sanction=sanction, text="not me")
    assert await house.code("review.decide", SENIOR, item=sanction, decision="grant") == "forbidden"
    await decide(house, sanction, "grant", by=HOST)
    assert await may_speak(house)
    assert house.told(VIEWER, "appeal")[-1]["data"]["appeal"]["decision"] == "grant"


async def test_who_may_answer_an_appeal(house: House) -> None:
    sanction = await muted(house, by=HOST)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    assert await house.code("review.claim", MODERATOR, item=sanction) == "forbidden"
    assert await house.code("review.decide", MODERATOR, item=sanction, decision="grant") == "forbidden"
    assert await house.code("review.decide", SENIOR, item=sanction, decision="grant") == "outranked"
    staff = (await side(house, MODERATOR)).staff
    assert staff is not None
    assert staff["review"]["items"] == []
    # Hosts have nobody above them in their room: they may think better of it.
    await decide(house, sanction, "grant", by=HOST)


async def test_an_appeal_against_a_sanction_everywhere_is_for_operators(house: House) -> None:
    sanction = await muted(house, by=OPERATOR, everywhere=True)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    for who in (SENIOR, HOST):
        assert await house.code("review.decide", who, item=sanction, decision="grant") == "forbidden"
    await decide(house, sanction, "grant", by=OPERATOR)
    assert await may_speak(house)


async def test_only_ones_own_sanctions_in_force_can_be_appealed(house: House) -> None:
    sanction = await muted(house)
    assert await house.code("appeal", OTHER, sanction=sanction, text="for a friend") == "not_found"
    assert await house.code("appeal", VIEWER, sanction="nothing", text="please") == "not_found"
    shadow = await house.ok("moderate.shadow", SENIOR, user=VIEWER.id, seconds=None, reason="")
    # Who is muted unseen can't find it out by guessing.
    guess = shadow["sanction"]["id"]
    assert await house.code("appeal", VIEWER, sanction=guess, text="please") == "not_found"
    assert await house.code("appeal", VIEWER, sanction=sanction, text=" \u200b ") == "text_empty"
    house.room_rules = RoomRules(appeals=False)
    error = await house.error("appeal", VIEWER, sanction=sanction, text="please")
    assert (error["code"], error["details"]) == ("forbidden", {"reason": "no_appeals"})
    house.room_rules = RoomRules()
    house.now_ms += 60_001
    assert await house.code("appeal", VIEWER, sanction=sanction, text="please") == "over"


async def test_an_appeal_ends_with_its_sanction(house: House) -> None:
    sanction = await muted(house)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    house.now_ms += 60_001
    await house.run_timers()
    told = house.told(VIEWER, "appeal")[-1]["data"]["appeal"]
    assert (told["state"], told["decision"]) == ("expired", "expired")
    assert house.briefed("review")[-1]["data"]["item"]["state"] == "expired"
    assert await house.code("review.decide", SENIOR, item=sanction, decision="grant") == "over"


async def test_who_lifts_a_sanction_grants_its_appeal(house: House) -> None:
    sanction = await muted(house)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    await house.ok("review.claim", SENIOR, item=sanction)
    house.now_ms += 3_000
    await house.ok("moderate.unmute", MODERATOR, user=VIEWER.id)
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["state"], item["decision"], item["by"]) == ("decided", "grant", MODERATOR.card)
    assert await house.code("review.decide", SENIOR, item=sanction, decision="grant") == "over"
    assert len(house.told(VIEWER, "unmuted")) == 1
    answers = [told["data"]["appeal"]["decision"] for told in house.told(VIEWER, "appeal")]
    assert answers == [None, "grant"]
    (line,) = await noted(house, "appeal.granted")
    assert (line["actor"], line["detail"]["waited_ms"]) == (MODERATOR.card, 3_000)
    house.now_ms += 60_000
    await house.run_timers()
    assert len(house.told(VIEWER, "appeal")) == 2


async def test_an_appeal_ends_with_a_sanction_that_another_replaces(house: House) -> None:
    sanction = await muted(house)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    again = await muted(house)
    item = house.briefed("review")[-1]["data"]["item"]
    assert (item["id"], item["state"], item["by"]["id"]) == (sanction, "expired", None)
    answers = [told["data"]["appeal"]["decision"] for told in house.told(VIEWER, "appeal")]
    assert answers == [None, "expired"]
    assert not await may_speak(house)
    await house.ok("appeal", VIEWER, sanction=again, text="please")
    assert await noted(house, "appeal.granted") == []


async def test_a_sanction_everywhere_is_lifted_in_another_room_than_it_was_appealed_in(house: House) -> None:
    sanction = await muted(house, by=OPERATOR, everywhere=True)
    await house.ok("appeal", VIEWER, sanction=sanction, text="please")
    await house.create("silk")
    await house.ok("moderate.unmute", OPERATOR, room="silk", user=VIEWER.id, everywhere=True)
    told = house.told(VIEWER, "appeal")[-1]["data"]["appeal"]
    assert (told["decision"], told["id"]) == ("grant", sanction)
    (line,) = await noted(house, "appeal.granted")
    assert line["actor"] == OPERATOR.card
