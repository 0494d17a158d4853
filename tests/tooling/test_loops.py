"""The loop that tests run in refuses what another thread must not do."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.loops import GuardedLoop


@pytest.mark.parametrize("how", ["call_soon", "call_later", "call_at"])
async def test_callbacks_from_another_thread_are_refused(how: str) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, GuardedLoop)
    arguments = (print,) if how == "call_soon" else (0, print)
    with pytest.raises(RuntimeError, match="another thread"):
        await asyncio.to_thread(getattr(loop, how), *arguments)


async def test_a_future_that_another_thread_resolves_is_noticed() -> None:
    """What goes wrong in practice: the waiter would be woken late, or never."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: None)
    with pytest.raises(RuntimeError, match="another thread"):
        await asyncio.to_thread(future.set_result, None)


async def test_other_threads_have_a_way_in() -> None:
    called = asyncio.Event()
    await asyncio.to_thread(asyncio.get_running_loop().call_soon_threadsafe, called.set)
    async with asyncio.timeout(10):
        await called.wait()
