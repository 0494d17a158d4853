"""Who may watch is asked for each part of a stream, so it is remembered for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rooms.errors import Refused
from server.auth import PublishTokens, SignedPaths, Tokens
from server.stage import SEEN_MS, STALE_MS, MediaGate
from tests.contract.house import START_MS, House, house_at


async def no_fetch(url: str) -> bytes:
    raise AssertionError(f"nothing is to be fetched: {url}")


def gate_of(house: House) -> MediaGate:
    return MediaGate(
        house.store,
        Tokens([], no_fetch),
        PublishTokens(b"s" * 32),
        clock_ms=lambda: house.now_ms,
        paths=SignedPaths(b"s" * 32),
    )


async def test_a_picture_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        gate = gate_of(house)
        await gate.may_watch("tea", None)
        real_read, asked = house.store.read, 0

        async def away(query: object) -> object:
            nonlocal asked
            asked += 1
            raise Refused("temporarily_unavailable")

        house.store.read = away  # type: ignore[method-assign, assignment]
        await gate.may_watch("tea", None)
        assert asked == 0
        house.now_ms = START_MS + SEEN_MS
        await gate.may_watch("tea", None)
        assert asked == 1
        house.now_ms = START_MS + STALE_MS
        with pytest.raises(Refused, match="temporarily_unavailable"):
            await gate.may_watch("tea", None)
        with pytest.raises(Refused, match="temporarily_unavailable"):
            await gate.may_watch("never-seen", None)
        house.store.read = real_read  # type: ignore[method-assign]


async def test_a_room_that_is_not_there_is_not_remembered(tmp_path: Path) -> None:
    async with house_at(f"sqlite:///{tmp_path / 'danmart.db'}") as house:
        gate = gate_of(house)
        with pytest.raises(Refused, match="room_not_found"):
            await gate.may_watch("cake", None)
        await house.create("cake")
        await gate.may_watch("cake", None)
