"""Portions are as large as the writer's time allows, and a repeat goes on where the first time ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.heads import ROOMS
from rooms.rows import Steps
from rooms.unit import Unit
from server.portions import HELD_MS, Job, Portions, Size
from server.store.group import Answer, Work, accepted, recall, refused

TIMES = st.lists(st.floats(0.01, 500), max_size=40)


@given(st.integers(5, 500), TIMES)
def test_a_size_stays_within_its_bounds_and_at_most_doubles(start: int, times: list[float]) -> None:
    size = Size(start, least=5, most=500)
    for took_ms in times:
        before = size.now
        size.learn(size.now, took_ms)
        assert 5 <= size.now <= min(500, 2 * before)
        if took_ms > 2 * HELD_MS and before >= 10:
            assert size.now < before


@given(st.floats(0.001, 2), st.floats(0, 6))
def test_a_size_comes_to_what_takes_as_long_as_it_may(per_line_ms: float, fixed_ms: float) -> None:
    size = Size(25, least=1, most=10**6)
    for _ in range(60):
        size.learn(size.now, fixed_ms + per_line_ms * size.now)
    assert fixed_ms + per_line_ms * size.now <= HELD_MS + per_line_ms
    assert fixed_ms + per_line_ms * (size.now + 2) >= HELD_MS * 0.5


def test_a_small_rest_of_a_list_says_nothing_of_large_portions() -> None:
    size = Size(100, least=5, most=500)
    size.learn(3, 5.0)
    assert size.now == 100
    size.learn(3, 80.0)
    assert size.now == 5


class Writer:
    """A writer that knows keys, and carries out so many portions before it is too busy."""

    def __init__(self) -> None:
        self.answers: dict[Any, tuple[bytes, Answer]] = {}
        self.written: list[str] = []
        self.sizes: list[int] = []
        self.per_line_s = 0.0001
        self.lives = 10**6

    async def write(self, work: Work) -> Answer:
        if work.key in self.answers:
            request, answer = self.answers[work.key]
            return recall(answer.body) if request == work.request else refused(Refused("key_conflict"))
        if self.lives == 0:
            return refused(Refused("busy"))
        self.lives -= 1
        steps = work.steps(None)  # type: ignore[arg-type]
        try:
            while True:
                next(steps)
        except StopIteration as end:
            lines = end.value["lines"]
        self.written += [line["is"] for line in lines]
        self.sizes.append(len(lines))
        if work.held is not None:
            work.held(self.per_line_s * len(lines))
        answer = accepted({"lines": lines})
        if work.key is not None:
            self.answers[work.key] = (work.request, answer)
        return answer


def job(items: Sequence[str], key: str | None = "a-key", digest: bytes = b"one") -> Job[str]:
    """An item makes as many lines as it has letters."""

    def steps(some: Sequence[str], first: bool) -> Callable[[Unit], Steps[Any]]:
        def carry_out(tx: Unit) -> Steps[Any]:
            yield ROOMS.rows()
            return {"lines": [{"is": letter} for item in some for letter in item]}

        return carry_out

    return Job(
        "work", items, len, steps, lambda left, error: [{"is": i, **error} for i in left], "u", key, digest
    )


def portions(writer: Writer, size: int = 4) -> Portions:
    return Portions(writer, Size(size, least=1, most=50))  # type: ignore[arg-type]


WORDS = st.lists(st.text("abc", min_size=1, max_size=5), max_size=25)


@given(WORDS, st.lists(st.tuples(st.integers(0, 4), st.integers(1, 20)), max_size=5))
def test_whatever_interrupts_it_everything_is_written_once(
    words: list[str], lives: list[tuple[int, int]]
) -> None:
    """Each time another node, with another notion of how much fits, dies after some portions."""

    async def run() -> None:
        writer = Writer()
        for portions_done, size in lives:
            writer.lives = portions_done
            with contextlib.suppress(Refused):
                await portions(writer, size).write(job(words))
        writer.lives = 10**6
        lines = await portions(writer, 7).write(job(words))
        assert "".join(line["is"] for line in lines) == "".join(words) == "".join(writer.written)
        assert await portions(writer, 3).write(job(words)) == lines

    asyncio.run(run())


async def test_what_nobody_got_to_is_said_with_the_reason() -> None:
    writer = Writer()
    writer.lives = 1
    lines = await portions(writer).write(job(["aa", "bb", "cc", "d"], key=None))
    assert "".join(line["is"] for line in lines[:4]) == "aabb"
    assert [(line["is"], line["code"]) for line in lines[4:]] == [("cc", "busy"), ("d", "busy")]


async def test_another_request_with_the_key_is_refused() -> None:
    writer = Writer()
    await portions(writer).write(job(["a"]))
    with pytest.raises(Refused, match="key_conflict"):
        await portions(writer).write(job(["a"], digest=b"other"))


async def test_portions_grow_and_shrink_with_what_they_take() -> None:
    writer = Writer()
    several = portions(writer)
    await several.write(job(["a"] * 300, key=None))
    assert max(writer.sizes) == 50
    writer.per_line_s, writer.sizes = 0.004, []
    await several.write(job(["a"] * 60, key=None))
    assert writer.sizes[:3] == [50, 2, 2]


async def test_repeated_answers_teach_nothing() -> None:
    writer = Writer()
    writer.per_line_s = 0.002
    await portions(writer).write(job(["a"] * 40))
    again = portions(writer)
    assert orjson.dumps(await again.write(job(["a"] * 40)))
    assert again._size.now == 4
