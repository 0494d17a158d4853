"""Red packets: sent, opened once by each, exact to the coin, and back to the sender what nobody opened."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, select, text

from rooms.heads import timers_table
from rooms.log import LogEvent
from rooms.play.packets.checks import CHECKS
from rooms.play.packets.rules import ROOM_MAX, SENDER_MAX
from rooms.play.packets.store import packet_opens_table, packets_table
from rooms.ports import Caller
from tests.contract.house import (
    GUEST,
    HOST,
    MODERATOR,
    OTHER,
    ROOM,
    SENIOR,
    VIEWER,
    House,
    house_at,
    open_house,
)

DENIED = "make money from home, telegram me"
READER = Caller("u-reader", "Reader")
CROWD = [Caller(f"u-crowd{n:03}", f"Crowd {n}") for n in range(40)]


@pytest.fixture
async def live(house: House) -> House:
    """On the air, and Lin has a thousand coins."""
    await house.picture("publishing")
    await house.grant_coins(VIEWER, 1000)
    return house


async def sent(house: House, caller: Caller = VIEWER, **terms: Any) -> str:
    """A packet's id."""
    terms = {"coins": 100, "count": 5, "seconds": 60, **terms}
    packet_id: str = (await house.ok("packet.send", caller, **terms))["packet"]["id"]
    return packet_id


async def purse(house: House, *callers: Caller) -> list[int]:
    return [await house.coins_of(caller) for caller in callers]


async def wrong(house: House) -> list[Any]:
    return await house.wrong_in_the_ledger()


def last(events: list[LogEvent], kind: str) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(next(e for e in reversed(events) if e.kind == kind).body)["data"]
    return data


async def test_from_the_sender_to_the_last_opener(live: House) -> None:
    answer = await live.ok("packet.send", VIEWER, coins=100, count=3, seconds=60, greeting=" Lots of luck! ")
    card = answer["packet"]
    assert answer["coins"] == 900
    assert card | {"id": "…"} == {
        "id": "…",
        "user": {"id": "u-lin", "name": "Lin"},
        "coins": 100,
        "count": 3,
        "split": "random",
        "who": "all",
        "greeting": "Lots of luck!",
        "sent_at_ms": live.now_ms,
        "closes_at_ms": live.now_ms + 60_000,
    }
    assert last(live.events, "packet.opened") == {"packet": card}
    assert live.told(VIEWER, "wallet")[-1]["data"]["coins"] == 900

    got: dict[str | None, int] = {}
    for opener in (OTHER, VIEWER, HOST):
        answer = await live.ok("packet.open", opener, packet=card["id"])
        share = answer["share"]
        assert share["user"]["id"] == opener.id
        assert share["place"] == len(got) + 1
        assert live.told(opener, "wallet")[-1]["data"]["movement"]["amount"] == share["coins"] >= 1
        assert live.told(opener, "wallet")[-1]["data"]["coins"] == answer["coins"]
        got[opener.id] = share["coins"]
    assert sum(got.values()) == 100
    most = max(got.values())
    luckiest = next(who for who, coins in got.items() if coins == most)
    ended = last(live.events, "packet.ended")
    assert ended["luckiest"]["user"]["id"] == luckiest
    assert ended["luckiest"]["coins"] == most
    assert (ended["reason"], ended["opened"], ended["coins_back"]) == ("empty", 3, 0)
    assert await purse(live, OTHER, VIEWER, HOST) == [got["u-wu"], 900 + got["u-lin"], got["u-host"]]
    assert await live.error("packet.open", MODERATOR, packet=card["id"]) == {
        "code": "packet_empty",
        "message": "All of this red packet's coins are gone.",
        "temporary": False,
    }
    live.now_ms += 60_000
    await live.run_timers()
    assert await purse(live, VIEWER) == [900 + got["u-lin"]]
    assert await live.rows(select(timers_table).where(timers_table.c.kind == "packet")) == []
    assert await wrong(live) == []


async def test_each_opens_once(live: House) -> None:
    packet = await sent(live, split="equal", coins=11, count=3)
    first = await live.ok("packet.open", OTHER, packet=packet, key="the-first-key")
    assert first["share"]["coins"] == 4
    error = await live.error("packet.open", OTHER, packet=packet)
    assert (error["code"], error["details"]) == ("already_opened", {"share": first["share"]})
    assert await live.ok("packet.open", OTHER, packet=packet, key="the-first-key") == first
    again = await asyncio.gather(*(live.do("packet.open", VIEWER, packet=packet) for _ in range(8)))
    assert sorted(answer["ok"] for answer in again) == [False] * 7 + [True]
    assert await purse(live, OTHER, VIEWER) == [4, 989 + 4]
    assert await wrong(live) == []


