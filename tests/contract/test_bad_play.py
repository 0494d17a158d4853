"""What can't be done in gifts and games: each has its error, and not a row of any table is another then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from rooms.gifts.defaults import DEFAULT_GIFTS
from rooms.ports import Caller
from rooms.schema import metadata
from server.store.group import Work
from tests.contract.house import GUEST, HOST, OPERATOR, OTHER, VIEWER, House
from tests.contract.lottery_house import draw_now, enter, nonce_of, opened
from tests.contract.quiz_house import answer, answers, asked, closed, settled

# Final refusals are remembered with their key, so that a repeat is answered alike.
REMEMBERED = frozenset({"command_keys", "writer_marks"})

Call = tuple[str, Caller, dict[str, Any]]
Scene = Callable[[House], Awaitable[Call]]


async def everything(house: House) -> dict[str, list[Any]]:
    """Every row of every table."""
    found = {}
    for name, table in metadata.tables.items():
        if name not in REMEMBERED:
            found[name] = sorted(map(repr, await house.rows(select(table))))
    return found


def gift(caller: Caller = VIEWER, **terms: Any) -> Scene:
    async def scene(house: House) -> Call:
        return "gift", caller, {"gift": "rose", "count": 1} | terms

    return scene


async def gift_to_an_ended_room(house: House) -> Call:
    await house.ok("room.end", HOST)
    return "gift", VIEWER, {"gift": "rose"}


async def withdrawn_gift(house: House) -> Call:
    terms = DEFAULT_GIFTS["rose"].model_copy(update={"withdrawn": True})
    work = Work("gift.put", lambda tx: house.gift_catalogue.put(tx, "rose", terms, OPERATOR))
    assert (await house.store.write(work)).ok
    return "gift", VIEWER, {"gift": "rose"}


async def refunded_gift(house: House) -> Call:
    given = (await house.ok("gift", VIEWER, gift="rose"))["event"]["id"]
    await house.ok("gift.refund", OPERATOR, gift=given, reason="by mistake")
    return "gift.refund", OPERATOR, {"gift": given, "reason": "again"}


async def second_entry(house: House) -> Call:
    lottery = await opened(house)
    await enter(house, lottery, VIEWER)
    return "lottery.enter", VIEWER, {"lottery": lottery, "nonce": nonce_of(OTHER)}


async def late_entry(house: House) -> Call:
    lottery = await opened(house)
    house.now_ms += 60_000
    return "lottery.enter", VIEWER, {"lottery": lottery, "nonce": nonce_of(VIEWER)}


async def expired_claim(house: House) -> Call:
    lottery = await opened(house)
    await enter(house, lottery, VIEWER)
    await draw_now(house, lottery)
    house.now_ms += 60_000
    return "lottery.claim", VIEWER, {"lottery": lottery}


async def second_claim(house: House) -> Call:
    lottery = await opened(house)
    await enter(house, lottery, VIEWER)
    await draw_now(house, lottery)
    await house.ok("lottery.claim", VIEWER, lottery=lottery)
    return "lottery.claim", VIEWER, {"lottery": lottery}


async def claim_of_nothing(house: House) -> Call:
    return "lottery.claim", OTHER, {"lottery": await opened(house)}


async def draw_twice(house: House) -> Call:
    lottery = await opened(house)
    await draw_now(house, lottery)
    return "lottery.draw", HOST, {"lottery": lottery}


async def answer_to_a_closed_question(house: House) -> Call:
    quiz = await asked(house)
    await closed(house, quiz)
    return "quiz.answer", VIEWER, {"quiz": quiz, "question": 1, "option": 0}


async def second_answer(house: House) -> Call:
    quiz = await asked(house)
    await answers(house, quiz, 1, {VIEWER: 0})
    return "quiz.answer", VIEWER, {"quiz": quiz, "question": 1, "option": 1}


async def answer_to_what_wasnt_asked(house: House) -> Call:
    return "quiz.answer", VIEWER, {"quiz": await asked(house), "question": 2, "option": 0}


async def unknown_option(house: House) -> Call:
    return "quiz.answer", VIEWER, {"quiz": await asked(house), "question": 1, "option": 10**9}


async def address_of_no_prize(house: House) -> Call:
    quiz = await asked(house)
    await answer(house, quiz, VIEWER, 1, 1)
    await closed(house, quiz)
    await house.ok("quiz.end", HOST, quiz=quiz)
    await settled(house)
    return "order.address", VIEWER, {"order": quiz, "address": {"name": "Lin", "lines": ["Tea Street 8"]}}


def poll(**terms: Any) -> Callable[[list[int], bool], Scene]:
    def voting(options: list[int], twice: bool) -> Scene:
        async def scene(house: House) -> Call:
            plain = {"question": "Which?", "options": ["a", "b"], "seconds": 60}
            poll = (await house.ok("poll.start", HOST, **plain, **terms))["poll"]["id"]
            if twice:
                await house.ok("poll.vote", VIEWER, poll=poll, options=[0])
            return "poll.vote", VIEWER, {"poll": poll, "options": options}

        return scene

    return voting


def packet(
    caller: Caller = VIEWER, *, before: tuple[Caller, ...] = (), later_ms: int = 0, **terms: Any
) -> Scene:
    async def scene(house: House) -> Call:
        plain = {"coins": 4, "count": 2, "seconds": 60}
        packet = (await house.ok("packet.send", VIEWER, **(plain | terms)))["packet"]["id"]
        for opener in before:
            await house.ok("packet.open", opener, packet=packet)
        house.now_ms += later_ms
        return "packet.open", caller, {"packet": packet}

    return scene


def send(**terms: Any) -> Scene:
    async def scene(house: House) -> Call:
        return "packet.send", VIEWER, {"coins": 10, "count": 2} | terms

    return scene


async def points_that_arent_there(house: House) -> Call:
    return "points.redeem", VIEWER, {"offer": await house.offer()}


async def follow_oneself(house: House) -> Call:
    return "follow", HOST, {}


async def refund_of_what_isnt_paid(house: House) -> Call:
    _, sku = await house.product()
    order = (await house.ok("buy", VIEWER, sku=sku, qty=1))["order"]["id"]
    return "order.refund", HOST, {"order": order, "reason": "no"}


CASES: dict[str, tuple[str, Scene]] = {
    "a gift to oneself": ("gift_to_self", gift(HOST)),
    "a gift to an ended room": ("not_live", gift_to_an_ended_room),
    "a withdrawn gift": ("gift_withdrawn", withdrawn_gift),
    "a gift that there isn't": ("not_found", gift(gift="moon")),
    "no gifts": ("bad_request", gift(count=0)),
    "less than no gifts": ("bad_request", gift(count=-1)),
    "too many gifts": ("bad_request", gift(count=10**9)),
    "half a gift": ("bad_request", gift(count=1.5)),
    "more gifts than coins": ("insufficient_coins", gift(count=999)),
    "a gift by nobody": ("unauthenticated", gift(GUEST)),
    "a gift refunded twice": ("gift_refunded", refunded_gift),
    "a second entry": ("already_entered", second_entry),
    "a late entry": ("over", late_entry),
    "an expired claim": ("over", expired_claim),
    "a second claim": ("already_claimed", second_claim),
    "a claim of nothing": ("not_won", claim_of_nothing),
    "a second draw": ("over", draw_twice),
    "an answer to a closed question": ("over", answer_to_a_closed_question),
    "a second answer": ("already_answered", second_answer),
    "an answer to what wasn't asked": ("wrong_question", answer_to_what_wasnt_asked),
    "an option that there isn't": ("unknown_option", unknown_option),
    "an address of no prize": ("not_found", address_of_no_prize),
    "a second vote": ("already_voted", poll()([1], True)),
    "two votes in one": ("too_many_options", poll()([0, 1], False)),
    "a vote for nothing there is": ("unknown_option", poll()([2], False)),
    "a packet opened twice": ("already_opened", packet(OTHER, before=(OTHER,))),
    "an empty packet": ("packet_empty", packet(HOST, before=(OTHER, VIEWER))),
    "a packet too late": ("over", packet(OTHER, later_ms=60_000)),
    "a packet for others": ("followers_only", packet(OTHER, who="followers")),
    "a packet of nothing": ("bad_request", send(coins=0)),
    "a packet for too many": ("bad_request", send(count=10**9)),
    "a packet of less than a coin each": ("bad_request", send(coins=1)),
    "a packet that isn't paid for": ("insufficient_coins", send(coins=999)),
    "points that aren't there": ("insufficient_points", points_that_arent_there),
    "following oneself": ("follow_self", follow_oneself),
    "a refund of what isn't paid": ("order_not_paid", refund_of_what_isnt_paid),
}


@pytest.mark.parametrize("case", CASES)
async def test_it_is_refused_and_changes_nothing(house: House, case: str) -> None:
    code, scene = CASES[case]
    await house.go_live()
    await house.grant_coins(VIEWER, 100)
    command, caller, payload = await scene(house)
    before = await everything(house)
    told = (len(house.events), len(house.private), len(house.staff), repr(house.counts))
    assert await house.code(command, caller, **payload) == code
    after = await everything(house)
    assert {name for name in after if after[name] != before[name]} == set()
    assert (len(house.events), len(house.private), len(house.staff), repr(house.counts)) == told
