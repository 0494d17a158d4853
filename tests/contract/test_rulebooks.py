"""Rulebooks of rooms and of the platform: in force at once, at every node, and after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from moderation.audit import read_audit
from moderation.filter import WordListError
from moderation.rulebook.service import LISTS_MAX, NewList, RulebookService
from moderation.rulebook.store import PLATFORM, lists_table, versions_table
from rooms.errors import Refused
from rooms.ports import About
from server import rulebooks
from server.filter_desk import Upload
from server.store.group import Work
from tests.contract.house import HOST, OPERATOR, OTHER, ROOM, VIEWER, House, open_house


async def put(
    house: House, name: str, *words: str, scope: str = ROOM, form: str = "txt", expected: int | None = None
) -> dict[str, Any]:
    body = "\n".join(words).encode()
    return await house.filter_desk.put_list(scope, Upload(name, form, body), expected, HOST)


async def trail(house: House, name: str) -> list[dict[str, Any]]:
    """A trail's notes, oldest first."""
    return (await house.store.read(lambda conn: read_audit(conn, name)))[::-1]


async def refusal(coroutine: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await coroutine
    return caught.value


async def test_a_word_holds_from_the_answer_on_and_in_its_room_only(house: House) -> None:
    await house.create("other")
    await house.say(VIEWER, "a zorblax for everyone")
    made = await put(house, "mine", "zorblax")
    assert await house.code("comment", VIEWER, text="a ZORBLAX!") == "text_refused"
    await house.say(VIEWER, "a zorblax", room="other")
    await house.filter_desk.delete_list(ROOM, "mine", made["version"], HOST)
    await house.say(VIEWER, "a zorblax again")
    actions = [noted["action"] for noted in await trail(house, ROOM)]
    assert [a for a in actions if a.startswith("filter.l")] == ["filter.list.put", "filter.list.delete"]


async def test_the_platforms_words_hold_in_every_room_and_where_no_room_is(house: House) -> None:
    await put(house, "all", "zorblax", scope=PLATFORM)
    assert await house.code("comment", VIEWER, text="zorblax") == "text_refused"
    assert house.filter_desk._texts.check("zorblax", About("name")).verdict == "deny"
    assert [noted["action"] for noted in await trail(house, "")] == ["filter.list.put"]


async def test_the_trail_says_as_what_each_change_was_made(house: House) -> None:
    await put(house, "mine", "zorblax")
    await house.filter_desk.change_rules(ROOM, {"links": "deny"}, None, OPERATOR)
    await house.filter_desk.delete_list(ROOM, "mine", None, HOST)
    await house.filter_desk.change_rules(PLATFORM, {"links": "deny"}, None, OPERATOR)
    said = [(n["action"], n["facts"]["by"]) for n in await trail(house, ROOM) if "filter" in n["action"]]
    assert said == [("filter.list.put", "host"), ("filter.rules", "operator"), ("filter.list.delete", "host")]
    assert [noted["facts"]["by"] for noted in await trail(house, "")] == ["operator"]


async def test_who_has_seen_another_version_changes_nothing(house: House) -> None:
    first = await put(house, "mine", "zorblax", expected=0)
    assert (await refusal(put(house, "mine", "quux", expected=0))).code == "precondition_failed"
    second = await put(house, "mine", "quux", expected=first["version"])
    stale = put(house, "mine", "neither", expected=first["version"])
    assert (await refusal(stale)).code == "precondition_failed"
    gone = house.filter_desk.delete_list(ROOM, "mine", first["version"], HOST)
    assert (await refusal(gone)).code == "precondition_failed"
    assert await house.code("comment", VIEWER, text="quux") == "text_refused"
    await house.say(VIEWER, "zorblax and neither")
    changed = await house.filter_desk.change_rules(ROOM, {"links": "deny"}, 0, HOST)
    assert changed["version"] > second["version"]
    late = house.filter_desk.change_rules(ROOM, {"links": "allow"}, 0, HOST)
    assert (await refusal(late)).code == "precondition_failed"
    assert house.rulebooks.of(ROOM).links == "deny"


async def test_two_who_write_at_once_both_have_been_there(house: House) -> None:
    """Without a version the last one counts, and each line of the trail says what that one changed."""
    await asyncio.gather(put(house, "mine", "aaa"), put(house, "mine", "bbb"))
    put_down = [noted["detail"] for noted in await trail(house, ROOM) if noted["action"] == "filter.list.put"]
    assert [detail["removed"] for detail in put_down] == [0, 1]
    sizes = await house.rows(select(versions_table).where(versions_table.c.scope == ROOM))
    assert (sizes[0]["lists"], sizes[0]["entries"]) == (1, 1)


async def test_a_list_with_a_fault_is_refused_and_the_old_one_stays(house: House) -> None:
    await put(house, "mine", "zorblax")
    for form, body in (("toml", "[[list]]\nwords = ["), ("csv", "text,action\nx,burn"), ("txt", "x" * 101)):
        refused = await refusal(put(house, "mine", body, form=form))
        assert refused.code == "list_invalid", form
        assert refused.details[0]["message"]
    assert await house.code("comment", VIEWER, text="zorblax") == "text_refused"


async def test_a_pattern_that_would_hang_a_backtracking_matcher_takes_no_time(house: House) -> None:
    hanging = ["(a+)+$", "(a|a)*b", "(.*)*(.*)*(.*)*c", "([a-z]+)*[0-9]"]
    words = "".join(f"    '{pattern}',\n" for pattern in hanging)
    await put(house, "mine", f"[[list]]\nmatch = 'regex'\naction = 'mask'\nwords = [\n{words}]", form="toml")
    began = time.monotonic()
    for n in range(20):
        await house.do("comment", VIEWER, text="a" * 180 + f"{n % 10}!")
    assert time.monotonic() - began < 10  # one such comment would take a backtracking matcher years
    refused = await refusal(put(house, "mine", "[category=mine match=regex]", "fine", "(a)\\1"))
    assert (refused.code, refused.details[0]["line"]) == ("list_invalid", 3)


async def test_lists_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.rulebook.service.ROOM_ENTRIES_MAX", 10)
    monkeypatch.setattr("moderation.rulebook.service.LISTS_MAX", 2)
    await put(house, "one", *"abcdef")
    assert (await refusal(put(house, "two", *"ghijk"))).details == {"limit": 10}
    assert (await refusal(put(house, "huge", *"abcdefghijk"))).details == {"limit": 10}
    await put(house, "two", *"ghij")
    await put(house, "one", *"abcde")  # a smaller one in its place
    assert (await refusal(put(house, "three", "x"))).details == {"limit": 2}
    await house.filter_desk.delete_list(ROOM, "one", None, HOST)
    await put(house, "three", "x")
    assert LISTS_MAX == 64


async def test_rooms_take_the_platforms_rules_and_cant_loosen_what_is_firm(house: House) -> None:
    await house.filter_desk.change_rules(PLATFORM, {"links": "hold", "levels": {"slur": 4}}, None, OPERATOR)
    assert house.rulebooks.of(ROOM).level("slur") == 4
    await house.filter_desk.change_rules(ROOM, {"links": "allow", "levels": {"slur": 0}}, None, HOST)
    assert (house.rulebooks.of(ROOM).links, house.rulebooks.of(ROOM).level("slur")) == ("allow", 0)
    await house.filter_desk.change_rules(PLATFORM, {"firm": ["links", "levels.slur"]}, None, OPERATOR)
    assert (house.rulebooks.of(ROOM).links, house.rulebooks.of(ROOM).level("slur")) == ("hold", 4)
    found = await house.filter_desk.rules(ROOM)
    assert found["own"] == {"links": "allow", "levels": {"slur": 0}}
    assert found["firm"] == ["levels.slur", "links"]
    assert found["rules"]["links"] == "hold"
    firm = house.filter_desk.change_rules(ROOM, {"firm": []}, None, HOST)
    assert (await refusal(firm)).code == "forbidden"


async def test_a_node_that_starts_goes_by_what_is_stored(house: House) -> None:
    await put(house, "mine", "zorblax")
    await put(house, "all", "quux", scope=PLATFORM)
    async with open_house(house.url, node="second") as second:
        assert second.rulebooks.lacks(ROOM)
        assert await second.code("comment", VIEWER, text="zorblax") == "text_refused"
        assert await second.code("comment", VIEWER, text="quux") == "text_refused"
        await second.say(VIEWER, "fine")


async def test_a_text_that_comes_before_its_rules_waits(house: House) -> None:
    """Somebody who didn't wait for ``ready`` is told to come back, and the book is read meanwhile."""
    await put(house, "mine", "zorblax")
    async with open_house(house.url, node="second") as second:
        with pytest.raises(Refused, match="busy"):
            second.rulebooks.book(ROOM)
        assert second.rulebooks.at_hand(ROOM) == second.rulebooks.book(None).rules
        async with asyncio.timeout(20):
            while second.rulebooks.lacks(ROOM):  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert second.rulebooks.book(ROOM).version > 0


async def test_a_stored_list_that_cant_be_used_lets_nothing_through(house: House) -> None:
    """As after a downgrade. The room's texts wait for somebody to mend it; the platform's stops a start."""
    await put(house, "mine", "zorblax")
    await spoil(house, ROOM)
    async with open_house(house.url, node="second") as second:
        assert await second.code("comment", VIEWER, text="fine") == "temporarily_unavailable"
        await put(second, "mine", "quux")
        await second.say(VIEWER, "fine")
    await put(house, "all", "zorblax", scope=PLATFORM)
    await spoil(house, PLATFORM)
    await house.rulebooks.refresh()
    assert await house.code("comment", VIEWER, text="zorblax") == "text_refused"
    with pytest.raises(WordListError):
        async with open_house(house.url, node="third"):
            pass


async def spoil(house: House, scope: str) -> None:
    """Damage a scope's lists, as if somebody had changed them."""

    def steps(tx: Any) -> Any:
        tx.conn.execute(update(lists_table).where(lists_table.c.scope == scope).values(form="toml", body="="))
        changed = RulebookService(NoAudit()).change_rules(tx, scope, {"walls": "mask"}, None, HOST)
        return (yield from changed)

    assert (await house.store.write(Work("spoil", steps))).ok


class NoAudit:
    def note(self, *what: Any) -> None: ...

    note_of_seller = note


async def test_books_that_nobody_needs_are_dropped_and_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebooks, "ROOMS_MAX", 1)
    await house.create("other")
    await put(house, "mine", "zorblax")
    await put(house, "mine", "quux", scope="other")
    assert (house.rulebooks.lacks(ROOM), house.rulebooks.lacks("other")) == (True, False)
    assert await house.code("comment", VIEWER, text="zorblax") == "text_refused"
    assert house.rulebooks.lacks("other")
    assert await house.code("comment", VIEWER, text="quux", room="other") == "text_refused"


