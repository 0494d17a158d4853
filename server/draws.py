"""Draws: between the closing of a lottery and its winners, a long list is read and hashed. Outside of the
writer, in parts, so that nobody who buys or comments in the meantime waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from rooms.errors import Refused
from rooms.heads import TimerRow
from rooms.play.lotteries import rules
from rooms.play.lotteries.checking import check
from rooms.play.lotteries.commands import CheckLottery
from rooms.play.lotteries.conditions import Facts
from rooms.play.lotteries.drawing import PART, Entrants
from rooms.play.lotteries.service import Lotteries
from rooms.play.lotteries.store import EntryRow, LotteryRow, read_entries, read_lines, read_lottery
from rooms.ports import Caller
from server.gathering import Gathering
from server.store.group import Work
from server.store.store import Store

_Asked = tuple[str, str, str]
"""A room, a lottery, and who asks."""


class Draws:
    """Carries draws out, and answers ``lottery.check``."""

    def __init__(self, store: Store, lotteries: Lotteries, facts: Facts) -> None:
        self._store = store
        self._lotteries = lotteries
        self._facts = facts
        self._checks = Gathering(self._check_all)

    async def settle(self, timer: TimerRow) -> None:
        """The timer after closing: hash the list, then draw. Each of its steps looks at what is done already,
        so that a node which dies here loses nothing, and two nodes which do it at once do it once.

        Raises ``RuntimeError`` when a step can't be written; the timer stays and comes again.
        """
        lottery = await self._store.read(lambda conn: read_lottery(conn, timer.ref))
        entries: list[EntryRow] = []
        if lottery is not None and lottery.phase in ("closing", "closed"):
            entrants = await self._entrants(lottery)
            await self._closed(lottery.id, entrants)
            entries = await self._places(lottery, entrants)
        await self._write(Work("lottery.drawn", lambda tx: self._lotteries.drawn(tx, timer, entries)))

    async def _entrants(self, lottery: LotteryRow) -> Entrants:
        entrants = Entrants()
        while lines := await self._store.read(
            lambda conn: read_lines(conn, lottery.id, after=entrants.last, limit=PART)
        ):
            await asyncio.to_thread(entrants.add, lines)
        return entrants

    async def _closed(self, lottery_id: str, entrants: Entrants) -> None:
        count, weight, hashed = entrants.count, entrants.weight, entrants.digest()
        await self._write(
            Work("lottery.closed", lambda tx: self._lotteries.closed(tx, lottery_id, count, weight, hashed))
        )

    async def _places(self, lottery: LotteryRow, entrants: Entrants) -> list[EntryRow]:
        wanted = lottery.rules["winners"] * rules.RESERVES
        tags = await asyncio.to_thread(entrants.places, lottery.seed, wanted)
        found = await self._store.read(lambda conn: read_entries(conn, lottery.id, tags))
        return [found[tag] for tag in tags]

    async def _write(self, work: Work) -> None:
        answer = await self._store.write(work)
        if not answer.ok:
            raise RuntimeError(f"{work.name}: {answer.code}")

    async def check(self, cmd: CheckLottery, caller: Caller) -> dict[str, Any]:
        """How the caller stands with a lottery. Those who ask in the same moment are answered together.

        Raises ``Refused``: ``not_found``, ``temporarily_unavailable``, ``busy``.
        """
        return await self._checks.ask((cmd.room, cmd.lottery, caller.id or ""))

    async def _check_all(self, asked: Sequence[_Asked]) -> list[dict[str, Any] | Refused]:
        return await self._store.read(lambda conn: self._read_all(conn, asked))

    def _read_all(self, conn: Connection, asked: Sequence[_Asked]) -> list[dict[str, Any] | Refused]:
        users: dict[tuple[str, str], dict[str, None]] = {}
        for room_id, lottery_id, user_id in asked:
            users.setdefault((room_id, lottery_id), {})[user_id] = None
        found: dict[_Asked, dict[str, Any] | Refused] = {}
        for (room_id, lottery_id), ids in users.items():
            answers = check(conn, self._facts, room_id, lottery_id, list(ids))
            for n, user_id in enumerate(ids):
                answer = answers if isinstance(answers, Refused) else answers[n]
                found[room_id, lottery_id, user_id] = answer
        return [found[each] for each in asked]
