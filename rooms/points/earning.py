"""Points for what people did: their days, what they ever earned, and the ledger, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rooms.days import Days
from rooms.heads import USERS
from rooms.points.rules import DayRow, Doings, Earning, PointRules, badges_of, count, level_of, standing
from rooms.points.store import DAYS, EARNED, EarnedRow
from rooms.rows import Steps
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import AMOUNT_MAX, Account, Entry

REMEMBERED_MAX = 100_000


@dataclass(slots=True)
class Levels:
    """What people had ever earned when this node last heard of it, for the badges beside their names.

    A comment asks here, not the database: a badge may be a moment old. Whoever enters a room is looked up
    with everything else that is, and hears of each new level. Asked on the writer's thread, told on the
    loop's: both only ever touch a single key.
    """

    levels: tuple[int, ...]
    _earned: dict[str, int] = field(default_factory=dict)

    def heard(self, user_id: str, earned: int) -> None:
        """What somebody has earned by now. Whoever was heard of longest ago is forgotten
        when there is no more room."""
        self._earned.pop(user_id, None)
        self._earned[user_id] = earned
        while len(self._earned) > REMEMBERED_MAX:
            self._earned.pop(next(iter(self._earned)), None)

    def badges(self, user_id: str | None) -> list[str]:
        return badges_of(self.levels, self._earned.get(user_id or "", 0))


def points_of(user_id: str) -> Account:
    return Account("points", user_id)


def issued_to(user_id: str) -> Account:
    return Account("points_issued", user_id)


class Earnings:
    """Adds up what people did, by the rules."""

    def __init__(self, rules: PointRules, days: Days) -> None:
        self.rules = rules
        self.days = days

    def load(self, doings: Doings) -> Steps[None]:
        """The days that :meth:`add` begins with. Theirs is a rank of their own."""
        yield DAYS.rows(*doings)

    def add(
        self, tx: Unit, doings: Doings, room_id: str | None = None, allow: Steps[None] | None = None
    ) -> Steps[int]:
        """Count what people did, and what of it was taken back, after :meth:`load`; gives the points that
        it earned, less those that it cost.

        Each step has a movement of its own, named after the count that was reached, and tells its user.
        ``allow`` are steps from ``Rank.USERS`` on that may refuse, before anything has changed.
        """
        earners = [
            user
            for (day, user), amounts in doings.items()
            if self._count(tx, day, user, amounts, AMOUNT_MAX)[1]
        ]
        yield EARNED.rows(*earners)
        yield ledger.accounts(*map(points_of, earners), *map(issued_to, earners))
        yield USERS.rows(*earners)
        if allow is not None:
            yield from allow
        sum_ = 0
        for (day, user_id), amounts in doings.items():
            was = tx.get(DAYS, day, user_id)
            have = ledger.known_balance(tx, points_of(user_id)) or 0
            row, earnings = self._count(tx, day, user_id, amounts, have)
            if row is not was and row.done:
                tx.put(DAYS, row)
            if earnings:
                sum_ += self._issue(tx, day, user_id, earnings, room_id)
        return sum_

    def _count(
        self, tx: Unit, day: int, user_id: str, amounts: Mapping[str, int], have: int
    ) -> tuple[DayRow, list[Earning]]:
        row = tx.get(DAYS, day, user_id) or DayRow(day, user_id, {}, {}, 0)
        return count(self.rules, row, amounts, have=have)

    def _issue(
        self, tx: Unit, day: int, user_id: str, earnings: Iterable[Earning], room_id: str | None
    ) -> int:
        was = tx.get(EARNED, user_id)
        before = earned = was.earned if was else 0
        for earning in earnings:
            mine, issued = (
                Entry(points_of(user_id), earning.points),
                Entry(issued_to(user_id), -earning.points),
            )
            kind = "points" if earning.points > 0 else "points_back"
            movement = ledger.move(tx, kind, earning.ref(day, user_id), (mine, issued), room_id=room_id)
            tell_wallet(tx, user_id, movement, earning.points)
            earned += earning.points
        tx.put(EARNED, EarnedRow(user_id, earned))
        levels = self.rules.levels
        if level_of(levels, earned) != level_of(levels, before):
            tx.tell(user_id, "level", standing(levels, earned))
        return earned - before
