"""The lotteries' commands: opened, entered, closed, drawn, claimed; and what timers do by themselves."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from rooms.errors import Refused
from rooms.heads import ROOMS, TIMERS, USERS, TimerRow
from rooms.play import prizes
from rooms.play.lotteries import draw, rules
from rooms.play.lotteries.commands import ClaimPrize, CreateLottery, EnterLottery, LotteryRef
from rooms.play.lotteries.conditions import FactRows, Facts, weight_of
from rooms.play.lotteries.store import (
    ENTRIES,
    LOTTERIES,
    SHOWN_WINNERS,
    WINNERS,
    EntryRow,
    LotteryRow,
    WinnerRow,
    count_running,
    read_winners,
)
from rooms.ports import About, Audit, Caller, Standing, TextRules
from rooms.rows import Steps, new_id
from rooms.unit import Unit
from rooms.wallet.news import tell_wallet
from rooms.wording import worded

TITLE_MAX_CHARS = 60
AT_ONCE_MAX = 3
CLOSE_TIMER = "lottery.close"
SETTLE_TIMER = "lottery.settle"
CLAIM_TIMER = "lottery.claims"


class Lotteries:
    """The commands ``lottery.create``, ``.enter``, ``.draw``, ``.cancel``, ``.claim``, and their timers.

    Drawing has three steps, so that no transaction reads a long list: :meth:`close` lets nobody in any more,
    :meth:`closed` puts the hash of the list into the log, :meth:`drawn` the seed and who won. What comes in
    between is done outside (``server/draws.py``), and can be done again.
    """

    def __init__(self, standing: Standing, texts: TextRules, audit: Audit, facts: Facts) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._facts = FactRows(facts)

    def create(self, tx: Unit, cmd: CreateLottery, caller: Caller) -> Steps[Any]:
        """Put the prizes aside, show the commitment, and let people in.

        Refuses with ``forbidden``, ``too_many`` (running in this room), ``text_…``, and what
        :func:`rooms.play.prizes.hold` refuses with. The caller pays for coins.
        """
        wanted = [prize.prize for prize in cmd.prizes]
        holder = prizes.Holder(new_id(), cmd.room, caller.id or "", "")
        yield from prizes.load(tx, holder, wanted)
        yield USERS.rows(caller.id or "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        yield from prizes.load_titles(tx, holder, wanted)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        title = worded(self._texts, cmd.title, TITLE_MAX_CHARS, About("title", cmd.room, caller.id))
        fresh = sum(row.room_id == cmd.room for row in tx.fresh(LOTTERIES))
        if count_running(tx.conn, cmd.room) + fresh >= AT_ONCE_MAX:
            raise Refused("too_many", details={"limit": AT_ONCE_MAX})
        lottery = LotteryRow(
            id=holder.id,
            room_id=cmd.room,
            host_id=room.host_id,
            payer_id=caller.id or "",
            phase="open",
            rules=rules.rules_of(cmd, holder.id, title, tx.now_ms),
            prizes=[],
            seed=secrets.token_bytes(draw.SEED_BYTES),
            tag_secret=secrets.token_bytes(32),
            opened_at_ms=tx.now_ms,
            opened_offset=0,
            closes_at_ms=tx.now_ms + cmd.seconds * 1000,
        )
        self._facts.refuse_unknown(rules.asks(lottery))
        held, movement = prizes.hold(tx, holder, wanted)
        if movement:
            coins = sum(prize.amount * prize.count for prize in held if prize.kind == "coins")
            tell_wallet(tx, caller.id or "", movement, -coins)
        lottery = replace(lottery, prizes=[prize.wire() for prize in held])
        event = tx.append(cmd.room, "lottery.opened", {"lottery": lottery.wire()})
        tx.put(LOTTERIES, replace(lottery, opened_offset=event.offset))
        tx.wake(CLOSE_TIMER, lottery.id, cmd.room, lottery.closes_at_ms)
        self._audit.note(tx, cmd.room, caller, "lottery.create", lottery.id, {"title": title})
        return {"lottery": lottery.wire()}

    def enter(self, tx: Unit, cmd: EnterLottery, caller: Caller) -> Steps[Any]:
        """Once a person. Refuses with ``not_found``, ``forbidden`` (the host and operators), ``over``,
        ``already_entered``, ``conditions_unmet``."""
        user_id = caller.id or ""
        yield LOTTERIES.rows(cmd.lottery)
        found = tx.get(LOTTERIES, cmd.lottery)
        tag = draw.tag_of(found.tag_secret, user_id) if found else ""
        asks = rules.asks(found) if found else []
        yield self._facts.rows(asks, user_id)
        yield ENTRIES.rows((cmd.lottery, tag))
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "play")
        lottery = _lottery(tx, cmd.room, cmd.lottery)
        if caller.operator or user_id in (room.host_id, lottery.payer_id):
            raise Refused("forbidden", "Who runs a lottery doesn't take part in it.")
        amounts = self._facts.amounts(tx, asks, user_id)
        weights = lottery.rules["weights"]
        weight = weight_of(weights, amounts.pop()) if weights else 1
        entry = EntryRow(lottery.id, tag, user_id, caller.name, cmd.nonce, weight, tx.now_ms)
        known = tx.get(ENTRIES, lottery.id, tag)
        lottery = rules.enter(lottery, entry, known, amounts)
        tx.put(LOTTERIES, lottery)
        tx.put(ENTRIES, entry)
        tx.count(cmd.room, lottery.id, entrants=lottery.entrants)
        return {"entry": entry.wire()}

    def draw(self, tx: Unit, cmd: LotteryRef, caller: Caller) -> Steps[Any]:
        """Close it before its time; the draw follows by itself. Refuses with ``forbidden``, ``not_found``,
        ``over``."""
        yield LOTTERIES.rows(cmd.lottery)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        lottery = _lottery(tx, cmd.room, cmd.lottery)
        rules.refuse_unless_open(lottery, tx.now_ms)
        self._audit.note(tx, cmd.room, caller, "lottery.draw", lottery.id, {})
        return {"lottery": _shut(tx, lottery).wire()}

    def close(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of the closing time."""
        yield TIMERS.rows(timer.id)
        yield LOTTERIES.rows(timer.ref)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        tx.drop(TIMERS, timer.id)
        lottery = tx.get(LOTTERIES, timer.ref)
        if lottery and lottery.phase == "open" and lottery.closes_at_ms <= tx.now_ms:
            _shut(tx, lottery)
        return {}

    def closed(self, tx: Unit, lottery_id: str, count: int, weight: int, hashed: bytes) -> Steps[Any]:
        """The list of entrants has been hashed. Does nothing if that was known already; raises
        ``RuntimeError`` if the list isn't what was counted while people entered."""
        yield LOTTERIES.rows(lottery_id)
        found = tx.get(LOTTERIES, lottery_id)
        yield ROOMS.rows(found.room_id if found else "")
        lottery = tx.get(LOTTERIES, lottery_id)
        if lottery is None or lottery.phase != "closing":
            return {}
        if (count, weight) != (lottery.entrants, lottery.weight):
            raise RuntimeError(f"lottery {lottery_id}: {count} entries, {lottery.entrants} counted")
        lottery = tx.put(LOTTERIES, replace(lottery, phase="closed", entrants_hash=hashed))
        tx.append(lottery.room_id, "lottery.closed", {"lottery": lottery.wire()})
        return {}

    def drawn(self, tx: Unit, timer: TimerRow, entries: Sequence[EntryRow]) -> Steps[Any]:
        """The places have been drawn, reserves among them: tell, and let the winners claim. Prizes for which
        there are no entrants go back. Drops the timer."""
        yield TIMERS.rows(timer.id)
        yield LOTTERIES.rows(timer.ref)
        lottery = tx.get(LOTTERIES, timer.ref)
        if lottery is None or lottery.phase != "closed":
            if tx.get(TIMERS, timer.id) is not None:
                tx.drop(TIMERS, timer.id)
            return {}
        rows = rules.winners(lottery, entries)
        won = [row for row in rows if row.status == "waiting"]
        yield from prizes.load(tx, lottery.holder, lottery.held)
        yield USERS.rows(lottery.payer_id, *(row.user_id for row in won))
        yield ROOMS.rows(lottery.room_id)
        if tx.get(TIMERS, timer.id) is not None:
            tx.drop(TIMERS, timer.id)
        for row in rows:
            tx.put(WINNERS, row)
        lottery = replace(lottery, phase="drawn", drawn_at_ms=tx.now_ms)
        _go_on(tx, lottery, rows, won, range(len(won), lottery.rules["winners"]), "drawn")
        return {}

    def claims_over(self, tx: Unit, timer: TimerRow) -> Steps[Any]:
        """The timer of the time to claim: what nobody claimed goes to the next places, or back."""
        yield TIMERS.rows(timer.id)
        yield LOTTERIES.rows(timer.ref)
        if tx.get(TIMERS, timer.id) is None:
            return {}
        lottery = tx.get(LOTTERIES, timer.ref)
        if lottery is None or lottery.phase != "drawn" or (lottery.claim_by_ms or 0) > tx.now_ms:
            tx.drop(TIMERS, timer.id)
            return {}
        rows = _winners(tx, lottery.id)
        late, again, lost = rules.run_out(lottery, rows)
        yield from prizes.load(tx, lottery.holder, lottery.held)
        yield USERS.rows(lottery.payer_id, *(row.user_id for row in (*late, *again)))
        yield ROOMS.rows(lottery.room_id)
        tx.drop(TIMERS, timer.id)
        for row in (*late, *again):
            tx.put(WINNERS, row)
        for row in late:
            _tell(tx, lottery, row)
        lottery = replace(lottery, rounds=lottery.rounds + 1)
        _go_on(tx, lottery, _winners(tx, lottery.id), again, lost, f"late{lottery.rounds}")
        return {}

    def claim(self, tx: Unit, cmd: ClaimPrize, caller: Caller) -> Steps[Any]:
        """Give the caller what they won. Refuses with ``not_found``, ``forbidden``, ``not_won``,
        ``already_claimed``, ``over``, and what :func:`rooms.play.prizes.award` refuses with."""
        user_id = caller.id or ""
        yield LOTTERIES.rows(cmd.lottery)
        yield WINNERS.rows((cmd.lottery, user_id))
        found, mine = tx.get(LOTTERIES, cmd.lottery), tx.get(WINNERS, cmd.lottery, user_id)
        wanted = [_prize(found, mine)] if found and mine and mine.prize is not None else []
        if found:
            yield from prizes.load(tx, found.holder, wanted, [user_id])
        yield USERS.rows(user_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require_owed(tx, cmd.room, caller, "play")
        lottery = _lottery(tx, cmd.room, cmd.lottery)
        row = rules.claimable(tx.get(WINNERS, lottery.id, user_id), lottery, tx.now_ms)
        prize = _prize(lottery, row)
        address = cmd.address.model_dump(exclude_none=True) if cmd.address else None
        ref = f"{lottery.id}:{row.place}"
        given = prizes.award(tx, lottery.holder, prize, caller, ref=ref, address=address)
        if given.movement:
            tell_wallet(tx, user_id, given.movement, prize.amount)
        row = tx.put(WINNERS, replace(row, status="claimed", claimed_at_ms=tx.now_ms))
        _tell(tx, lottery, row)
        return {"prize": prize.wire() | {"count": 1}, "given": given.wire}

    def cancel(self, tx: Unit, cmd: LotteryRef, caller: Caller) -> Steps[Any]:
        """While it is open: everything that was put aside goes back. Refuses with ``forbidden``,
        ``not_found``, ``over``."""
        yield LOTTERIES.rows(cmd.lottery)
        found = tx.get(LOTTERIES, cmd.lottery)
        if found:
            yield from prizes.load(tx, found.holder, found.held)
        yield USERS.rows(found.payer_id if found else "")
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, caller.id)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "run_play")
        lottery = _lottery(tx, cmd.room, cmd.lottery)
        rules.refuse_unless_open(lottery, tx.now_ms)
        back = _give_back(tx, lottery, range(lottery.rules["winners"]), "cancelled")
        lottery = tx.put(LOTTERIES, replace(lottery, phase="cancelled", given_back=back))
        tx.append(cmd.room, "lottery.ended", {"id": lottery.id, "reason": "cancelled"})
        self._audit.note(tx, cmd.room, caller, "lottery.cancel", lottery.id, {})
        return {"lottery": lottery.wire()}