async def test_a_packet_for_followers(live: House) -> None:
    packet = await sent(live, who="followers", split="equal", coins=4, count=4)
    error = await live.error("packet.open", OTHER, packet=packet, key="the-same-key")
    assert (error["code"], error["temporary"]) == ("followers_only", True)
    assert await purse(live, OTHER) == [0]
    await live.ok("follow", OTHER)
    for opener in (OTHER, HOST, VIEWER):
        await live.ok("packet.open", opener, packet=packet, key="the-same-key")
    await live.ok("unfollow", OTHER)
    assert await live.code("packet.open", OTHER, packet=packet) == "already_opened"
    assert await live.code("packet.open", MODERATOR, packet=packet) == "followers_only"
    assert await purse(live, OTHER, HOST, VIEWER) == [1, 1, 997]
    assert await wrong(live) == []


async def test_what_nobody_opened_goes_back_once(live: House) -> None:
    packet = await sent(live, coins=50, count=4)
    share = (await live.ok("packet.open", OTHER, packet=packet))["share"]["coins"]
    live.now_ms += 59_999
    await live.run_timers()
    assert await purse(live, VIEWER) == [950]
    live.now_ms += 1
    assert await live.code("packet.open", HOST, packet=packet) == "over"
    for _ in range(2):
        await live.run_timers()
        assert await purse(live, VIEWER) == [1000 - share]
    ended = last(live.events, "packet.ended")
    assert ended == {
        "id": packet,
        "reason": "expired",
        "opened": 1,
        "coins_back": 50 - share,
        "luckiest": {"user": {"id": "u-wu", "name": "Wu"}, "coins": share},
    }
    assert [e.kind for e in live.events].count("packet.ended") == 1
    back = live.told(VIEWER, "wallet")[-1]["data"]["movement"]
    assert (back["kind"], back["amount"]) == ("packet_back", 50 - share)
    assert await live.code("packet.open", HOST, packet=packet) == "over"
    assert await wrong(live) == []


async def test_a_restart_changes_nothing(live: House, migrated_url: str) -> None:
    packet = await sent(live, coins=20, count=2)
    share = (await live.ok("packet.open", OTHER, packet=packet, key="once-and-ever"))["share"]
    await live.store.close()
    async with open_house(migrated_url, now_ms=live.now_ms) as again:
        assert (await again.ok("packet.open", OTHER, packet=packet, key="once-and-ever"))["share"] == share
        assert await again.code("packet.open", OTHER, packet=packet) == "already_opened"
        again.now_ms += 60_000
        await again.run_timers()
        assert await purse(again, VIEWER, OTHER) == [1000 - share["coins"], share["coins"]]
        assert await wrong(again) == []


async def test_it_goes_on_when_the_stream_has_ended(live: House) -> None:
    packet = await sent(live)
    await live.ok("room.end", HOST)
    await live.ok("packet.open", OTHER, packet=packet)
    assert await live.code("packet.send", VIEWER, coins=5, count=1) == "not_live"
    live.now_ms += 60_000
    await live.run_timers()
    assert await wrong(live) == []


NOT_SENT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("bad_request", {"coins": 4, "count": 5}),
    ("bad_request", {"coins": 0, "count": 0}),
    ("bad_request", {"coins": -5, "count": 1}),
    ("bad_request", {"coins": 10**9, "count": 1}),
    ("bad_request", {"coins": 5000, "count": 2001}),
    ("bad_request", {"seconds": 9}),
    ("bad_request", {"seconds": 86_401}),
    ("bad_request", {"split": "unfair"}),
    ("insufficient_coins", {"coins": 1001}),
    ("text_too_long", {"greeting": "x" * 41}),
    ("text_refused", {"greeting": DENIED}),
)


async def test_what_can_not_be_sent(live: House) -> None:
    head = len(await live.log())
    for code, terms in NOT_SENT:
        wish = {"coins": 10, "count": 5, "seconds": 60, **terms}
        assert await live.code("packet.send", VIEWER, **wish) == code, wish
    assert len(await live.log()) == head
    assert await purse(live, VIEWER) == [1000]
    assert await live.rows(select(packets_table)) == []


async def test_what_can_not_be_opened(live: House) -> None:
    packet = await sent(live)
    await live.create("silk")
    assert await live.code("packet.open", OTHER, packet=packet, room="silk") == "not_found"
    assert await live.code("packet.open", OTHER, packet="none") == "not_found"
    assert await live.code("packet.open", GUEST, packet=packet) == "unauthenticated"
    assert await live.rows(select(packet_opens_table)) == []


