"""What somebody is told of a lottery before and after entering: each condition, the entry, what was won."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from rooms.errors import Refused
from rooms.play.lotteries import draw, rules
from rooms.play.lotteries.conditions import Facts, ask_of, checked
from rooms.play.lotteries.service import won_wire
from rooms.play.lotteries.store import (
    LotteryRow,
    WinnerRow,
    lottery_winners_table,
    read_entries,
    read_lottery,
)


def check(
    conn: Connection, facts: Facts, room_id: str, lottery_id: str, user_ids: Sequence[str]
) -> list[dict[str, Any]] | Refused:
    """For each of them ``{conditions, entered, entry, won, entrants}``, in their order; a few statements,
    however many they are. ``Refused("not_found")`` for no lottery of this room."""
    lottery = read_lottery(conn, lottery_id)
    if lottery is None or lottery.room_id != room_id:
        return Refused("not_found", "There is no such lottery in this room.")
    conditions = lottery.rules["conditions"]
    base = rules.asking(lottery)
    amounts = [facts.read(conn, ask_of(condition, base), user_ids) for condition in conditions]
    tags = {user_id: draw.tag_of(lottery.tag_secret, user_id) for user_id in user_ids}
    entries = read_entries(conn, lottery.id, list(tags.values()))
    won = _won(conn, lottery, user_ids)
    found = []
    for user_id in user_ids:
        entry, place = entries.get(tags[user_id]), won.get(user_id)
        found.append(
            {
                "conditions": checked(conditions, [each.get(user_id, 0) for each in amounts]),
                "entered": entry is not None,
                "entry": entry.wire() if entry else None,
                "won": won_wire(lottery, place) if place else None,
                "entrants": lottery.entrants,
            }
        )
    return found


def _won(conn: Connection, lottery: LotteryRow, user_ids: Sequence[str]) -> dict[str, WinnerRow]:
    if lottery.drawn_at_ms is None:
        return {}
    winners = lottery_winners_table.c
    query = select(lottery_winners_table).where(
        winners.lottery_id == lottery.id, winners.user_id.in_(user_ids), winners.status != "reserve"
    )
    return {r.user_id: WinnerRow(*r) for r in conn.execute(query)}
