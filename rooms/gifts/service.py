"""The commands ``gift`` and ``gift.refund``: coins, combo, totals, level and event in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from rooms.avatars import Faces
from rooms.commands import GiveGift, RefundGift
from rooms.errors import Refused
from rooms.gifts.catalogue import CARDS, GiftRow
from rooms.gifts.fans import FANS, Fans, new_fan
from rooms.gifts.rules import (
    Combo,
    GiftRules,
    giving,
    giving_back,
    is_banner,
    prolonged,
    refuse_unless_given_freely,
    scope_of,
    week_of,
)
from rooms.gifts.store import (
    COMBOS,
    GIVEN,
    TOTALS,
    GivenRow,
    TotalRow,
    given_table,
)
from rooms.heads import ROOMS, USERS, RoomRow
from rooms.hosts import HOSTS, host_of
from rooms.points.earning import Levels
from rooms.ports import Audit, Caller, Standing, TextRules
from rooms.rows import Key, Need, Steps, new_id
from rooms.unit import Unit
from rooms.wallet import ledger
from rooms.wallet.news import tell_wallet
from rooms.wallet.rules import Account, wallet
from rooms.wallet.share import split

REASON_CHARS = 200


class Gifts:
    """Giving, and giving back."""

    def __init__(
        self,
        standing: Standing,
        texts: TextRules,
        audit: Audit,
        rules: GiftRules,
        fans: Fans,
        levels: Levels,
        faces: Faces | None = None,
    ) -> None:
        self._standing = standing
        self._texts = texts
        self._audit = audit
        self._rules = rules
        self._fans = fans
        self._levels = levels
        self._faces = faces or Faces()

    def give(self, tx: Unit, cmd: GiveGift, caller: Caller) -> Steps[Any]:
        """Refuses with ``not_found``, ``gift_withdrawn``, ``gift_to_self``, ``not_live``,
        ``insufficient_coins``. Somebody who is muted may give: a gift says nothing."""
        yield from self.load(tx, cmd, caller.id or "")
        self.wanted(tx, cmd, caller)
        return self.hand_over(tx, cmd, caller)

    def wanted(self, tx: Unit, cmd: GiveGift, caller: Caller) -> GiftRow:
        """The gift, if it can be given. After :meth:`load`. Refuses as :meth:`give` does, but for the
        coins."""
        room = tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "gift")
        refuse_unless_given_freely(room.status, caller.id or "", room.host_id)
        return _wanted(tx, cmd.gift)

    def hand_over(self, tx: Unit, cmd: GiveGift, caller: Caller) -> dict[str, Any]:
        """The gift changes hands: :meth:`wanted` has been asked before, and refused nothing. Refuses with
        ``insufficient_coins``."""
        giver_id, room, gift = caller.id or "", tx.room(cmd.room), _wanted(tx, cmd.gift)
        role, host_id = self._standing.require(tx, cmd.room, caller, "gift"), room.host_id
        given = self._given(tx, room, gift, cmd.count, caller)
        boards = _boards(host_id, giver_id, given.room_id, given.stream, given.week)
        entries = giving(giver_id, host_id, given.coins - given.platform_coins, given.platform_coins)
        movement = ledger.move(tx, "gift", given.id, entries, room_id=cmd.room, actor_id=giver_id)
        tell_wallet(tx, giver_id, movement, -given.coins)
        combo = self._combo(tx, given)
        tx.add(given_table, replace(given, combo_id=combo.id, combo_n=combo.n))
        _add_up(tx, given, boards, given.coins)
        data = {
            "gift": gift.card(),
            "count": given.count,
            "coins": given.coins,
            "combo": combo.wire(),
            "banner": is_banner(gift.tier, given.coins, self._rules),
        }
        badges = [
            *self._standing.badges(role),
            *self._levels.badges(giver_id),
            *self._fans.badges(tx, host_id, giver_id),
        ]
        user = self._faces.card(tx, caller) | {"badges": badges}
        event = tx.append(cmd.room, "gift", data, user=user, event_id=given.id)
        return {
            "event": orjson.Fragment(event.body),
            "coins": ledger.balance(tx, wallet(giver_id)),
            "fan": self._fans.wire(tx.get(FANS, host_id, giver_id)),
        }

    def load(
        self,
        tx: Unit,
        cmd: GiveGift,
        giver_id: str,
        people: Iterable[Need] = (),
        accounts: Iterable[Account] = (),
    ) -> Steps[None]:
        """All rows that giving reads and changes; with them ``people`` of that rank, and ``accounts``."""
        yield CARDS.rows(cmd.gift)
        yield HOSTS.rows(cmd.room)
        host_id = host_of(tx, cmd.room)
        yield FANS.rows((host_id, giver_id))
        yield from people
        yield ledger.accounts(wallet(giver_id), *_shares(host_id), *accounts)
        yield USERS.rows(giver_id)
        yield ROOMS.rows(cmd.room)
        yield from self._standing.load(cmd.room, giver_id)
        yield COMBOS.rows((cmd.room, giver_id, cmd.gift))
        stream = tx.room(cmd.room).started_at_ms or 0
        yield TOTALS.rows(*_boards(host_id, giver_id, cmd.room, stream, week_of(tx.now_ms)))

    def refund(self, tx: Unit, cmd: RefundGift, caller: Caller) -> Steps[Any]:
        """Refuses with ``forbidden``, ``not_found``, ``gift_refunded``."""
        yield GIVEN.rows(cmd.gift)
        boards = yield from self._load_given(cmd.room, tx.get(GIVEN, cmd.gift), caller)
        tx.room(cmd.room)
        self._standing.require(tx, cmd.room, caller, "manage_wallets")
        given = tx.get(GIVEN, cmd.gift)
        if given is None or given.room_id != cmd.room:
            raise Refused("not_found")
        if given.refunded_at_ms is not None:
            raise Refused("gift_refunded")
        reason = self._texts.clean(cmd.reason, REASON_CHARS)
        self._give_back(tx, given, caller, reason)
        _add_up(tx, given, boards, -given.coins)
        self._fans.heard(tx, given.host_id, given.giver_id)
        combo = tx.get(COMBOS, given.room_id, given.giver_id, given.gift_id)
        if combo is not None and combo.id == given.combo_id:
            # The next gift begins another: a combo's places and counts only ever grow.
            tx.drop(COMBOS, given.room_id, given.giver_id, given.gift_id)
        back = tx.put(GIVEN, replace(given, refunded_at_ms=tx.now_ms))
        gone = {"id": given.id, "combo": given.combo_id, "count": given.count, "coins": given.coins}
        tx.append(cmd.room, "gift.refunded", gone)
        self._audit.note(tx, cmd.room, caller, "gift.refund", given.id, {**gone, "reason": reason})
        return {"gift": back.wire()}

    def _load_given(self, room_id: str, given: GivenRow | None, caller: Caller) -> Steps[list[Key]]:
        """All rows that giving back reads and changes, beside the gift; gives the boards' keys."""
        if given is not None:
            yield FANS.rows((given.host_id, given.giver_id))
            accounts = (wallet(given.giver_id), *_shares(given.host_id))
            yield ledger.accounts(*accounts, Account("correction", given.host_id))
            yield USERS.rows(given.giver_id)
        yield ROOMS.rows(room_id)
        yield from self._standing.load(room_id, caller.id)
        if given is None:
            return []
        boards = _boards(given.host_id, given.giver_id, given.room_id, given.stream, given.week)
        yield COMBOS.rows((given.room_id, given.giver_id, given.gift_id))
        yield TOTALS.rows(*boards)
        return boards

    def _given(self, tx: Unit, room: RoomRow, gift: GiftRow, count: int, caller: Caller) -> GivenRow:
        """The gift as it is to be written, but for its combo."""
        coins = gift.price * count
        _, platform_coins = split(coins, self._rules.share_percent)
        return GivenRow(
            new_id(),
            room.id,
            room.started_at_ms or 0,
            week_of(tx.now_ms),
            room.host_id,
            caller.id or "",
            caller.name,
            gift.id,
            count,
            coins,
            platform_coins,
            "",
            0,
            tx.now_ms,
            None,
        )

    def _combo(self, tx: Unit, given: GivenRow) -> Combo:
        fresh = Combo(
            given.room_id,
            given.giver_id,
            given.gift_id,
            given.id,
            given.stream,
            1,
            given.count,
            given.coins,
            given.at_ms,
        )
        last = tx.get(COMBOS, given.room_id, given.giver_id, given.gift_id)
        return tx.put(COMBOS, prolonged(last, fresh))

    def _give_back(self, tx: Unit, given: GivenRow, caller: Caller, reason: str) -> None:
        earnings, platform = (ledger.balance(tx, account) for account in _shares(given.host_id))
        host_coins = given.coins - given.platform_coins
        entries = giving_back(
            given.giver_id, given.host_id, host_coins, given.platform_coins, earnings, platform
        )
        movement = ledger.move(
            tx,
            "gift_back",
            given.id,
            entries,
            room_id=given.room_id,
            actor_id=caller.id,
            reason=reason,
        )
        tell_wallet(tx, given.giver_id, movement, given.coins)