async def test_who_is_muted_opens_and_sends_but_says_nothing(live: House) -> None:
    packet = await sent(live)
    await live.grant_coins(OTHER, 10)
    await live.ok("moderate.mute", MODERATOR, user=OTHER.id, seconds=60, reason="noise")
    await live.ok("packet.open", OTHER, packet=packet)
    assert await live.code("packet.send", OTHER, coins=2, count=1, greeting="Hello") == "muted"
    await live.ok("packet.send", OTHER, coins=2, count=1)


@pytest.mark.parametrize("sanction", ["shadow", "restrict"])
async def test_whose_words_are_not_to_be_seen_says_none_beside_coins(live: House, sanction: str) -> None:
    await live.grant_coins(OTHER, 10)
    await live.ok(f"moderate.{sanction}", SENIOR, user=OTHER.id, seconds=60, reason="raid")
    await live.ok("packet.send", OTHER, coins=2, count=1, greeting="buy at my shop")
    assert last(await live.log(), "packet.opened")["packet"]["greeting"] == ""
    assert not any(b"my shop" in event.body for event in await live.log())


async def test_who_has_a_warning_to_read_says_nothing_beside_coins(live: House) -> None:
    await live.ok("moderate.warn", MODERATOR, user=VIEWER.id, reason="be kind")
    assert await live.code("packet.send", VIEWER, coins=2, count=1, greeting="Hello") == "warned"
    await live.ok("packet.send", VIEWER, coins=2, count=1)


async def test_one_packet_opened_on_two_nodes(shared_url: str) -> None:
    async with house_at(shared_url, node="first") as first, open_house(shared_url, node="second") as second:
        await first.picture("publishing")
        await first.grant_coins(VIEWER, 1000)
        packet = await sent(first, coins=200, count=35)
        nodes = (first, second)
        # Everybody on both nodes at the same time: one of them is too late.
        asked = [node.do("packet.open", caller, packet=packet) for caller in CROWD for node in nodes]
        answers = await asyncio.gather(*asked)
        shares = [answer["share"] for answer in answers if answer["ok"]]
        assert sorted(share["place"] for share in shares) == list(range(1, 36))
        assert sum(share["coins"] for share in shares) == 200
        assert len({share["user"]["id"] for share in shares}) == 35
        codes = {answer["error"]["code"] for answer in answers if not answer["ok"]}
        assert codes == {"already_opened", "packet_empty"}
        kinds = [event.kind for node in nodes for event in node.events]
        assert kinds.count("packet.ended") == 1
        assert await wrong(second) == []


async def test_both_nodes_find_that_it_has_run_out(shared_url: str) -> None:
    async with house_at(shared_url, node="first") as first, open_house(shared_url, node="second") as second:
        await first.picture("publishing")
        await first.grant_coins(VIEWER, 1000)
        for _ in range(3):
            await sent(first, coins=200, count=5)
        for house in (first, second):
            house.now_ms += 60_000
        await asyncio.gather(first.run_timers(), second.run_timers())
        assert await purse(second, VIEWER) == [1000]
        assert [e.kind for h in (first, second) for e in h.events].count("packet.ended") == 3
        assert await wrong(first) == []


async def test_so_many_at_a_time(live: House) -> None:
    packets = [await sent(live, coins=1, count=1) for _ in range(SENDER_MAX)]
    error = await live.error("packet.send", VIEWER, coins=1, count=1, key="when-there-is-room")
    assert (error["code"], error["temporary"]) == ("too_many_packets", True)
    for caller in CROWD[:ROOM_MAX]:
        await live.grant_coins(caller, 1)
    sending = (live.do("packet.send", c, coins=1, count=1, seconds=60) for c in CROWD[:ROOM_MAX])
    answers = await asyncio.gather(*sending)
    assert sum(answer["ok"] for answer in answers) == ROOM_MAX - SENDER_MAX
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"too_many_packets"}
    await live.ok("packet.open", OTHER, packet=packets[0])
    # What was only too early isn't remembered by its key.
    await live.ok("packet.send", VIEWER, coins=1, count=1, key="when-there-is-room")


