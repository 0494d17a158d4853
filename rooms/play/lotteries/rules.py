"""A lottery's decisions, pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rooms.errors import Refused
from rooms.play.lotteries.commands import CreateLottery
from rooms.play.lotteries.conditions import Ask, ask_of, checked, weight_ask
from rooms.play.lotteries.store import EntryRow, LotteryRow, WinnerRow

REDRAWS_MAX = 2
RESERVES = 1 + REDRAWS_MAX
"""So many times as many places as prizes are drawn, that what isn't claimed can be drawn again at once."""


def rules_of(cmd: CreateLottery, lottery_id: str, title: str, now_ms: int) -> dict[str, Any]:
    """What is hashed before anybody enters, beside the prizes."""
    return {
        "id": lottery_id,
        "room": cmd.room,
        "title": title,
        "conditions": [condition.model_dump(exclude_none=True) for condition in cmd.conditions],
        "weights": cmd.weights.model_dump() if cmd.weights else None,
        "winners": sum(prize.count for prize in cmd.prizes),
        "opened_at_ms": now_ms,
        "closes_by_ms": now_ms + cmd.seconds * 1000,
        "claim_s": cmd.claim_s,
        "unclaimed": cmd.unclaimed,
    }


def asking(lottery: LotteryRow) -> Ask:
    """What its conditions' questions have in common."""
    offset = lottery.opened_offset
    return Ask("", "", lottery.room_id, lottery.host_id, lottery.opened_at_ms, offset)


def asks(lottery: LotteryRow) -> list[Ask]:
    """What has to be known of who enters: for each condition, and last for the weights, if there are any."""
    base, weights = asking(lottery), lottery.rules["weights"]
    conditions = [ask_of(condition, base) for condition in lottery.rules["conditions"]]
    return [*conditions, weight_ask(weights, base)] if weights else conditions


def refuse_unless_open(lottery: LotteryRow, now_ms: int) -> None:
    """Raises ``Refused("over")`` from the moment on when it closes."""
    if lottery.phase != "open" or now_ms >= lottery.closes_at_ms:
        raise Refused("over", details={"state": lottery.phase})


def enter(lottery: LotteryRow, entry: EntryRow, known: EntryRow | None, amounts: Sequence[int]) -> LotteryRow:
    """The lottery with one entrant more; ``amounts`` are what the entrant has of each condition.

    Raises ``Refused``: ``over``, ``already_entered``, ``conditions_unmet`` (with each condition and whether
    it is done).
    """
    refuse_unless_open(lottery, entry.entered_at_ms)
    if known is not None:
        raise Refused("already_entered", details={"entry": known.wire()})
    conditions = checked(lottery.rules["conditions"], amounts)
    if not all(condition["done"] for condition in conditions):
        raise Refused("conditions_unmet", details={"conditions": conditions})
    return replace(lottery, entrants=lottery.entrants + 1, weight=lottery.weight + entry.weight)


def winners(lottery: LotteryRow, drawn: Sequence[EntryRow]) -> list[WinnerRow]:
    """Places in the order of the draw: the first win a prize each, the others are reserves."""
    return [
        WinnerRow(
            lottery_id=lottery.id,
            user_id=entry.user_id,
            place=place,
            tag=entry.tag,
            user_name=entry.user_name,
            status="waiting" if place < lottery.rules["winners"] else "reserve",
            prize=place if place < lottery.rules["winners"] else None,
        )
        for place, entry in enumerate(drawn)
    ]


def run_out(
    lottery: LotteryRow, rows: Sequence[WinnerRow]
) -> tuple[list[WinnerRow], list[WinnerRow], list[int]]:
    """The time to claim is over: who let it pass, who wins instead (the next places), and which single prizes
    nobody gets."""
    late = sorted((row for row in rows if row.status == "waiting"), key=lambda row: row.prize or 0)
    lost = [row.prize or 0 for row in late]
    again: list[WinnerRow] = []
    if lottery.rules["unclaimed"] == "redraw" and lottery.rounds < REDRAWS_MAX:
        reserves = sorted((row for row in rows if row.status == "reserve"), key=lambda row: row.place)
        again = [
            replace(row, status="waiting", prize=prize) for row, prize in zip(reserves, lost, strict=False)
        ]
    return [replace(row, status="unclaimed") for row in late], again, lost[len(again) :]


def claimable(row: WinnerRow | None, lottery: LotteryRow, now_ms: int) -> WinnerRow:
    """The caller's place, if its prize can be claimed now. Raises ``Refused``: ``not_won``,
    ``already_claimed``, ``over``."""
    if row is None or row.status == "reserve":
        raise Refused("not_won")
    if row.status == "claimed":
        raise Refused("already_claimed", "You have claimed this prize.", details={"limit": 1})
    if row.status != "waiting" or now_ms >= (lottery.claim_by_ms or 0):
        raise Refused("over", "The time to claim this prize is over.")
    return row


def prize_index(prizes: Sequence[Mapping[str, Any]], prize: int) -> int:
    """Which of the prizes the single prize number ``prize`` (from 0) is one of."""
    for index, wire in enumerate(prizes):
        prize -= wire["count"]
        if prize < 0:
            return index
    raise ValueError("there is no such prize")
