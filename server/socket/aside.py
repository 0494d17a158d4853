"""Commands that step aside: they wait for somebody else, and the connection's next ones needn't."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

AT_ONCE = 2
"""So many of a connection may wait aside. The next one keeps its turn until it is answered, and with it the
connection, whose commands are bounded already."""

StepAside = Callable[[], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


def stay() -> None:
    """For a command whose answer the next one waits for, come what may."""


class Asides:
    """One connection's. What a command does before it steps aside is done before the next one begins, so
    commands keep their order as far as they change anything here; their answers may overtake each other."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting = 0

    async def turn(self, spawn: Spawn, carry_out: Callable[[StepAside], Awaitable[None]]) -> None:
        """Begin a command in a task of its own; returns when the next one may begin, which is when this one
        has ended or stepped aside. Cancelling leaves the task to whoever owns what ``spawn`` makes."""
        over = asyncio.Event()
        is_aside = False

        def step_aside() -> None:
            nonlocal is_aside
            if not is_aside and self._waiting < AT_ONCE:
                is_aside = True
                self._waiting += 1
                over.set()

        async def run() -> None:
            try:
                await carry_out(step_aside)
            finally:
                if is_aside:
                    self._waiting -= 1
                over.set()

        spawn(run())
        await over.wait()