@pytest.fixture
async def neighbour(house: House) -> AsyncIterator[House]:
    """Another node on the same database, which looks for changes by itself."""
    async with open_house(house.url, node="second") as second:
        second.rulebooks.follow(alone=False)
        yield second


async def test_another_node_goes_by_a_change_within_half_a_second(house: House, neighbour: House) -> None:
    took = []
    for n in range(6):
        scope = ROOM if n % 2 else PLATFORM
        word = f"zorblax{n}x"
        await put(house, f"list{n}", word, scope=scope)
        began = time.monotonic()
        async with asyncio.timeout(20):
            while not hits(neighbour.rulebooks.book(ROOM), word):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        took.append(time.monotonic() - began)
    # Looks are a quarter of a second apart; what a busy machine adds must not add up to four of them.
    assert sorted(took)[len(took) // 2] < 0.5, took


async def test_no_text_is_judged_by_half_a_change(house: House) -> None:
    """Two lists of one version, words of which come in pairs; whoever looks sees both or neither."""
    await put(house, "mine", "alpha0x", "omega0x")
    torn: list[Any] = []
    done = asyncio.Event()

    async def judge(caller: Any) -> int:
        judged = 0
        while not done.is_set():
            book = house.rulebooks.book(ROOM)
            seen = [n for n in range(12) if hits(book, f"alpha{n}x")]
            if len(seen) != 1 or not hits(book, f"omega{seen[0]}x"):
                torn.append((book.version, seen))
            answer = await house.do("comment", caller, text=f"alpha{seen[0]}x")
            judged += answer["ok"] or answer["error"]["code"] == "text_refused"
        return judged

    judges = [asyncio.create_task(judge(caller)) for caller in (VIEWER, OTHER)]
    for n in range(1, 12):
        await put(house, "mine", f"alpha{n}x", f"omega{n}x")
        assert await house.code("comment", VIEWER, text=f"omega{n}x") == "text_refused"
    done.set()
    assert sum(await asyncio.gather(*judges)) > 11
    assert torn == []


def hits(book: Any, text: str) -> bool:
    return any(words.check(text).action == "deny" for words in book.words)


async def test_changes_in_one_group_are_counted_one_after_the_other(house: House) -> None:
    service = RulebookService(NoAudit())
    lists = [NewList(f"list{n}", "txt", f"word{n}", 1) for n in range(6)]
    answers = await asyncio.gather(
        *(
            house.store.write(Work("put", lambda tx, n=new: service.put_list(tx, ROOM, n, None, HOST)))  # type: ignore[misc]
            for new in lists
        )
    )
    assert all(answer.ok for answer in answers)
    rows = await house.rows(select(lists_table.c.version).order_by(lists_table.c.version))
    assert [row["version"] for row in rows] == list(range(1, 7))
