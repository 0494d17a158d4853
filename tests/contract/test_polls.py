"""Polls from the first vote to their results, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from rooms.play.polls.rules import SHOWN_MS
from rooms.play.polls.store import PollRow, VoteRow, poll_votes_table, polls_table
from rooms.ports import Caller
from tests.contract.house import HOST, MODERATOR, OTHER, VIEWER, House, house_at, open_house

TEAS = ["Green", "Black", "White"]


async def opened(house: House, **terms: Any) -> str:
    """A poll's id."""
    plain: dict[str, Any] = {"question": "Which tea next?", "options": TEAS}
    poll: str = (await house.ok("poll.start", HOST, **(plain | terms)))["poll"]["id"]
    return poll


async def poll_of(house: House, poll: str) -> PollRow:
    query = select(polls_table).where(polls_table.c.id == poll)
    return await house.store.read(lambda conn: PollRow(*conn.execute(query).one()))


async def votes_of(house: House, poll: str) -> list[VoteRow]:
    query = select(poll_votes_table).where(poll_votes_table.c.poll_id == poll)
    return await house.store.read(lambda conn: [VoteRow(*r) for r in conn.execute(query)])


async def check_counts(house: House, poll: str) -> None:
    """What is counted is what was voted."""
    row, votes = await poll_of(house, poll), await votes_of(house, poll)
    assert row.voters == len(votes)
    assert row.counts == [sum(n in vote.options for vote in votes) for n in range(len(row.options))]
    assert all(1 <= len(vote.options) <= row.multiple for vote in votes)


def last(house: House, kind: str) -> dict[str, Any]:
    data: dict[str, Any] = [e.data for e in house.events if e.kind == kind][-1]
    return data


async def test_a_poll_from_its_first_vote_to_its_results(house: House) -> None:
    poll = await opened(house, seconds=30)
    shown = last(house, "poll.opened")["poll"]
    assert (shown["counts"], shown["ends_at_ms"]) == (None, house.now_ms + 30_000)
    for who, option in ((VIEWER, 0), (OTHER, 2), (MODERATOR, 0)):
        assert (await house.ok("poll.vote", who, poll=poll, options=[option]))["vote"] == {
            "options": [option]
        }
    assert house.counts[poll] == {"voters": 3, "0": 2, "1": 0, "2": 1}
    assert await house.code("poll.vote", VIEWER, poll=poll, options=[1]) == "already_voted"
    house.now_ms += 30_000
    assert await house.code("poll.vote", HOST, poll=poll, options=[1]) == "over"
    await house.run_timers()
    shown = last(house, "poll.closed")["poll"]
    assert (shown["voters"], shown["counts"]) == (3, [2, 0, 1])
    await check_counts(house, poll)
    house.now_ms += SHOWN_MS
    await house.run_timers()
    assert last(house, "poll.ended") == {"id": poll}
    assert [e.kind for e in house.events if e.kind.startswith("poll.")] == [
        "poll.opened",
        "poll.closed",
        "poll.ended",
    ]


async def test_several_options_and_another_mind(house: House) -> None:
    poll = await opened(house, multiple=2, changeable=True)
    await house.ok("poll.vote", VIEWER, poll=poll, options=[2, 0])
    await house.ok("poll.vote", OTHER, poll=poll, options=[0])
    assert house.counts[poll] == {"voters": 2, "0": 2, "1": 0, "2": 1}
    await house.ok("poll.vote", VIEWER, poll=poll, options=[1])
    assert house.counts[poll] == {"voters": 2, "0": 1, "1": 1, "2": 0}
    assert (await house.ok("poll.check", VIEWER, poll=poll))["options"] == [1]
    assert await house.code("poll.vote", VIEWER, poll=poll, options=[1, 1]) == "duplicate_options"
    assert await house.code("poll.vote", VIEWER, poll=poll, options=[0, 3]) == "unknown_option"
    assert await house.code("poll.vote", VIEWER, poll=poll, options=[-1]) == "unknown_option"
    assert await house.code("poll.vote", VIEWER, poll=poll, options=[]) == "bad_request"
    error = await house.error("poll.vote", VIEWER, poll=poll, options=[0, 1, 2])
    assert (error["code"], error["details"]) == ("too_many_options", {"limit": 2})
    assert house.counts[poll] == {"voters": 2, "0": 1, "1": 1, "2": 0}
    await check_counts(house, poll)


async def test_results_can_be_kept_until_the_end(house: House) -> None:
    poll = await opened(house, show_results="after")
    await house.ok("poll.vote", VIEWER, poll=poll, options=[1])
    assert house.counts[poll] == {"voters": 1}
    assert (await house.ok("poll.check", OTHER, poll=poll))["counts"] is None
    closed = (await house.ok("poll.close", HOST, poll=poll))["poll"]
    assert closed["counts"] == [0, 1, 0]
    assert (await house.ok("poll.check", OTHER, poll=poll))["counts"] == [0, 1, 0]
    await house.ok("poll.close", HOST, poll=poll)  # takes the results away
    assert last(house, "poll.ended") == {"id": poll}
    assert await house.code("poll.close", HOST, poll=poll) == "over"
    house.now_ms += SHOWN_MS
    await house.run_timers()
    assert [e.kind for e in house.events].count("poll.ended") == 1


async def test_nobody_is_told_who_voted_for_what(house: House) -> None:
    poll = await opened(house)
    await house.ok("poll.vote", VIEWER, poll=poll, options=[1])
    await house.ok("poll.close", HOST, poll=poll)
    sent = [e.body for e in house.events if e.kind.startswith("poll.")]
    sent += [e.body for e in house.private] + [e.body for e in house.staff]
    assert b"poll.closed" in b"".join(sent)
    assert not any((VIEWER.id or "").encode() in body for body in sent)
    assert (await house.ok("poll.check", HOST, poll=poll))["options"] == []


async def test_the_end_of_the_room_ends_its_polls(house: House) -> None:
    await house.picture("publishing")
    polls = [await opened(house) for _ in range(3)]
    assert await house.code("poll.start", HOST, question="More?", options=TEAS) == "too_many"
    await house.ok("poll.vote", VIEWER, poll=polls[0], options=[1])
    await house.ok("room.end", HOST)
    await house.run_timers()
    for poll in polls:
        assert (await poll_of(house, poll)).phase == "ended"
    assert [e.kind for e in house.events].count("poll.closed") == 3
    assert await house.code("poll.vote", OTHER, poll=polls[0], options=[1]) == "over"


@pytest.mark.parametrize(
    "bad", [{"multiple": 4}, {"options": ["one"]}, {"options": ["x"] * 11}, {"seconds": 4}]
)
async def test_a_poll_that_makes_no_sense_isnt_begun(house: House, bad: dict[str, Any]) -> None:
    terms: dict[str, Any] = {"question": "Q", "options": TEAS}
    assert await house.code("poll.start", HOST, **(terms | bad)) == "bad_request"


async def test_two_nodes_count_every_vote_once(shared_url: str) -> None:
    async with house_at(shared_url, node="one") as one, open_house(shared_url, node="two") as two:
        poll = await opened(one, changeable=True)
        crowd = [Caller(f"u-c{n:03}", f"C{n}") for n in range(150)]
        for house, option in ((one, 0), (two, 1)):
            other = two if house is one else one
            told = await asyncio.gather(
                *(house.do("poll.vote", who, poll=poll, options=[option]) for who in crowd),
                *(other.do("poll.vote", who, poll=poll, options=[2]) for who in crowd),
            )
            assert all(each["ok"] for each in told)
        await check_counts(one, poll)
        assert (await poll_of(two, poll)).voters == 150