async def test_many_at_once_and_who_got_what(live: House) -> None:
    packet = await sent(live, coins=100, count=30)
    answers = await asyncio.gather(*(live.do("packet.open", c, packet=packet) for c in CROWD))
    shares = [answer["share"] for answer in answers if answer["ok"]]
    assert len(shares) == 30
    assert {a["error"]["code"] for a in answers if not a["ok"]} == {"packet_empty"}
    assert sum(share["coins"] for share in shares) == 100
    assert sorted(share["place"] for share in shares) == list(range(1, 31))

    first = await live.ok("packet.opens", CROWD[0], packet=packet, limit=20)
    rest = await live.ok("packet.opens", READER, packet=packet, limit=20, after=first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (20, 10, None)
    assert first["items"] + rest["items"] == sorted(shares, key=lambda share: share["place"])
    assert first["you"] == next((s for s in shares if s["user"]["id"] == CROWD[0].id), None)
    assert rest["you"] is None
    packet_now = first["packet"]
    assert (packet_now["left"], packet_now["left_coins"], packet_now["ended"]) == (0, 0, "empty")
    assert packet_now["luckiest"]["coins"] == max(share["coins"] for share in shares)
    assert await live.code("packet.opens", OTHER, packet="none") == "not_found"
    assert await wrong(live) == []


async def test_once_empty_a_no_comes_from_memory_but_never_for_good(live: House) -> None:
    packet = await sent(live, coins=1, count=1)
    share = (await live.ok("packet.open", OTHER, packet=packet, key="the-winning-key"))["share"]
    assert not (await live.error("packet.open", HOST, packet=packet, key="asked-first"))["temporary"]
    error = await live.error("packet.open", MODERATOR, packet=packet, key="asked-second")
    assert (error["code"], error["temporary"]) == ("packet_empty", True)
    assert 1000 <= error["retry_after_ms"] < 5000
    assert not (await live.error("packet.open", MODERATOR, packet=packet, key="asked-second"))["temporary"]
    assert (await live.ok("packet.open", OTHER, packet=packet, key="the-winning-key"))["share"] == share


async def test_how_many_are_left_is_a_signal(live: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(live.store.writer, "_published", lambda news: told.append(news.counts))
    packet = await sent(live, count=5)
    await live.ok("packet.open", OTHER, packet=packet)
    assert told[-1] == {ROOM: {packet: {"left": 4}}}


WAYS = {
    "share": (
        "UPDATE packet_shares SET shares = :shares WHERE packet_id = :done",
        {"the number and the sum of its shares", "open 1: place and coins"},
    ),
    "no shares": ("DELETE FROM packet_shares WHERE packet_id = :done", {"the packet's shares"}),
    "open": (
        "UPDATE packet_opens SET coins = coins + 1 WHERE packet_id = :part",
        {
            "open 1: place and coins",
            "opened, coins left, coins in escrow",
            "the movement packet_open",
        },
    ),
    "lost open": (
        "DELETE FROM packet_opens WHERE packet_id = :part",
        {"opened, coins left, coins in escrow", "what the movement packet_open was for"},
    ),
    "counted": (
        "UPDATE packets SET opened = opened + 1 WHERE id = :part",
        {"opened, coins left, coins in escrow"},
    ),
    "escrow": (
        "UPDATE accounts SET balance = balance + 1 WHERE kind = 'escrow' AND owner = :done",
        {"opened, coins left, coins in escrow"},
    ),
    "not sent": ("DELETE FROM movements WHERE kind = 'packet' AND ref = :done", {"the movement packet"}),
    "not paid": (
        "DELETE FROM movements WHERE kind = 'packet_open' AND ref LIKE :opened",
        {"the movement packet_open"},
    ),
    "not back": ("DELETE FROM movements WHERE kind = 'packet_back'", {"the movement packet_back"}),
    "of no packet": (
        "INSERT INTO movements (id, kind, ref, at_ms) VALUES ('m', 'packet_back', 'none', 0)",
        {"what the movement packet_back was for"},
    ),
}


async def test_every_way_to_be_wrong_is_found(live: House, migrated_url: str) -> None:
    done, part = [await sent(live, coins=10, count=count) for count in (1, 2)]
    late = await sent(live, coins=10, count=2, seconds=10)
    await live.ok("packet.open", OTHER, packet=done)
    await live.ok("packet.open", OTHER, packet=late)
    live.now_ms += 10_000
    await live.run_timers()
    await live.ok("packet.open", OTHER, packet=part)
    assert await wrong(live) == []
    values = {"done": done, "part": part, "opened": f"{done}:%", "shares": b"[9]"}
    found = await asyncio.to_thread(spoiled, migrated_url, values)
    assert found == {way: expected for way, (_, expected) in WAYS.items()}
    assert await wrong(live) == []


def spoiled(url: str, values: dict[str, Any]) -> dict[str, set[str]]:
    """What is found after each of the ways, which no part of Danmart would go. All are rolled back."""
    engine, found = create_engine(url), {}
    with engine.connect() as conn:
        for way, (statement, _) in WAYS.items():
            given = {name: value for name, value in values.items() if f":{name}" in statement}
            assert conn.execute(text(statement), given).rowcount
            found[way] = {finding.what for check in CHECKS for finding in check(conn)}
            conn.rollback()
    engine.dispose()
    return found