def _lottery(tx: Unit, room_id: str, lottery_id: str) -> LotteryRow:
    lottery = tx.get(LOTTERIES, lottery_id)
    if lottery is None or lottery.room_id != room_id:
        raise Refused("not_found", "There is no such lottery in this room.")
    return lottery


def _winners(tx: Unit, lottery_id: str) -> list[WinnerRow]:
    """All places, as they are in this unit. The lottery must be locked."""
    rows = tx.take_in(WINNERS, read_winners(tx.conn, lottery_id))
    return sorted((row for row in rows if row.lottery_id == lottery_id), key=lambda row: row.place)


def _prize(lottery: LotteryRow, row: WinnerRow) -> prizes.Prize:
    return lottery.held[rules.prize_index(lottery.prizes, row.prize or 0)]


def _shut(tx: Unit, lottery: LotteryRow) -> LotteryRow:
    """Nobody enters any more; what follows is done outside."""
    closes_at_ms = min(lottery.closes_at_ms, tx.now_ms)
    tx.wake(SETTLE_TIMER, lottery.id, lottery.room_id, tx.now_ms)
    return tx.put(LOTTERIES, replace(lottery, phase="closing", closes_at_ms=closes_at_ms))


def _go_on(
    tx: Unit,
    lottery: LotteryRow,
    rows: Sequence[WinnerRow],
    won: Sequence[WinnerRow],
    lost: Iterable[int],
    why: str,
) -> None:
    """After a draw, or when the time to claim is over: ``won`` have something to claim from now on, ``lost``
    goes back. Without anybody who could claim, it is over."""
    back = lottery.given_back + _give_back(tx, lottery, lost, why)
    shown = [row.shown() for row in rows if row.status in ("waiting", "claimed")][:SHOWN_WINNERS]
    lottery = replace(lottery, given_back=back, shown=shown)
    if won:
        claim_by_ms = tx.now_ms + lottery.rules["claim_s"] * 1000
        lottery = replace(lottery, claim_by_ms=claim_by_ms)
        tx.wake(CLAIM_TIMER, lottery.id, lottery.room_id, claim_by_ms)
    else:
        lottery = replace(lottery, phase="ended")
    tx.put(LOTTERIES, lottery)
    if won or not lottery.rounds:
        tx.append(lottery.room_id, "lottery.drawn", {"lottery": lottery.wire()})
    for row in won:
        _tell(tx, lottery, row)
    if not won:
        tx.append(lottery.room_id, "lottery.ended", {"id": lottery.id, "reason": "over"})


def _give_back(tx: Unit, lottery: LotteryRow, lost: Iterable[int], why: str) -> int:
    """Single prizes that nobody gets, by number; gives how many they were."""
    count = 0
    indexes = sorted(rules.prize_index(lottery.prizes, prize) for prize in lost)
    for index, same in groupby(indexes):
        n, prize = len(list(same)), lottery.held[index]
        count += n
        movement = prizes.give_back(tx, lottery.holder, prize, n, ref=f"{lottery.id}:{why}:{index}")
        if movement:
            tell_wallet(tx, lottery.payer_id, movement, prize.amount * n)
    return count


def _tell(tx: Unit, lottery: LotteryRow, row: WinnerRow) -> None:
    """Tell somebody what has become of their place."""
    tx.tell(row.user_id, "lottery", won_wire(lottery, row), room_id=lottery.room_id)


def won_wire(lottery: LotteryRow, row: WinnerRow) -> dict[str, Any]:
    """A place as its winner sees it."""
    return {
        "lottery": lottery.id,
        "title": lottery.rules["title"],
        "status": row.status,
        "place": row.place,
        "prize": _prize(lottery, row).wire() | {"count": 1},
        "claim_by_ms": lottery.claim_by_ms,
    }