def _shares(host_id: str) -> tuple[Account, Account]:
    return Account("earnings", host_id), Account("platform", host_id)


def _boards(host_id: str, user_id: str, room_id: str, stream: int, week: int) -> list[Key]:
    """The totals that a gift counts for, beside the fan's of all time."""
    return [
        (host_id, scope_of("stream", room_id, stream, week), user_id),
        (host_id, scope_of("week", room_id, stream, week), user_id),
    ]


def _wanted(tx: Unit, gift_id: str) -> GiftRow:
    gift = tx.get(CARDS, gift_id)
    if gift is None:
        raise Refused("not_found", "There is no such gift.")
    if gift.withdrawn:
        raise Refused("gift_withdrawn")
    return gift


def _add_up(tx: Unit, given: GivenRow, boards: list[Key], coins: int) -> None:
    """Add to the giver's totals and to the fan; or take from them. Who gives less than before keeps the time
    at which that much was reached."""
    name, at_ms = given.giver_name, given.at_ms
    for host_id, scope, user_id in boards:
        total = tx.get(TOTALS, host_id, scope, user_id) or TotalRow(host_id, scope, user_id, name, 0, at_ms)
        reached_ms = tx.now_ms if coins > 0 else total.reached_ms
        tx.put(TOTALS, replace(total, name=name, coins=total.coins + coins, reached_ms=reached_ms))
    fan = tx.get(FANS, given.host_id, given.giver_id) or new_fan(given.host_id, given.giver_id, name)
    reached_ms = tx.now_ms if coins > 0 else fan.reached_ms
    tx.put(FANS, replace(fan, name=name, coins=fan.coins + coins, reached_ms=reached_ms))
