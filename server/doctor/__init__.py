"""``danmart doctor``: what is wrong with a config or a machine, in plain words, before it hurts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from server.config import Settings
from server.doctor import (
    files,
    machine,
    network,
    payments,
    pictures,
    recordings,
    services,
    trails,
    turn,
)
from server.doctor.finding import Finding, Level, error

__all__ = ["Finding", "Level", "diagnose"]

_BLOCKING: tuple[Callable[[Settings], Iterable[Finding]], ...] = (
    lambda _: machine.check_python(),
    lambda _: machine.check_libraries(),
    files.check_data_directory,
    recordings.check_folder,
    files.check_secret,
    files.check_sqlite,
    services.check_database,
    services.check_redis,
    network.check_ports,
    network.check_exposure,
    network.check_announced_addresses,
    payments.check_payments,
    payments.check_owed,
    trails.check_trails,
    pictures.check_late,
    lambda _: machine.check_udp_buffers(),
    lambda _: machine.check_open_files(),
    files.check_word_lists,
    lambda _: files.check_pages(),
)
_ASYNCHRONOUS: tuple[Callable[[Settings], Awaitable[list[Finding]]], ...] = (
    services.check_auth,
    turn.check_turn,
    recordings.check_bucket,
    pictures.check_checker,
)


async def diagnose(settings: Settings) -> list[Finding]:
    """Everything found, in a fixed order. Starts nothing and changes nothing; takes some seconds at most.

    A check that fails by itself is a finding too, so this raises nothing but ``CancelledError``.
    """
    blocking = [_heard(asyncio.to_thread(_all, check, settings)) for check in _BLOCKING]
    asynchronous = [_heard(check(settings)) for check in _ASYNCHRONOUS]
    return [finding for part in await asyncio.gather(*blocking, *asynchronous) for finding in part]


def _all(check: Callable[[Settings], Iterable[Finding]], settings: Settings) -> list[Finding]:
    return list(check(settings))


async def _heard(check: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        return await check
    except Exception as problem:  # whatever it is, what the other checks say should be heard
        return [
            error(f"a check failed by itself: {problem!r}", "this is a fault of Danmart's: please report it")
        ]
