"""What is asked in the same moment is answered together, and nobody notices but the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from server import gathering
from server.gathering import Gathering


class Library:
    """Doubles numbers. ``doors`` hold trips up until they are opened, if there are any."""

    def __init__(self, *, odd: frozenset[int] = frozenset(), broken: frozenset[int] = frozenset()) -> None:
        self.trips: list[list[int]] = []
        self.odd = odd
        self.broken = broken
        self.away = False
        self.door: asyncio.Event | None = None

    async def answer(self, questions: Sequence[int]) -> list[int | Refused]:
        self.trips.append(list(questions))
        if self.door is not None:
            await self.door.wait()
        if self.away:
            raise Refused("temporarily_unavailable", retry_after_ms=1000)
        if self.broken.intersection(questions):
            raise ValueError("broken")
        return [Refused("not_found") if q in self.odd else 2 * q for q in questions]


async def outcome(gathered: Gathering[int, int], question: int) -> int | str:
    """The answer, or what was raised."""
    try:
        return await gathered.ask(question)
    except Refused as refusal:
        return refusal.code
    except ValueError as error:
        return str(error)


async def turn() -> None:
    """All that can be done now is done."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_in_the_same_moment_goes_together_and_a_single_one_waits_for_nobody() -> None:
    library = Library()
    gathered = Gathering(library.answer)
    assert await asyncio.gather(*(gathered.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert await gathered.ask(7) == 14
    assert library.trips == [[0, 1, 2, 3, 4], [7]]


async def test_who_asks_while_a_trip_is_under_way_is_answered_by_a_later_one() -> None:
    library = Library()
    library.door = asyncio.Event()
    gathered = Gathering(library.answer)
    first = asyncio.create_task(gathered.ask(1))
    await turn()
    late = [asyncio.create_task(gathered.ask(n)) for n in (1, 2)]
    await turn()
    assert library.trips == [[1]]
    library.door.set()
    assert await asyncio.gather(first, *late) == [2, 2, 4]
    assert library.trips == [[1], [1, 2]]


async def test_a_trip_takes_no_more_than_it_may_and_the_rest_follow_in_order() -> None:
    library = Library()
    gathered = Gathering(library.answer, at_once=2)
    assert await asyncio.gather(*(gathered.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert library.trips == [[0, 1], [2, 3], [4]]


async def test_when_nobody_could_be_answered_those_who_wait_hear_of_it_at_once() -> None:
    library = Library()
    library.door, library.away = asyncio.Event(), True
    gathered = Gathering(library.answer, at_once=2)
    asked = [asyncio.create_task(outcome(gathered, n)) for n in range(5)]
    await turn()
    library.door.set()
    assert await asyncio.gather(*asked) == ["temporarily_unavailable"] * 5
    assert library.trips == [[0, 1]]
    library.away = False
    assert await gathered.ask(3) == 6


async def test_who_gives_up_takes_nobody_along() -> None:
    library = Library()
    library.door = asyncio.Event()
    gathered = Gathering(library.answer)
    going = [asyncio.create_task(gathered.ask(n)) for n in (1, 2)]
    await turn()
    waiting = [asyncio.create_task(gathered.ask(n)) for n in (3, 4)]
    await turn()
    for task in (going[0], waiting[0]):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    library.door.set()
    assert (await going[1], await waiting[1]) == (4, 8)
    assert library.trips == [[1, 2], [4]]


async def test_too_many_are_refused_and_those_before_them_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAITING_MAX", 2)
    gathered = Gathering(Library().answer)
    asked = [outcome(gathered, n) for n in range(3)]
    assert await asyncio.gather(*asked) == [0, 2, "busy"]


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(1, 12),
    st.frozensets(st.integers(0, 9)),
    st.frozensets(st.integers(0, 9), max_size=3),
)
def test_an_answer_is_the_same_in_whatever_company_it_was_asked_for(
    questions: list[int], at_once: int, odd: frozenset[int], broken: frozenset[int]
) -> None:
    async def ask() -> list[int | str]:
        gathered = Gathering(Library(odd=odd, broken=broken).answer, at_once=at_once)
        return await asyncio.gather(*(outcome(gathered, question) for question in questions))

    alone = ["broken" if q in broken else "not_found" if q in odd else 2 * q for q in questions]
    assert asyncio.run(ask()) == alone
